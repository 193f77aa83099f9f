"""A step's own words: into Dagster's event log, and as its row of execution_log at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from orch_dagster.control.store import RETRY_WAITS_S, ControlStore, with_retries
from orch_dagster.defs.runs.history import report_step
from orch_dagster.errors import StoreError
from orch_dagster.execution_log import DateResult, RunHistory, StepReport, project, write_rows
from orch_dagster.registry.jobs import JobSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagster import DagsterInstance, RunRecord


class ExecutionLogWriter:
    """Tells what one step does; the row may come late, the job never fails for it.

    Args:
        instance: Dagster's.
        record: The run.
        store: Where execution_log is.
        warn: Told when the row could not be written.
        spec: The job.
        biz_dts: Its dates in this run.
        attempt: 1, and one more for each retry.
        before: What the attempts before said.
    """

    def __init__(
        self,
        instance: DagsterInstance,
        record: RunRecord,
        store: ControlStore,
        warn: Callable[[str], None],
        spec: JobSpec,
        biz_dts: tuple[str, ...],
        attempt: int,
        before: Sequence[StepReport] = (),
    ) -> None:
        self._instance = instance
        self._record = record
        self._store = store
        self._warn = warn
        self._before = before
        self.report = StepReport(
            job_name=spec.job_name,
            job_id=spec.job_id,
            biz_dts=biz_dts,
            started_at=datetime.now(timezone.utc),
            attempt=attempt,
        )
        self._waits_s: Sequence[float] = RETRY_WAITS_S

    def start(self, biz_dts: tuple[str, ...] | None = None) -> None:
        """Report that the step began, for `biz_dts` where those are not all of its dates."""
        self.report = replace(self.report, biz_dts=biz_dts or self.report.biz_dts)
        dates = ", ".join(self.report.biz_dts)
        self._report(self.report, f"{self.report.job_name} started for {dates}")
        self._write()

    def set_application(self, spark_app_id: str) -> None:
        """Report the step's Spark application; the row has it with its end."""
        self.report = replace(self.report, spark_app_id=spark_app_id)
        self._report(self.report, f"{self.report.job_name} is Spark application {spark_app_id}")

    def end(self, results: Mapping[str, DateResult]) -> None:
        """Report how dates ended; earlier results of the same dates stand."""
        new = {day: result for day, result in results.items() if day not in self.report.ends}
        if not new:
            return
        self.report = replace(self.report, ends={**self.report.ends, **new})
        statuses = ", ".join(f"{day} {result.status}" for day, result in sorted(new.items()))
        # The new ones alone: with many dates, each event would repeat all that came before it.
        news = replace(self.report, biz_dts=tuple(new), ends=new)
        self._report(news, f"{self.report.job_name} ended: {statuses}")
        self._write()

    def end_all(self, status: str, message: str | None = None) -> None:
        """Report the same end, now, of every date without a result."""
        result = DateResult(status, datetime.now(timezone.utc), message)
        self.end(dict.fromkeys(self.report.biz_dts, result))

    def fail(self, reasons: Mapping[str, str]) -> None:
        """Report that dates failed now, each for its own reason."""
        now = datetime.now(timezone.utc)
        self.end({day: DateResult("failed", now, reason) for day, reason in reasons.items()})

    def _report(self, report: StepReport, message: str) -> None:
        report_step(self._instance, self._record.dagster_run, report, message)

    def _write(self) -> None:
        history = RunHistory(
            run_id=self._record.dagster_run.run_id,
            created_at=self._record.create_timestamp,
            biz_dts=self.report.biz_dts,
            job_ids={self.report.job_name: self.report.job_id},
            reports=[*self._before, self.report],
        )
        rows = project(history)
        try:
            with_retries(
                lambda: write_rows(self._store, rows), warn=self._warn, waits_s=self._waits_s
            )
        except StoreError as error:
            # The job has waited for it once: from now on the store gets one try for each row.
            self._waits_s = ()
            self._warn(
                f"{error}. The job goes on; the sensor writes the row when the store is back."
            )
