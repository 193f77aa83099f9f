"""Send messages and log lines through a folder on Hadoop's file system (YARN's cluster mode).

A driver in a container of another machine sees neither the message file nor the log of its run. The
form of the folder is in contract/message_folder.py. What the end of a run depends on is written at
once; log lines and progress are collected for a second.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, TypeAlias

from framework.contract import message_folder
from framework.contract.log_line import format_line
from framework.contract.messages import LogReport

Write: TypeAlias = Callable[[str, bytes], None]
"""Writes a file of the folder, given its name, so that readers see it whole or not at all."""

_INTERVAL_S = 1.0
# While the file system takes none, more lines are only in the log of the container.
_MAX_WAITING_BYTES = 4 << 20
_CLOSE_WAIT_S = 30.0


class Channel:
    """Sends messages and log lines in their order, from any thread.

    Args:
        write: Writes a file of the folder.
        max_log_bytes: The size of all lines from which on they are counted only; 0 for no limit.
    """

    def __init__(self, write: Write, max_log_bytes: int = 0) -> None:
        self._write = write
        self._max_log_bytes = max_log_bytes
        # Messages, and log lines as text.
        self._waiting: list[Mapping[str, Any] | str] = []
        self._waiting_bytes = 0
        self._log_bytes = 0
        self._unsent_lines = 0
        self._progress: Mapping[str, Any] | None = None
        # A file whose write failed may be there all the same, so it is written again as it was.
        self._unwritten: bytes | None = None
        self._number = 1
        self._pid = os.getpid()
        # Held briefly, so that logging never waits for the file system.
        self._changing = threading.Lock()
        self._writing = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._flush_often, name="channel", daemon=True)
        self._thread.start()

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message after all that came before, and return when it is written.

        Raises:
            OSError: If the file system failed; the message goes with the next one.
        """
        self.add(message)
        self.flush()

    def add(self, message: Mapping[str, Any]) -> None:
        """Send a message within a second, or with the next one that is sent at once."""
        with self._changing:
            self._waiting.append(message)

    def report_progress(self, message: Mapping[str, Any]) -> None:
        """Send a message that replaces the one before it, within a second."""
        with self._changing:
            self._progress = message

    def log(self, text: str) -> None:
        """Send lines of the log within a second, as long as there is room for them."""
        if os.getpid() != self._pid:
            # A forked child has no thread that sends, and another may hold the lock.
            return
        lines = text.split("\n")
        size = len(text.encode("utf-8", "replace")) + 1
        with self._changing:
            is_over = 0 < self._max_log_bytes <= self._log_bytes
            if is_over or self._waiting_bytes + size > _MAX_WAITING_BYTES:
                self._unsent_lines += len(lines)
                return
            self._waiting += lines
            self._waiting_bytes += size
            self._log_bytes += size

    def flush(self) -> None:
        """Write all that waits.

        Raises:
            OSError: If the file system failed; what waits goes with the next flush.
        """
        with self._writing:
            self._write_file()
            with self._changing:
                waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
                progress, self._progress = self._progress, None
            if waiting:
                self._unwritten = _encoded(waiting)
                self._write_file()
            if progress is not None:
                self._write(message_folder.PROGRESS_FILE, json.dumps(progress).encode())

    def close(self) -> None:
        """Write what waits, and stop; a failure is only printed."""
        self._closing.set()
        self._thread.join(_CLOSE_WAIT_S)
        if self._unsent_lines:
            text = (
                f"{self._unsent_lines:,} more lines are only in the log of the driver's container"
            )
            with self._changing:
                now = datetime.now(tz=timezone.utc)
                self._waiting.append(format_line(now, "WARN", "orch", text))
        self._flush_or_print()

    def _write_file(self) -> None:
        if self._unwritten is not None:
            self._write(message_folder.file_name(self._number), self._unwritten)
            self._number += 1
            self._unwritten = None

    def _flush_often(self) -> None:
        while not self._closing.wait(_INTERVAL_S):
            self._flush_or_print()

    def _flush_or_print(self) -> None:
        try:
            self.flush()
        except OSError as error:
            # The next message that is sent at once raises it to its sender.
            print(f"messages to the orchestrator are late: {error}", file=sys.__stderr__)


def _encoded(waiting: Sequence[Mapping[str, Any] | str]) -> bytes:
    """Return the content of a file; log lines in a row become one message."""
    messages: list[Mapping[str, Any]] = []
    for is_log, group in itertools.groupby(waiting, lambda each: isinstance(each, str)):
        if is_log:
            report = LogReport(tuple(map(str, group)))
            messages.append(_custom_message(report.to_json()))
        else:
            messages += [each for each in group if isinstance(each, Mapping)]
    return "".join(f"{json.dumps(message)}\n" for message in messages).encode()


def _custom_message(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the message by which Dagster Pipes sends a payload."""
    return {
        "__dagster_pipes_version": "0.1",
        "method": "report_custom_message",
        "params": {"payload": payload},
    }
