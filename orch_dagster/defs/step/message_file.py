"""Read the Pipes message file of a job, its only result channel, while it is written."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, cast

import dagster as dg
from dagster import PipesFileMessageReader, PipesMessageHandler
from typing_extensions import override

from framework.contract.messages import ProgressReport, is_message
from orch_dagster.defs.dagster_internals.tail_file import tail_file
from orch_dagster.text import Masker

# The values of these keys are fixed words, which a secret may happen to equal.
_WORDS = frozenset(
    {
        "method",
        "kind",
        "type",
        "level",
        "severity",
        "biz_dt",
        "started_at",
        "asset_key",
        "check_name",
    }
)


class MessageFile(PipesFileMessageReader):
    """Dagster's file reader, which first hands each message to a listener.

    Args:
        path: The file, created and removed by the session.
        listen: Called in the reader's thread with each message, secrets masked.
        mask: Masks secrets.
    """

    def __init__(
        self, path: Path, listen: Callable[[dict[str, Any]], None], mask: Masker | None = None
    ) -> None:
        super().__init__(str(path))
        self._listen = listen
        self._mask = mask or Masker()

    @property
    def expected_writer_count(self) -> int:
        """The number of writers: 1, the job. Dagster warns of its own default."""
        return 1

    def _reader_thread(self, handler: PipesMessageHandler, is_resource_complete: Event) -> None:
        """Handle whole lines only, unlike PipesFileMessageReader.

        A long message is written in pieces, so the file may end with half a line.
        """
        try:
            line = ""
            for piece in tail_file(self._path, is_resource_complete.is_set):
                line += piece
                if line.endswith("\n"):
                    handler.handle_message(json.loads(line))
                    line = ""
        except BaseException:
            handler.report_pipes_framework_exception(
                f"{type(self).__name__} reader thread", sys.exc_info()
            )
            raise

    @override
    @contextmanager
    def read_messages(self, handler: PipesMessageHandler) -> Generator[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        listening = cast(PipesMessageHandler, _ListeningHandler(handler, self._listen, self._mask))
        with super().read_messages(listening) as params:
            yield params


class _ListeningHandler:
    """Hands each message to the listener, then to Dagster's handler."""

    def __init__(
        self, handler: PipesMessageHandler, listen: Callable[[dict[str, Any]], None], mask: Masker
    ) -> None:
        self._handler = handler
        self._listen = listen
        self._mask = mask

    def handle_message(self, message: Any) -> None:
        masked = self._mask.all_of(message, _WORDS)
        self._listen(masked)
        # Dagster would keep progress in memory until the step ends, which may take a day.
        if not _is_progress(masked):
            self._handler.handle_message(masked)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handler, name)


def _is_progress(message: Mapping[str, Any]) -> bool:
    payload = (message.get("params") or {}).get("payload")
    return is_message(payload, ProgressReport)


def context_injector() -> dg.PipesEnvContextInjector:
    """Return the injector by an environment variable, which leaves no file to clean up."""
    return dg.PipesEnvContextInjector()
