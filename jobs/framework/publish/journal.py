"""The journal of a landing: its owner, its state and its moves.

It is one JSON file per job and date, and also the lock (see lock.py). States:

    staging    the targets are untouched                 a crash here is rolled back
    swapping   decided: the moves are being carried out  a crash here is rolled forward
    reverting  a move failed: they are being undone      a crash here is rolled back
    done       the new data is in place                  only leftovers are removed
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

from framework.contract.paths import join, parent
from framework.publish.processes import LockOwner

FOLDER = "_landing"
FILE = "journal.json"

State = Literal["staging", "swapping", "reverting", "done"]
STATES: tuple[State, ...] = ("staging", "swapping", "reverting", "done")


@dataclass(frozen=True)
class Move:
    """A folder to replace: `target` is renamed to `old`, then `new` to `target`.

    `work` is the run's folder beside the target, which holds `new` and `old`.
    """

    work: str
    new: str
    old: str
    target: str
    had_target: bool = False


@dataclass(frozen=True)
class Journal:
    """The content of a journal file."""

    job_name: str
    biz_dt: str
    owner: LockOwner
    state: State = "staging"
    moves: tuple[Move, ...] = field(default=())

    def encode(self) -> bytes:
        """Return the content of the journal's file."""
        return json.dumps({"version": 1, **asdict(self)}, indent=1).encode()


def decode(data: bytes) -> Journal:
    """Return the journal in `data`.

    Raises:
        ValueError: If the bytes are not a journal (a write was cut off, for example).
    """
    try:
        document = cast("dict[str, Any]", json.loads(data))
        if document["state"] not in STATES:
            raise ValueError(f"unknown state {document['state']!r}")
        return Journal(
            job_name=document["job_name"],
            biz_dt=document["biz_dt"],
            owner=LockOwner(**document["owner"]),
            state=document["state"],
            moves=tuple(Move(**move) for move in document["moves"]),
        )
    except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"not a journal: {error!r}") from error


def landing_folder(target: str, job_name: str, biz_dt: str) -> str:
    """Return the folder beside `target` for one job and date.

    Spark's readers skip names that begin with an underscore.
    """
    return join(parent(target), FOLDER, job_name, biz_dt)


def journal_location(first_target: str, job_name: str, biz_dt: str) -> str:
    """Return the location of the journal, which is beside the target of the first file sink."""
    return join(landing_folder(first_target, job_name, biz_dt), FILE)
