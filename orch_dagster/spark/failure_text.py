"""Shorten a failure's text to one line, for execution_log."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import takewhile

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
_TRACEBACK = re.compile(r"(\S+\.PythonException: )?Traceback \(most recent call last\):\s*$")
_REPEATS_FOLLOW = "Driver stacktrace:"
_JAVA_FRAME = re.compile(r"\s+at [\w.$/<>]+\(|\s*\.\.\. \d+ (more|elided)")
_LOG_NOISE = re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d (TRACE|DEBUG|INFO|WARN) ")
# A JVM prints this first if the environment has options for it.
_JVM_OPENING = re.compile(r"(NOTE: )?Picked up \w+: ")
# A JVM prints these after the reason.
_JVM_CLOSING = ("Error: Could not create the Java", "Error: A fatal exception has occurred")
_PYTHON_ERROR = re.compile(r"(?:[A-Za-z_]\w*\.)*(?P<name>[A-Z]\w*)(?=: |$)")
_JAVA_ERROR = re.compile(r'Exception in thread "|(?:\S+ )*ERROR |Error: |Caused by: ')


def exception_line(name: str, message: str, stack: Iterable[str]) -> str:
    """Return `Type: message (file:line)`, without the stack frames in the message."""
    text = essence(message)
    bare = re.sub(rf"^(?:\w+\.)*{re.escape(name)}(?::\s*|\s*$)", "", text)
    where = job_location(stack)
    # Here, so that the location of a long message is not cut off.
    bare = clip_utf8(bare, _MESSAGE_CHARACTERS)
    return (f"{name}: {bare}" if bare else name) + (f" ({where})" if where else "")


def essence(message: str) -> str:
    """Remove the stack frames of Java and Python from a message, and join its lines."""
    kept: list[str] = []
    in_frame = False
    for line in message.splitlines():
        if line.strip() == _REPEATS_FOLLOW:
            break
        if _JAVA_FRAME.match(line):
            continue
        if _FRAME.match(line):
            in_frame = True
        elif not in_frame or not line.startswith("    "):
            in_frame = False
            kept.append(_TRACEBACK.sub("", line).strip())
    return " ".join(line for line in kept if line)


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
    lines = tail.splitlines()
    python = last_traceback(tail)
    if python is not None:
        return python
    telling = [line for line in lines if line.strip() and not _is_noise(line)]
    for line in reversed(telling):
        if _JAVA_ERROR.match(line):
            return line.strip()
    return telling[-1].strip() if telling else None


def last_traceback(tail: str) -> str | None:
    """Return the last Python traceback of an output in the form of exception_line, or None."""
    lines = tail.splitlines()
    for start in reversed(range(len(lines))):
        if _TRACEBACK.search(lines[start]):
            failure = _read_traceback(lines[start + 1 :])
            # None if a log line of another process has split the traceback.
            if failure is not None:
                return failure
    return None


def _read_traceback(lines: list[str]) -> str | None:
    stack = list(takewhile(lambda line: line.startswith(" "), lines))
    after_stack = lines[len(stack) :]
    error = _PYTHON_ERROR.match(after_stack[0]) if after_stack else None
    if error is None:
        return None
    message = takewhile(lambda line: not _is_noise(line), after_stack)
    return exception_line(error["name"], "\n".join(message), stack)


def _is_noise(line: str) -> bool:
    return line.startswith(_JVM_CLOSING) or any(
        pattern.match(line) for pattern in (_JAVA_FRAME, _LOG_NOISE, _FRAME, _JVM_OPENING)
    )


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
