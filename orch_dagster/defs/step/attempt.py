"""One attempt of a step: which of the run's dates are left to it, whether another may follow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from orch_dagster.bundle.retries import Retries, retries_of
from orch_dagster.control.records import SysParam
from orch_dagster.control.tables import SYS_PARAMS
from orch_dagster.defs.runs.history import HistoryReader
from orch_dagster.errors import NotReadyError
from orch_dagster.execution_log import DateResult, StepReport

if TYPE_CHECKING:
    from dagster import RunRecord, StepExecutionContext


@dataclass(frozen=True)
class Attempt:
    """An attempt.

    Attributes:
        number: 1 for the first.
        said: What the attempts before said.
        retries: What the job's sys_params say.
    """

    number: int
    said: tuple[StepReport, ...] = ()
    retries: Retries = field(default_factory=Retries)

    @property
    def ended(self) -> dict[str, DateResult]:
        """The dates that ended in the attempts before, which are not tried again."""
        return {day: end for facts in self.said for day, end in facts.ends.items()}

    @property
    def may_retry(self) -> bool:
        """Whether another attempt may follow."""
        return self.retries.allow_after(self.number)

    def remaining(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """The run's dates without those that have ended."""
        ended = self.ended
        return tuple(day for day in wanted if day not in ended)

    def next(self, reason: str) -> tuple[str, dg.RetryRequested]:
        """What to say of the next attempt, and what to raise for it."""
        retries = self.retries
        said = (
            f"attempt {self.number} of {retries.max + 1} failed, the next one is in "
            f"{retries.delay_s:g} s: {reason}"
        )
        return said, dg.RetryRequested(max_retries=retries.max, seconds_to_wait=retries.delay_s)


def attempt_of(step: StepExecutionContext, record: RunRecord, job_name: str) -> Attempt:
    """The attempt that a step is, by what its run's event log says of those before it."""
    number = step.previous_attempt_count + 1
    if number == 1:
        return Attempt(number)
    said = HistoryReader(step.instance, {}).read(record).reports
    return Attempt(number, tuple(facts for facts in said if facts.job_name == job_name))


def retries_last_time(params_dir: Path, job_name: str) -> Retries:
    """What sys_params said when a job's parameters were last read, for a store that is away."""
    try:
        bundle = json.loads((params_dir / f"{job_name}.json").read_text(encoding="utf-8"))
        rows = bundle["sys_params"]
        return retries_of(SysParam.from_row({n: row[n] for n in SYS_PARAMS.names}) for row in rows)
    except (OSError, ValueError, NotReadyError):
        # Never read, or removed, or of no use then: nothing says that it is to be tried again.
        return Retries()
