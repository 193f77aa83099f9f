"""Read the Pipes messages of a job, its only result channel, while it writes them.

They are in a file of this machine, or on Hadoop's file system if the driver is elsewhere.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, cast

import dagster as dg
from dagster import PipesFileMessageReader, PipesMessageHandler
from typing_extensions import override

from framework.contract import message_folder
from framework.contract.messages import LogReport, ProgressReport, is_message
from framework.contract.visible import visible
from orch_dagster.bundle.leftovers import FOLDER_SUFFIX, MESSAGES_SUFFIX
from orch_dagster.defs.runs.kept_reports import STORAGE_ERRORS
from orch_dagster.files import remove_or_warn
from orch_dagster.growing_file import follow
from orch_dagster.spark.yarn.messages import FolderReader, MessageFolder
from orch_dagster.text import Masker, inert_markdown, is_link
from orch_dagster.toolchain.errors import MessagesUnreadError

_LOOK_EVERY_S = 0.01
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
        folder: The folder of a driver elsewhere, in which there are messages too.
        warn: Called with a sentence that the run should have in its log.
        closing: Set once the job has closed its channel.

    Attributes:
        unread: Why messages of the folder could not be read, once the session has ended.
        has_exception: Whether the job reported the exception with which it ended.

    While there is a folder, a file beside the message file names it, for who finds the run dead.
    """

    def __init__(
        self,
        path: Path,
        listen: Callable[[dict[str, Any]], None],
        mask: Masker | None = None,
        folder: MessageFolder | None = None,
        warn: Callable[[str], None] = lambda _: None,
        closing: Event | None = None,
    ) -> None:
        super().__init__(str(path))
        self._listen = listen
        self._mask = mask or Masker()
        self._folder = folder
        self._warn = warn
        self._closing = closing or Event()
        self.unread: str | None = None
        self.has_exception = False
        self._is_removed = False

    @property
    def expected_writer_count(self) -> int:
        """The number of writers: 1, the job. Dagster warns of its own default."""
        return 1

    def _reader_thread(self, handler: PipesMessageHandler, is_resource_complete: Event) -> None:
        """Handle whole lines only, unlike PipesFileMessageReader.

        A long message is written in pieces, so the file may end with half a line.
        """
        try:
            path = Path(self._path)
            for lines in follow(path, is_resource_complete.is_set, _LOOK_EVERY_S):
                for line in lines.splitlines(keepends=True):
                    # A writer that was killed leaves half a message.
                    if line.endswith(b"\n"):
                        handler.handle_message(json.loads(line))
        except BaseException:
            handler.report_pipes_framework_exception(
                f"{type(self).__name__} reader thread", sys.exc_info()
            )
            raise

    @override
    @contextmanager
    def read_messages(self, handler: PipesMessageHandler) -> Generator[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        listening = cast(PipesMessageHandler, _ListeningHandler(handler, self._heard, self._mask))
        with super().read_messages(listening) as params:
            if self._folder is None:
                yield params
                return
            with self._read_folder(listening, self._folder):
                # The file too: a script that opens Dagster Pipes itself writes there.
                yield {**params, message_folder.PARAM: self._folder.path}

    def _heard(self, message: dict[str, Any]) -> None:
        is_closed = message.get("method") == "closed"
        if is_closed and (message.get("params") or {}).get("exception"):
            self.has_exception = True
        self._listen(message)
        if is_closed:
            self._closing.set()

    @contextmanager
    def _read_folder(self, handler: PipesMessageHandler, folder: MessageFolder) -> Generator[None]:
        path = Path(self._path)
        # Of this attempt, as an earlier one may have left its own.
        stem = f"{path.name.removesuffix(MESSAGES_SUFFIX)}.{folder.path[-8:]}"
        named = path.with_name(stem + FOLDER_SUFFIX)
        named.write_text(folder.path, encoding="utf-8")
        is_over = Event()
        args = (FolderReader(folder, handler.handle_message, self.tell), is_over, handler)
        thread = Thread(target=self._folder_thread, args=args, name="messages", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()
            if self._is_removed:
                remove_or_warn(named, self.tell)

    def tell(self, text: str) -> None:
        """Warn, if Dagster's storage takes it: whether the job landed depends on no warning."""
        with suppress(*STORAGE_ERRORS):
            self._warn(text)

    def _folder_thread(
        self, reader: FolderReader, is_over: Event, handler: PipesMessageHandler
    ) -> None:
        try:
            self._is_removed = reader.follow(is_over)
        except MessagesUnreadError as error:
            self.unread = str(error)
        except BaseException as error:
            self.unread = f"the job's messages can't be read: {error}"
            handler.report_pipes_framework_exception(
                f"{type(self).__name__} folder thread", sys.exc_info()
            )
            raise


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
        # Dagster would keep them in memory until the step ends, which may take a day.
        if _is_for_listener(masked):
            return
        try:
            self._handler.handle_message(cast(Any, inert(masked)))
        except STORAGE_ERRORS:
            # It logs what it is given. The listener has heard the message, and must hear the next:
            # whether the job landed depends on it.
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handler, name)


def _is_for_listener(message: Mapping[str, Any]) -> bool:
    """Return whether nobody else wants a message: progress, and lines of the log."""
    payload = (message.get("params") or {}).get("payload")
    return is_message(payload, ProgressReport) or is_message(payload, LogReport)


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
