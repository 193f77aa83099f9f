"""Judge a job by the end of its process and its reports: completed, failed or canceled."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from orch_dagster.spark.failure_text import (
    exception_line,
    last_failure,
    last_failure_of_jvm,
    last_traceback,
    printed_exception,
)
from orch_dagster.spark.process import ProcessEnd
from orch_dagster.spark.standalone import last_starved, lost_master
from orch_dagster.spark.transient import transient_cause
from orch_dagster.spark.yarn.application_end import ApplicationEnd
from orch_dagster.spark.yarn.container_size import above_maximum
from orch_dagster.spark.yarn.report import missing_program
from orch_dagster.text import clip_utf8
from orch_dagster.toolchain.windows_tools import unlinked_library

__all__ = ["JobException", "Outcome", "ResultMessages", "judge"]

_SIGKILL_CODE = 137
_SIGTERM_CODE = 143
# With which Spark ends its JVM for an error that nobody caught, such as one of memory: what ran
# there may report a shutdown alone, and the output has the error.
_UNCAUGHT_CODES = (50, 51, 52)
# Where Windows begins to end a process by a status of its own instead of an exit code.
_FIRST_STATUS = 0xC0000000
_STATUS_NAMES = {
    0xC0000005: "access violation",
    0xC0000017: "out of memory",
    0xC00000FD: "stack overflow",
    0xC0000135: "a DLL is missing",
    0xC000013A: "ended by Ctrl-C or with its console",
    0xC0000142: "a DLL could not start",
    0xC0000374: "damaged heap",
    0xC0000409: "stack buffer overrun",
}
# Py4J's exceptions when the JVM is gone.
_LOST_GATEWAY = {
    "Py4JError", "Py4JNetworkError", "ConnectionRefusedError", "ConnectionResetError",
    "BrokenPipeError",
}  # fmt: skip
# What Spark says in a driver whose application has ended.
_STOPPED = re.compile(r"SparkContext was shut down|stopped SparkContext")
_SIGNAL_NAMES = {number.value + 128: number.name for number in signal.Signals}


@dataclass(frozen=True)
class JobException:
    """An exception that the job reported: its type, its text, and its stack by traceback."""

    name: str
    message: str
    stack: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The exception in one line, after its cause in words, if that is known."""
        line = exception_line(self.name, self.message, self.stack)
        # Its own words name a program, and not whose or which setting.
        cause = self.transient_cause or self._missing_program or _unnamed_cause(self.message)
        return f"{cause}: {line}" if cause else line

    @property
    def _missing_program(self) -> str | None:
        return missing_program(self.message) if self.name == "Py4JJavaError" else None

    @property
    def transient_cause(self) -> str | None:
        """The transient cause in words, or None."""
        return transient_cause(self.name, self.message)


@dataclass(frozen=True)
class ResultMessages:
    """The messages of the result channel.

    Attributes:
        landed: The business dates (ISO) whose landing was reported.
        opened: Whether the job opened the channel.
        closed: Whether the job closed it.
        exception: The exception with which the job closed it, or None.
        broken: What is wrong with messages that could not be read, None if all could.
    """

    landed: tuple[str, ...] = ()
    opened: bool = False
    closed: bool = False
    exception: JobException | None = None
    broken: str | None = None


@dataclass(frozen=True)
class Outcome:
    """The verdict on a run of a job; `message` is one line, None if it completed.

    `is_transient` is True for a failure that another try may resolve.
    """

    status: Literal["completed", "failed", "canceled"]
    message: str | None = None
    is_transient: bool = False


def judge(
    end: ProcessEnd,
    messages: ResultMessages,
    *,
    lands: bool,
    timeout_s: float | None,
    expected_dates: Collection[str] = (),
    application: ApplicationEnd | None = None,
) -> Outcome:
    """Judge how a job ended; it completed only if that is proved.

    Args:
        end: The end of its process.
        messages: Its messages.
        lands: Whether it has sinks, so that it has to report its landing.
        timeout_s: The timeout that it had, for the message.
        expected_dates: Dates whose landing it has to report.
        application: The end of its application, if YARN ran it.
    """
    unended = application.unended if application else None
    if end.reason == "stopped":
        stopped = "stopped on request before the job had ended"
        if unended:
            return Outcome("failed", clip_utf8(f"{stopped}, but {unended}"))
        return Outcome("canceled", stopped)
    failure = _failure(end, messages, timeout_s, application) or messages.broken
    if unended:
        failure = f"{failure}; {unended}" if failure else unended
    if failure is None and lands:
        failure = _unproven_landing(end, messages, expected_dates)
    if failure is None:
        return Outcome("completed")
    is_transient = _is_transient(end, messages)
    if application and (not messages.exception or application.is_cause):
        is_transient = is_transient or application.is_transient or _is_unsent(end, application)
    return Outcome("failed", clip_utf8(failure), is_transient)


