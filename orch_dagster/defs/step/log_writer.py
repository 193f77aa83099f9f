"""Write a step's reports into Dagster's event log, and at once its row of execution_log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING

from orch_dagster.control.records import ExecutionLog
from orch_dagster.control.store import RETRY_WAITS_S, ControlStore, with_retries
from orch_dagster.defs.runs.history import report_step
from orch_dagster.errors import StoreError
from orch_dagster.execution_log import (
    DateResult,
    RunHistory,
    StepReport,
    project,
    set_application,
    set_waiting,
    write_rows,
)
from orch_dagster.registry.jobs import JobSpec

if TYPE_CHECKING:
    from dagster import DagsterInstance, RunRecord


@dataclass(frozen=True)
class StepRun:
    """The run of a step.

    Attributes:
        run_id: Dagster's id of the run.
        created_at: The time at which the run was created.
        send: Writes a report, and a message for people, into the run's event log.
    """

    run_id: str
    created_at: datetime
    send: Callable[[StepReport, str], None]

    @classmethod
    def of(cls, instance: DagsterInstance, record: RunRecord) -> StepRun:
        """Return the run of a record."""
        run = record.dagster_run
        return cls(run.run_id, record.create_timestamp, partial(report_step, instance, run))


def first_report(spec: JobSpec, biz_dts: tuple[str, ...], attempt: int = 1) -> StepReport:
    """Return the report of an attempt that begins now."""
    return StepReport(
        job_name=spec.job_name,
        job_id=spec.job_id,
        biz_dts=biz_dts,
        started_at=datetime.now(timezone.utc),
        attempt=attempt,
    )


class ExecutionLogWriter:
    """Writes the reports of one step; the job never fails for a row that can't be written.

    Args:
        run: The step's run.
        store: The store of execution_log.
        warn: Called with a sentence when the row could not be written.
        report: The first report.
        earlier: The reports of the earlier attempts.

    Attributes:
        report: The newest report.
    """

    def __init__(
        self,
        run: StepRun,
        store: ControlStore,
        warn: Callable[[str], None],
        report: StepReport,
        earlier: Sequence[StepReport] = (),
    ) -> None:
        self._run = run
        self._store = store
        self._warn = warn
        self._earlier = earlier
        self.report = report
        self._waits_s: Sequence[float] = RETRY_WAITS_S
        self._lock = threading.Lock()

    def start(self, biz_dts: tuple[str, ...] | None = None) -> None:
        """Report that the step began, for all of its dates or the given ones."""
        self.report = replace(self.report, biz_dts=biz_dts or self.report.biz_dts)
        dates = ", ".join(self.report.biz_dts)
        self._run.send(self.report, f"{self.report.job_name} started for {dates}")
        self._write()

    def set_application(self, spark_app_id: str) -> None:
        """Report the step's Spark application, which is written with the row's end."""
        with self._lock:
            if self.report.spark_app_id == spark_app_id:
                return
            self.report = replace(self.report, spark_app_id=spark_app_id)
        self._run.send(self.report, f"{self.report.job_name} is Spark application {spark_app_id}")

    def show_application(self, spark_app_id: str) -> None:
        """Report the application while it runs, and write it into the rows at once."""
        self.set_application(spark_app_id)
        try:
            set_application(self._store, self._rows(), spark_app_id)
        except StoreError as error:
            self._warn(f"{error}. The job goes on; its end writes the application.")

    def show_waiting(self, reason: str | None) -> None:
        """Write into the rows what the job waits for, None once it waits no more."""
        try:
            set_waiting(self._store, self._rows(), reason)
        except StoreError as error:
            self._warn(f"{error}. The job goes on; its row does not say whether it waits.")

    def end(self, results: Mapping[str, DateResult]) -> None:
        """Report the results of dates; a date keeps its first result."""
        # What follows an application does so in a thread of its own.
        with self._lock:
            new = {day: result for day, result in results.items() if day not in self.report.ends}
            if not new:
                return
            self.report = replace(self.report, ends={**self.report.ends, **new})
        statuses = ", ".join(f"{day} {result.status}" for day, result in sorted(new.items()))
        # Only the new dates, so that events of a run of many dates don't grow.
        of_new = replace(self.report, biz_dts=tuple(new), ends=new)
        self._run.send(of_new, f"{self.report.job_name} ended: {statuses}")
        self._write()

    def end_all(
        self,
        status: str,
        message: str | None = None,
        row_counts: Mapping[str, int] | None = None,
    ) -> None:
        """Report the same result, now, of every date without one, with the rows that landed."""
        result = DateResult(status, datetime.now(timezone.utc), message)
        counts = row_counts or {}
        self.end({day: replace(result, row_count=counts.get(day)) for day in self.report.biz_dts})

    def fail(self, reasons: Mapping[str, str]) -> None:
        """Report that dates failed now, each for its own reason."""
        now = datetime.now(timezone.utc)
        self.end({day: DateResult("failed", now, reason) for day, reason in reasons.items()})

    def _rows(self) -> list[ExecutionLog]:
        history = RunHistory(
            run_id=self._run.run_id,
            created_at=self._run.created_at,
            biz_dts=self.report.biz_dts,
            job_ids={self.report.job_name: self.report.job_id},
            reports=[*self._earlier, self.report],
        )
        return project(history)

    def _write(self) -> None:
        rows = self._rows()
        try:
            with_retries(
                lambda: write_rows(self._store, rows), warn=self._warn, waits_s=self._waits_s
            )
        except StoreError as error:
            # From now on each row gets one try, so that an outage delays the job only once.
            self._waits_s = ()
            self._warn(
                f"{error}. The job goes on; the sensor writes the row when the store is back."
            )
