"""Shorten a failure's text to one line, for execution_log."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice, takewhile

from framework.contract.causes import deepest_first, without_frames
from orch_dagster.text import clip_utf8

_MESSAGE_CHARACTERS = 400
# Code that is not the job's, as its locations don't help the author of a job. The framework and a
# Spark's own pyspark are matched by the ends of their folders, so that a job in a folder named
# `framework` keeps its location.
_FOREIGN_PARTS = frozenset({"site-packages", "dist-packages", "Lib"})
_FRAMEWORK = r"framework(/(contract|read|land|check|publish|storage))?"
_FOREIGN_FOLDER = re.compile(rf"(.*/)?({_FRAMEWORK}|python/pyspark(/.*)?)")
_FOREIGN_ARCHIVE = re.compile(r"(pyspark|py4j-.*|framework-.*|dagster_pipes-.*)\.zip")
_PYTHON_LIBRARY = re.compile(r"python3\.\d+")
_FRAME = re.compile(r'\s*File "(?P<path>[^"]+)", line (?P<line>\d+)')
# It is alone on its line, or ends a Java message that contains a worker's traceback.
_TRACEBACK = re.compile(
    r"(?:(?<!\S)\S+\.PythonException: )?Traceback \(most recent call last\):\s*$"
)
# A tail may hold thousands, and each is followed to its end.
_MOST_TRACEBACKS = 100
_CAUSED_BY = "Caused by: "
_JAVA_FRAME = re.compile(r"\s+at [\w.$/<>]+\(|\s*\.\.\. \d+ (more|elided)")
# The time of a line of Spark's log, or of a job's, as contract/log_line.py has it.
_TIME = r"(?:\d\d/\d\d/\d\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"
_LOG_LINE = re.compile(rf"{_TIME} [A-Z]+ ")
_LOG_NOISE = re.compile(rf"{_TIME} (TRACE|DEBUG|INFO|WARN) ")
# Spark logs these after the exception that they are about.
_TASK_FAILED = re.compile(
    r".* ERROR (TaskSetManager: Task \d+ in stage|FileFormatWriter: Aborting|Utils: Aborting task)"
)
# Python's warnings, with the lines of their texts and the line of code that it prints below.
_PYTHON_WARNING = re.compile(r"^\S.*\.py:\d+: \w*Warning: .*\n(?:  .*(?:\n|\Z))*", re.MULTILINE)
# What Spark itself calls ignored, with its trace: a block manager that registers again late looks
# for a scheduler that no local master has.
_IGNORED = re.compile(
    rf"^{_TIME} ERROR Inbox: Ignoring error\r?\n(?:[\w.$]+(?:Exception|Error)\b.*(?:\n|\Z))?"
    r"(?:(?:\s+at |\s*\.\.\. \d+ more|Caused by: ).*(?:\n|\Z))*",
    re.MULTILINE,
)
# What YARN's client says of an application that starts; its end is asked of the resource manager.
_REPORT_PART = re.compile(
    r"\t (client token|diagnostics|ApplicationMaster (host|RPC port)|queue|start time|final status"
    r"|tracking URL|user): "
)
# A JVM prints this first if the environment has options for it.
_JVM_OPENING = re.compile(r"(NOTE: )?Picked up \w+: ")
# A JVM prints these after the reason.
_JVM_CLOSING = ("Error: Could not create the Java", "Error: A fatal exception has occurred")
_NOISE = (_JAVA_FRAME, _LOG_NOISE, _TASK_FAILED, _FRAME, _JVM_OPENING, _REPORT_PART)
_PYTHON_ERROR = re.compile(r"(?:[A-Za-z_]\w*\.)*(?P<name>[A-Z]\w*)(?=: |$)")
_JAVA_HEAD = re.compile(
    r'Exception in thread "|: |(?:\S+ )*ERROR |(?:[a-z_]\w*\.)+[A-Z]\w*(Exception|Error)\b'
)
_JAVA_ERROR = re.compile(r'Exception in thread "|(?:\S+ )*ERROR |Error: |Caused by: ')


def exception_line(name: str, message: str, stack: Iterable[str]) -> str:
    """Return `Type: message (file:line)` of the deepest cause, then what it caused.

    The location is the job's; if only a worker of Python ran its code, then the worker's.
    """
    where = job_location(stack) or job_location(message.splitlines())
    # Here, so that the location of a long message is not cut off.
    text = clip_utf8(deepest_first(name, message), _MESSAGE_CHARACTERS)
    return text + (f" ({where})" if where else "")


def essence(message: str) -> str:
    """Remove the stack frames of Java and Python from a message, and join its lines."""
    return " ".join(without_frames(message))


def job_location(stack: Iterable[str]) -> str | None:
    """Return `file.py:12` of the last frame in the job's own code, or None."""
    location: str | None = None
    for frame in stack:
        match = _FRAME.match(frame)
        if match is None:
            continue
        parts = re.split(r"[/\\]", match["path"])
        if not _is_foreign(parts):
            location = f"{parts[-1]}:{match['line']}"
    return location


