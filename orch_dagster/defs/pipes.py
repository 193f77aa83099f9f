"""The one result channel: the Pipes message file of a job, heard as it is written."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import dagster as dg
from dagster import PipesFileMessageReader
from dagster._core.pipes.context import PipesMessageHandler


class MessageFile(PipesFileMessageReader):
    """Dagster's file reader, which also lets a listener hear each message first.

    Args:
        path: The file, made and removed by the session.
        listen: Called in the reader's thread with each message as the job wrote it.
    """

    def __init__(self, path: Path, listen: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(str(path))
        self._listen = listen

    @property
    def expected_writer_count(self) -> int:
        """One job writes the file; said here because Dagster warns of its own default."""
        return 1

    @contextmanager
    def read_messages(self, handler: PipesMessageHandler) -> Generator[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """See PipesFileMessageReader."""
        heard = cast(PipesMessageHandler, _Heard(handler, self._listen))
        with super().read_messages(heard) as params:
            yield params


class _Heard:
    """A handler before the handler."""

    def __init__(
        self, handler: PipesMessageHandler, listen: Callable[[dict[str, Any]], None]
    ) -> None:
        self._handler = handler
        self._listen = listen

    def handle_message(self, message: Any) -> None:
        self._listen(message)
        self._handler.handle_message(message)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handler, name)


def context_injector() -> dg.PipesEnvContextInjector:
    """How the job learns its context: by an environment variable, so by no file to clean up."""
    return dg.PipesEnvContextInjector()
