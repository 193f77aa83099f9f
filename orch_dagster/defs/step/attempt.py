"""One attempt of a step: its remaining dates, and whether another attempt may follow."""

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
    from dagster import RunRecord

    from orch_dagster.defs.dagster_internals.step_context import CurrentStep


@dataclass(frozen=True)
class Attempt:
    """One attempt of a step.

    Attributes:
        number: 1 for the first.
        reports: The reports of the earlier attempts.
        retries: The retries that the job's sys_params allow.
    """

    number: int
    reports: tuple[StepReport, ...] = ()
    retries: Retries = field(default_factory=Retries)

    @property
    def ended(self) -> dict[str, DateResult]:
        """The results of dates that ended in earlier attempts, which are not tried again."""
        return {day: result for report in self.reports for day, result in report.ends.items()}

    @property
    def may_retry(self) -> bool:
        """Whether another attempt may follow."""
        return self.retries.allow_after(self.number)

    def remaining(self, biz_dts: Sequence[str]) -> tuple[str, ...]:
        """Return the run's dates without those that have ended."""
        ended = self.ended
        return tuple(day for day in biz_dts if day not in ended)

    def next(self, reason: str) -> tuple[str, dg.RetryRequested]:
        """Return a sentence on the next attempt, and what to raise for it."""
        retries = self.retries
        text = (
            f"attempt {self.number} of {retries.max + 1} failed, the next one is in "
            f"{retries.delay_s:g} s: {reason}"
        )
        return text, dg.RetryRequested(max_retries=retries.max, seconds_to_wait=retries.delay_s)


def attempt_of(step: CurrentStep, record: RunRecord) -> Attempt:
    """Return the current attempt, with the reports of earlier ones."""
    if step.attempt == 1:
        return Attempt(step.attempt)
    reports = HistoryReader(step.instance, {}).read(record).reports
    earlier = tuple(report for report in reports if report.job_name == step.op_name)
    return Attempt(step.attempt, earlier)


def retries_last_time(params_dir: Path, job_name: str) -> Retries:
    """Return the retries of a job when its parameters were last read, for use in an outage."""
    try:
        bundle = json.loads((params_dir / f"{job_name}.json").read_text(encoding="utf-8"))
        rows = bundle["sys_params"]
        return retries_of(SysParam.from_row({n: row[n] for n in SYS_PARAMS.names}) for row in rows)
    except (OSError, ValueError, NotReadyError):
        # Without readable parameters nothing allows another attempt.
        return Retries()
