"""The progress of a job: the Spark stages that it reports, and the watcher in this process."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeAlias

from framework.contract.messages import ProgressReport
from framework.contract.visible import visible

# Close in the first minutes, yet only a few hundred lines in a day.
_TELL_EVERY_S = 10.0
_TELL_EVERY_SHARE = 0.02
_STAGES_SHOWN = 3
# Without a place in the job's own code, Spark names one of its own, or a closure.
_NO_PLACE = " at NativeMethodAccessorImpl.java:0"
_NO_NAME = "$"
_FOLDERS = re.compile(r"(?<= at ).*[/\\]")


@dataclass(frozen=True)
class Stage:
    """An active stage of Spark, with ``done`` of its ``tasks`` done."""

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
    """Send the stages of the jobs that this process runs within the block to a watcher."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def current_watcher() -> Watcher | None:
    """Return the watcher of this context's jobs, or None."""
    return _watcher.get()


def stages_of(report: ProgressReport) -> list[Stage]:
    """Return the stages of a job's report, with names for people."""
    return [
        Stage(stage.stage_id, _readable(stage.name), stage.tasks, stage.done)
        for stage in report.stages
    ]


def _readable(name: str) -> str:
    if name.startswith(_NO_NAME):
        return ""
    return visible(_FOLDERS.sub("", name.removesuffix(_NO_PLACE)))


@dataclass
class StageTeller:
    """A writer of a job's stages as lines, the rarer the longer the job runs.

    A line comes at most every 10 seconds, and after 8 minutes at most every 2 % of the running
    time.

    Attributes:
        tell: Called with a line.
        clock: A monotonic clock, in seconds.
    """

    tell: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    _began_at: float = field(init=False)
    _told_at: float = field(default=float("-inf"), init=False)

    def __post_init__(self) -> None:
        self._began_at = self.clock()

    def __call__(self, stages: Sequence[Stage]) -> None:
        """Write the stages, unless it is too soon after the last line."""
        now = self.clock()
        wait_s = max(_TELL_EVERY_S, _TELL_EVERY_SHARE * (now - self._began_at))
        if not stages or now - self._told_at < wait_s:
            return
        self._told_at = now
        more = len(stages) - _STAGES_SHOWN
        shown = [*map(str, stages[:_STAGES_SHOWN]), *([f"{more} more stages"] if more > 0 else [])]
        self.tell("; ".join(shown))
