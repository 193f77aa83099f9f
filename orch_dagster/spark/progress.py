"""How far a job is: its Spark stages as it reports them, and who in this process watches."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeAlias

from framework.contract.messages import ProgressReport

# The first minutes are told closely; of a day, a few hundred lines in all.
_TELL_EVERY_S = 10.0
_TELL_EVERY_SHARE = 0.02
_STAGES_TOLD = 3
# Where Spark found no place in the job's own code, it names one inside of itself, or a closure.
_NO_PLACE = " at NativeMethodAccessorImpl.java:0"
_NO_NAME = "$"
_FOLDERS = re.compile(r"(?<= at ).*[/\\]")


@dataclass(frozen=True)
class Stage:
    """An active stage of Spark: ``done`` of its ``tasks`` are."""

    stage_id: int
    name: str
    tasks: int
    done: int

    def __str__(self) -> str:
        of = f" ({self.name})" if self.name else ""
        return f"stage {self.stage_id}{of}: {self.done} of {self.tasks} tasks"


Watcher: TypeAlias = Callable[[str, Sequence[Stage]], None]
"""Called with a job's name and the stages that it reported; in any thread."""

_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watched_by(watcher: Watcher) -> Generator[None]:
    """Let the jobs that this process runs within the block tell their stages."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def current_watcher() -> Watcher | None:
    """Who watches the jobs of this context, if anybody does."""
    return _watcher.get()


def stages_of(report: ProgressReport) -> list[Stage]:
    """Return the stages of a job's report, with names for people."""
    return [
        Stage(stage.stage_id, _readable(stage.name), stage.tasks, stage.done)
        for stage in report.stages
    ]


def _readable(name: str) -> str:
    return "" if name.startswith(_NO_NAME) else _FOLDERS.sub("", name.removesuffix(_NO_PLACE))


@dataclass
class StageTeller:
    """Tells the stages of a job as lines, the more seldom the longer the job runs.

    That is every 10 seconds at most, and after 8 minutes every 2 % of the time that it has run.

    Attributes:
        tell: Called with a line.
        clock: Seconds that only go forward.
    """

    tell: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    _began_at: float = field(init=False)
    _told_at: float = field(default=float("-inf"), init=False)

    def __post_init__(self) -> None:
        self._began_at = self.clock()

    def __call__(self, stages: Sequence[Stage]) -> None:
        """Tell them, unless it is too soon after the last line."""
        now = self.clock()
        wait_s = max(_TELL_EVERY_S, _TELL_EVERY_SHARE * (now - self._began_at))
        if not stages or now - self._told_at < wait_s:
            return
        self._told_at = now
        more = len(stages) - _STAGES_TOLD
        told = [*map(str, stages[:_STAGES_TOLD]), *([f"{more} more stages"] if more > 0 else [])]
        self.tell("; ".join(told))