def last_failure(tail: str) -> str | None:
    """Return the failure that the tail of an output reports, or None.

    The order of preference is: a Python traceback, with its location in the job; a Java exception;
    the last line that is neither a stack frame nor an ordinary log line.
    """
    return last_traceback(tail) or last_failure_of_jvm(tail)


def last_failure_of_jvm(tail: str) -> str | None:
    """Return what `last_failure` does of an output in which Python's tracebacks tell nothing."""
    lines = _IGNORED.sub("", _PYTHON_WARNING.sub("", tail)).splitlines()
    telling = [line for line in lines if line.strip() and not _is_noise(line)]
    for place in reversed(range(len(lines))):
        line = lines[place]
        if _JAVA_ERROR.match(line) and not _is_noise(line):
            text = _java_exception(lines, place)
            return exception_line("Py4JJavaError", text, ()) if text else line.strip()
    return telling[-1].strip() if telling else None


def _java_exception(lines: list[str], place: int) -> str | None:
    """Return the stack trace that a line belongs to, or None if it belongs to none."""
    start = place
    while start > 0 and lines[start].startswith(_CAUSED_BY):
        start -= 1
        while start > 0 and not (_JAVA_HEAD.match(lines[start]) or _LOG_NOISE.match(lines[start])):
            start -= 1
    if _LOG_NOISE.match(lines[start]):
        start += 1
    after = takewhile(lambda line: not _LOG_LINE.match(line), lines[place + 1 :])
    last = max((n for n, line in enumerate(after, 1) if _is_of_a_trace(line)), default=0)
    if not last and start == place and not lines[place].startswith(_CAUSED_BY):
        return None
    return "\n".join(lines[start : place + last + 1])


def _is_of_a_trace(line: str) -> bool:
    return line.startswith(_CAUSED_BY) or _JAVA_FRAME.match(line) is not None


def last_traceback(tail: str) -> str | None:
    """Return the last Python traceback of an output in the form of exception_line, or None."""
    printed = printed_exception(tail)
    return exception_line(*printed) if printed else None


def printed_exception(tail: str) -> tuple[str, str, list[str]] | None:
    """Return type, message and stack of the last Python traceback of an output, or None."""
    lines = tail.splitlines()
    starts = (n for n in reversed(range(len(lines))) if _TRACEBACK.search(lines[n]))
    for start in islice(starts, _MOST_TRACEBACKS):
        exception = _read_traceback(lines[start + 1 :])
        # None if a log line of another process has split the traceback.
        if exception is not None:
            return exception
    return None


def _read_traceback(lines: list[str]) -> tuple[str, str, list[str]] | None:
    stack = list(takewhile(lambda line: line.startswith(" "), lines))
    after_stack = lines[len(stack) :]
    error = _PYTHON_ERROR.match(after_stack[0]) if after_stack else None
    if error is None:
        return None
    # With the frames of Java, as they are between the exception and its causes.
    message = takewhile(lambda line: not _ends_message(line), after_stack)
    return error["name"], "\n".join(message), stack


def _ends_message(line: str) -> bool:
    return line.startswith(_JVM_CLOSING) or any(
        pattern.match(line) for pattern in (_LOG_LINE, _JVM_OPENING)
    )


def _is_noise(line: str) -> bool:
    return line.startswith(_JVM_CLOSING) or any(pattern.match(line) for pattern in _NOISE)


def _is_foreign(parts: list[str]) -> bool:
    folder = "/".join(parts[:-1])
    return (
        _FOREIGN_FOLDER.fullmatch(folder) is not None
        or any(
            part in _FOREIGN_PARTS
            or _FOREIGN_ARCHIVE.fullmatch(part)
            or _PYTHON_LIBRARY.fullmatch(part)
            for part in parts[:-1]
        )
        or parts[-1].startswith("<")
    )
