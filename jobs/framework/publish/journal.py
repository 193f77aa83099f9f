"""The journal of a landing: its owner, its state and its moves.

It is one JSON file per job and date, and also the lock (see lock.py). States:

    staging    the targets are untouched                 a crash here is rolled back
    swapping   decided: the moves are being carried out  a crash here is rolled forward
    reverting  a move failed: they are being undone      a crash here is rolled back
    done       the new data is in place                  only leftovers are removed

Its paths start at its own folder, so that a copied data folder is recovered in the copy. Those of
sinks outside of the data root are absolute, and obeyed only where the journal was written.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from framework.contract.paths import (
    from_folder,
    is_absolute,
    is_within,
    join,
    parent,
    relative_to,
)
from framework.contract.places import LANDING as FOLDER
from framework.publish.processes import LockOwner

FILE = "journal.json"
VERSION = 2
# In the place of a job's name in the path of a target's lock; no job has a name with a dot.
TARGETS = ".targets"
WRITTEN_AT = "written_at"
LANDING = "landing"
PATHS = ("work", "new", "old", "target")

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
    """The content of a journal file.

    Attributes:
        job_name: The job.
        biz_dt: The date.
        owner: The landing's process.
        state: How far it got.
        moves: Its moves; the first one's target is beside the journal.
        landing: Of a target's lock (see targets.py): the path from its folder to the journal of the
            landing that has it.
        roots: The folders in which targets may lie, the data root first; empty: any. The file does
            not have them.
    """

    job_name: str
    biz_dt: str
    owner: LockOwner
    state: State = "staging"
    moves: tuple[Move, ...] = field(default=())
    roots: tuple[str, ...] = field(default=(), compare=False)
    landing: str | None = None

    def encode(self) -> bytes:
        """Return the content of the journal's file."""
        document: dict[str, Any] = {
            "version": VERSION,
            "job_name": self.job_name,
            "biz_dt": self.biz_dt,
            "owner": asdict(self.owner),
            "state": self.state,
            "moves": [self._encoded(move) for move in self.moves],
        }
        if any(is_absolute(move["target"]) for move in document["moves"]):
            document[WRITTEN_AT] = from_folder(self._folder, ".")
        if self.landing:
            document[LANDING] = self.landing
        return json.dumps(document, indent=1).encode()

    def landing_at(self, location: str) -> str:
        """Return the journal of the landing that has the lock at `location`."""
        return from_folder(parent(location), self.landing or location.rpartition("/")[2])

    @property
    def _folder(self) -> str:
        return landing_folder(self.moves[0].target, self.job_name, self.biz_dt)

    def _encoded(self, move: Move) -> dict[str, Any]:
        document = asdict(move)
        tree = parent(self.moves[0].target)
        is_copied_along = is_within(move.target, tree) or all(
            is_within(each, root) for each in (move.target, tree) for root in self.roots[:1]
        )
        paths = {name: relative_to(document[name], self._folder) for name in PATHS}
        return document | paths if is_copied_along and None not in paths.values() else document


def landing_folder(target: str, job_name: str, biz_dt: str) -> str:
    """Return the folder beside `target` for one job and date.

    Spark's readers skip names that begin with an underscore.
    """
    return join(parent(target), FOLDER, job_name, biz_dt)


def journal_location(first_target: str, job_name: str, biz_dt: str) -> str:
    """Return the location of the journal, which is beside the target of the first file sink."""
    return join(landing_folder(first_target, job_name, biz_dt), FILE)
