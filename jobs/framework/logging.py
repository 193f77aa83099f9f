"""Log lines of a job, in the form of contract/log_line.py.

All lines go to LOG_FILE, or to standard error if it is unset or can't be opened. They go there too
once the file has reached its largest size, as the orchestrator counts there what the log does not
keep. In YARN's cluster mode they travel to the orchestrator too (see driver_elsewhere.py). A record
is one write, so lines of several processes never mix; the further lines of a message or a traceback
are indented by four spaces and follow the first. Secrets of the job are masked.
"""

from __future__ import annotations

import logging
import os
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, TextIO

from framework.channel import Channel
from framework.contract import variables
from framework.contract.append import is_full, open_append, write_all
from framework.contract.log_line import format_line, log_text
from framework.contract.native_paths import with_native_paths
from framework.driver_elsewhere import channel
from framework.secrets import mask
from framework.shared_job import shared_job

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LEVELS = {"WARNING": "WARN", "CRITICAL": "FATAL"}
_SPARK_LEVELS = ("ALL", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF")


class LineFormatter(logging.Formatter):
    """A formatter of log lines: time in UTC with milliseconds, level, logger's name, message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text, with its further lines indented."""
        first, *further = self._text(record).splitlines() or [""]
        time = datetime.fromtimestamp(record.created, tz=timezone.utc)
        level = _LEVELS.get(record.levelname, record.levelname)
        head = format_line(time, level, record.name, first)
        return "\n".join([head, *(f"    {log_text(line)}" for line in further)])

    def _text(self, record: logging.LogRecord) -> str:
        # A job beside others in one process names itself.
        job = shared_job()
        parts = [f"{job.name}: {record.getMessage()}" if job else record.getMessage()]
        if record.exc_info:
            parts.append(self.formatException(record.exc_info))
        if record.stack_info:
            parts.append(self.formatStack(record.stack_info))
        return mask(with_native_paths("\n".join(parts)))


class LineHandler(logging.Handler):
    """A handler that writes a record by one system call, to LOG_FILE or to standard error.

    Args:
        path: LOG_FILE, or None.
        max_bytes: The size of LOG_FILE from which on lines go to standard error; 0 for no limit.
    """

    def __init__(self, path: str | None, max_bytes: int = 0) -> None:
        super().__init__()
        self.path = path
        self._max_bytes = max_bytes
        self.problem: OSError | None = None
        self._descriptor: int | None = None
        self._channel: Channel | None = None
        self.setFormatter(LineFormatter())
        try:
            if path is not None:
                self._descriptor = open_append(path)
            else:
                self._channel = channel()
        except OSError as error:
            self.problem = error

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; report a failing write as `logging` does."""
        try:
            line = self.format(record) + "\n"
            if self._channel is not None:
                self._channel.log(line[:-1])
                # The log of the container; sys.stderr would send the line again.
                _write_text(sys.__stderr__ or sys.stderr, line)
            elif self._descriptor is None or is_full(self._descriptor, self._max_bytes):
                _write_text(sys.stderr, line)
            else:
                write_all(self._descriptor, line.encode("utf-8", "backslashreplace"))
        except Exception:  # noqa: BLE001 - logging's own contract: a log line never ends the job
            self.handleError(record)

    def close(self) -> None:
        """Close the file; the handler writes to standard error from then on."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
        super().close()


def _write_text(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()


_shared: LineHandler | None = None


def get_logger(name: str) -> logging.Logger:
    """Return the logger `name`, writing to LOG_FILE (or standard error) from level INFO on.

    Another call returns the same logger, and moves it to LOG_FILE if that has changed.
    """
    logger = logging.getLogger(name)
    handler, is_new = _shared_handler()
    if handler not in logger.handlers:
        for stale in [each for each in logger.handlers if isinstance(each, LineHandler)]:
            logger.removeHandler(stale)
        logger.addHandler(handler)
        # Spark or a library may have put handlers on the root, and lines would appear twice.
        logger.propagate = False
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.INFO)
    if is_new and handler.problem is not None:
        what = "LOG_FILE can't be opened" if handler.path else "log lines reach no orchestrator"
        logger.warning("%s, logging to stderr: %s", what, handler.problem)
    return logger


def set_spark_log_level(spark: SparkSession, level: str) -> None:
    """Set the level of Spark's own log (JVM side), for example "WARN".

    Raises:
        ValueError: If `level` is not a level of Spark.
    """
    name = _LEVELS.get(level.upper(), level.upper())
    if name not in _SPARK_LEVELS:
        raise ValueError(
            f"unknown Spark log level {level!r}; use one of {', '.join(_SPARK_LEVELS)}"
        )
    spark.sparkContext.setLogLevel(name)


def _shared_handler() -> tuple[LineHandler, bool]:
    global _shared
    path = os.environ.get(variables.LOG_FILE) or None
    if _shared is not None and _shared.path == path:
        return _shared, False
    if _shared is not None:
        _shared.close()
    _shared = LineHandler(path, int(os.environ.get(variables.LOG_MAX_BYTES) or 0))
    return _shared, True