def _failure(
    end: ProcessEnd,
    messages: ResultMessages,
    timeout_s: float | None,
    application: ApplicationEnd | None,
) -> str | None:
    of_application = application.failure if application else None
    if end.reason == "timeout":
        if of_application:
            return of_application
        remedy = "raise timeout_minutes if it needs more"
        if said := last_starved(end.tail):
            remedy = f"Spark's last words: {said}"
        return f"timed out{_after(timeout_s)} and was stopped; {remedy}"
    lost = lost_master(end.tail) if end.exit_code else None
    if lost:
        return lost[0]
    exception = messages.exception
    is_symptom = application is not None and _is_symptom(exception, application)
    if exception is not None and not (is_symptom or _is_lost_gateway(end, exception)):
        return exception.line
    if application and of_application:
        # What the driver printed last is a symptom of what ended its application.
        output = None if application.is_cause else application.output
        printed = last_failure(output) if output else None
        return f"{of_application}: {printed}" if printed else of_application
    if end.exit_code == 0:
        return None
    failure = last_failure_of_jvm(end.tail) if end.exit_code in _UNCAUGHT_CODES else None
    failure = failure or (exception.line if exception else _printed_failure(end.tail))
    quoted = f": {failure}" if failure else ""
    return exit_code_text(end.exit_code) + quoted


def _printed_failure(tail: str) -> str | None:
    """Return the failure that an output reports, after its cause in words, if that is known."""
    failure = last_failure(tail)
    cause = _unnamed_cause(failure) if failure else None
    return f"{cause}: {failure}" if cause else failure


def _unnamed_cause(text: str) -> str | None:
    """Return the cause in words of a failure whose own text names no setting of the job."""
    return unlinked_library(text) or above_maximum(text)


def exit_code_text(code: int, platform: str = sys.platform) -> str:
    """Return in words how a process ended by its exit code; Windows has no signals.

    >>> exit_code_text(139, "linux"), exit_code_text(139, "win32")
    ('exit code 139 (SIGSEGV)', 'exit code 139')
    >>> exit_code_text(-1073741819, "win32")
    'exit code 0xC0000005 (access violation)'
    """
    if platform == "win32":
        status = code % 2**32
        if status < _FIRST_STATUS:
            return f"exit code {code}"
        name = _STATUS_NAMES.get(status)
        return f"exit code 0x{status:08X}" + (f" ({name})" if name else "")
    if code == _SIGKILL_CODE:
        return (
            "killed (exit code 137, SIGKILL): the machine ran out of memory, or somebody used "
            "kill -9"
        )
    if code == _SIGTERM_CODE:
        return "terminated from outside (exit code 143, SIGTERM)"
    name = _SIGNAL_NAMES.get(code)
    return f"exit code {code}" + (f" ({name})" if name else "")


def _is_symptom(exception: JobException | None, application: ApplicationEnd) -> bool:
    """Return whether an exception only reports what befell its application."""
    if exception is None or not application.failure:
        return False
    return application.is_cause or _STOPPED.search(exception.message) is not None


def _is_lost_gateway(end: ProcessEnd, exception: JobException) -> bool:
    """Return whether the exception only reports that the JVM was gone: by a signal, or by Spark."""
    is_killed = end.exit_code in (_SIGKILL_CODE, _SIGTERM_CODE)
    return end.exit_code in _UNCAUGHT_CODES or (is_killed and exception.name in _LOST_GATEWAY)


def _is_transient(end: ProcessEnd, messages: ResultMessages) -> bool:
    if end.reason != "exited" or end.exit_code == 0:
        return False
    if lost := lost_master(end.tail):
        return lost[1]
    if messages.exception is not None:
        return messages.exception.transient_cause is not None
    # A script that does not report its exception prints it.
    printed = printed_exception(end.tail)
    return printed is not None and transient_cause(printed[0], printed[1]) is not None


def _is_unsent(end: ProcessEnd, application: ApplicationEnd) -> bool:
    """Return whether a submit ended without an application as the cluster did not answer."""
    if end.reason != "exited" or end.exit_code == 0 or application.application is not None:
        return False
    failure = last_failure_of_jvm(end.tail)
    return failure is not None and transient_cause("Py4JJavaError", failure) is not None


def _unproven_landing(
    end: ProcessEnd, messages: ResultMessages, expected_dates: Collection[str]
) -> str | None:
    """Return what lacks for the proof of a landing, if a process that exited with 0 gave none."""
    missing = sorted(set(expected_dates) - set(messages.landed))
    if not messages.opened:
        gap = "it never opened the result channel (does its script call run_landing?)"
    elif not messages.closed:
        gap = "it did not close the result channel"
    elif not messages.landed:
        gap = "it reported no landing"
    elif missing:
        gap = f"it reported no landing of {', '.join(missing)}"
    else:
        return None
    # An exception in a thread does not end the process.
    traceback = last_traceback(end.tail)
    return f"unknown whether the job landed: it ended with exit code 0, but {gap}" + (
        f"; it printed {traceback}" if traceback else ""
    )


def _after(timeout_s: float | None) -> str:
    if timeout_s is None:
        return ""
    if timeout_s < 60:
        return f" after {timeout_s:g} seconds"
    minutes = f"{timeout_s / 60:g}"
    return f" after {minutes} minute" + ("" if minutes == "1" else "s")
