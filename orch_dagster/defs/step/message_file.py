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
from framework.contract.visible import visible
from orch_dagster.defs.dagster_internals.tail_file import tail_file
from orch_dagster.defs.runs.kept_reports import STORAGE_ERRORS
from orch_dagster.text import Masker, inert_markdown, is_link

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
        if _is_progress(masked):
            return
        try:
            self._handler.handle_message(cast(Any, inert(masked)))
        except STORAGE_ERRORS:
            # It logs what it is given. The listener has heard the message, and must hear the next:
            # whether the job landed depends on it.
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handler, name)


def _is_progress(message: Mapping[str, Any]) -> bool:
    payload = (message.get("params") or {}).get("payload")
    return is_message(payload, ProgressReport)


def inert(message: dict[str, Any]) -> dict[str, Any]:
    """Return a script's message so that Dagster shows its texts and links, and nothing acts."""
    params = message.get("params")
    if not isinstance(params, dict):
        return message
    shown = cast("dict[str, Any]", params).copy()
    for name in ("message", "text"):
        if message.get("method") in ("log", "log_external_stream") and name in shown:
            shown[name] = visible(str(shown[name]), keep="\t\n")
    if isinstance(metadata := shown.get("metadata"), dict):
        entries = cast("dict[str, Any]", metadata).items()
        shown["metadata"] = {name: _inert_entry(entry) for name, entry in entries}
    return {**message, "params": shown}


def _inert_entry(entry: Any) -> Any:
    """Return an entry of metadata whose link only opens a page and whose Markdown loads nothing."""
    if not isinstance(entry, dict):
        return entry
    value, type_ = cast("dict[str, Any]", entry).get("raw_value"), entry.get("type")
    if not isinstance(value, str):
        return cast("dict[str, Any]", entry)
    if type_ == "url" and not is_link(value):
        type_ = "text"
    text = inert_markdown(value) if type_ == "md" else visible(value, keep="\t\n")
    return {**entry, "raw_value": text, "type": type_}


def context_injector() -> dg.PipesEnvContextInjector:
    """Return the injector by an environment variable, which leaves no file to clean up."""
    return dg.PipesEnvContextInjector()
