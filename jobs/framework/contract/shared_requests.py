"""The lines by which the orchestrator and an application that several jobs share talk.

Each writes a file of JSON lines that the other reads as it grows: requests to the application, and
answers on its jobs back. A job's result is in its own message file; the line of its end says that
its thread is over while the application still ran, so that nothing of it is left to happen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Land:
    """Land a job.

    Attributes:
        job: The job's name in the application, which no other has.
        variables: The variables that are the job's own.
    """

    job: str
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Stop:
    """End a job before its time; the others go on."""

    job: str


@dataclass(frozen=True)
class End:
    """End the application once its jobs have ended; no job comes any more."""


Request: TypeAlias = Land | Stop | End


@dataclass(frozen=True)
class Taken:
    """The application has begun with a job, whose time limit counts from here."""

    job: str


@dataclass(frozen=True)
class Ended:
    """A job has ended.

    Attributes:
        job: The job.
        landed: Whether it landed; its message file tells why it did not.
    """

    job: str
    landed: bool


Answer: TypeAlias = Taken | Ended


def request_line(request: Request) -> str:
    """Return a request as a line.

    >>> request_line(Stop("a-1"))
    '{"stop": "a-1"}\\n'
    """
    match request:
        case Land():
            document: dict[str, Any] = {"land": request.job, "variables": dict(request.variables)}
        case Stop():
            document = {"stop": request.job}
        case End():
            document = {"end": True}
    return json.dumps(document) + "\n"


def parse_request(line: str | bytes) -> Request:
    """Return the request of a line.

    Raises:
        ValueError: If it is none.
    """
    match json.loads(line):
        case {"land": str(job), "variables": dict(variables)}:
            return Land(job, {str(name): str(value) for name, value in variables.items()})  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        case {"stop": str(job)}:
            return Stop(job)
        case {"end": True}:
            return End()
        case _:
            raise ValueError(f"not a request to a shared application: {line!r}")


def answer_line(answer: Answer) -> str:
    """Return an answer as a line."""
    match answer:
        case Taken():
            document: dict[str, Any] = {"taken": answer.job}
        case Ended():
            document = {"ended": answer.job, "landed": answer.landed}
    return json.dumps(document) + "\n"


def parse_answer(line: str | bytes) -> Answer:
    """Return the answer of a line.

    Raises:
        ValueError: If it is none.
    """
    match json.loads(line):
        case {"taken": str(job)}:
            return Taken(job)
        case {"ended": str(job), "landed": bool(landed)}:
            return Ended(job, landed)
        case _:
            raise ValueError(f"not an answer of a shared application: {line!r}")
