"""Read the folder through which a driver on another machine reports; see message_folder.py."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from framework.contract import message_folder
from orch_dagster.spark.yarn.container_log import Logs
from orch_dagster.toolchain.errors import MessagesUnreadError, SparkError

# A poll adapts: often while the job reports, seldom while it only computes.
_SHORTEST_POLL_S = 1.0
_LONGEST_POLL_S = 10.0
# How long a file system that is away is waited for once the job has ended.
_LAST_READ_S = 60.0


class Files(Logs, Protocol):
    """Hadoop's file systems and logs, as the gateway to YARN has them."""

    def read_folder(self, folder: str, after: str = "") -> Sequence[tuple[str, bytes]]:
        """Return the name and content of the files that sort after a name, by name.

        A folder that is missing has none.

        Raises:
            SparkError: If the file system can't be read.
        """
        ...

    def delete(self, file: str) -> None:
        """Delete a file or folder, if it is there.

        Raises:
            SparkError: If the file system refused.
        """
        ...


@dataclass(frozen=True)
class MessageFolder:
    """The folder of one driver.

    Attributes:
        files: The file systems.
        path: The folder: a URL, or a path below the user's home folder.
    """

    files: Files
    path: str


def folder_path(staging: str, run_id: str, name: str) -> str:
    """Return the path of a driver's folder.

    >>> folder_path("hdfs://nn/staging/", "0b5dd4f2", "a_job-1f")
    'hdfs://nn/staging/.orchMessages-0b5dd4f2-a_job-1f'

    Args:
        staging: The job's spark.yarn.stagingDir; '' for the user's home folder.
        run_id: The run.
        name: What is unique within the run.
    """
    folder = f"{message_folder.FOLDER}{run_id}-{name}"
    return f"{staging.rstrip('/')}/{folder}" if staging else folder


class FolderReader:
    """Reads a folder in order while the job writes it, once more at the end, and removes it.

    Args:
        folder: The folder.
        handle: Called with each message.
        warn: Called with a sentence that the run should have in its log.
    """

    def __init__(
        self,
        folder: MessageFolder,
        handle: Callable[[Any], None],
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._files = folder.files
        self._path = folder.path
        self._handle = handle
        self._warn = warn
        self._number = 0
        self._progress = b""

    def follow(self, is_over: threading.Event) -> bool:
        """Handle messages as they come, until the job is over; then read what is left.

        Returns:
            Whether the folder was removed; else it was named in a warning.

        Raises:
            MessagesUnreadError: If the folder can't be read in the end, or lacks a file.
        """
        pause_s, is_read = _SHORTEST_POLL_S, True
        while not is_over.wait(pause_s):
            has_news = False
            try:
                has_news = self.poll()
                is_read = True
            except SparkError as error:
                if is_read:
                    self._warn(f"{_unread(self._path, error)}; it is tried again")
                is_read = False
            pause_s = _SHORTEST_POLL_S if has_news else min(pause_s * 1.5, _LONGEST_POLL_S)
        self._read_last()
        try:
            self._files.delete(self._path)
        except SparkError as error:
            self._warn(f"could not remove {self._path}, which has the messages of the job: {error}")
            return False
        return True

    def poll(self) -> bool:
        """Handle what is new; return whether anything was.

        Raises:
            MessagesUnreadError: If a file is missing.
            SparkError: If the folder can't be read.
        """
        has_news = False
        after = message_folder.file_name(self._number)
        for name, data in self._files.read_folder(self._path, after):
            number = message_folder.number_of(name)
            if number is not None and number > self._number:
                self._take(number, data)
                # The removal of the whole folder tells why, if this one is refused.
                with suppress(SparkError):
                    self._files.delete(f"{self._path}/{name}")
                has_news = True
            elif name == message_folder.PROGRESS_FILE and data != self._progress:
                self._progress = data
                self._handle(json.loads(data))
                has_news = True
        return has_news

    def _take(self, number: int, data: bytes) -> None:
        if number != self._number + 1:
            missing = message_folder.file_name(self._number + 1)
            raise MessagesUnreadError(
                f"{self._path} has {message_folder.file_name(number)} and lacks {missing}, with "
                "messages of the job"
            )
        for line in data.decode().rstrip("\n").split("\n"):
            self._handle(json.loads(line))
        self._number = number

    def _read_last(self) -> None:
        until_s = time.monotonic() + _LAST_READ_S
        while True:
            try:
                self.poll()
                return
            except MessagesUnreadError:
                raise
            except SparkError as error:
                if time.monotonic() > until_s:
                    raise MessagesUnreadError(_unread(self._path, error)) from error
            threading.Event().wait(_SHORTEST_POLL_S)


def _unread(path: str, error: SparkError) -> str:
    return f"the job's messages in {path} can't be read: {error}"
