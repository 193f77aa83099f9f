"""A step's own words: into Dagster's event log, and as its row of execution_log at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from orch_dagster.control.store import RETRY_WAITS_S, ControlStore, with_retries
from orch_dagster.defs.runs.history import say_facts
from orch_dagster.errors import StoreError
from orch_dagster.execution_log import End, RunHistory, StepFacts, project, write_rows
from orch_dagster.registry.jobs import JobSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagster import DagsterInstance, RunRecord


class StepLog:
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
        before: Sequence[StepFacts] = (),
    ) -> None:
        self._instance = instance
        self._record = record
        self._store = store
        self._warn = warn
        self._before = before
        self.facts = StepFacts(
            job_name=spec.job_name,
            job_id=spec.job_id,
            biz_dts=biz_dts,
            started_at=datetime.now(timezone.utc),
            attempt=attempt,
        )
        self._waits_s: Sequence[float] = RETRY_WAITS_S

    def started(self, biz_dts: tuple[str, ...] | None = None) -> None:
        """Say that the step began, for `biz_dts` where those are not all of its dates."""
        self.facts = replace(self.facts, biz_dts=biz_dts or self.facts.biz_dts)
        self._say(self.facts, f"{self.facts.job_name} started for {', '.join(self.facts.biz_dts)}")
        self._write()

    def application(self, spark_app_id: str) -> None:
        """Say which Spark application the step has; the row has it with its end."""
        self.facts = replace(self.facts, spark_app_id=spark_app_id)
        self._say(self.facts, f"{self.facts.job_name} is Spark application {spark_app_id}")

    def ended(self, ends: Mapping[str, End]) -> None:
        """Say how dates ended; what was said of them before stands."""
        news = {biz_dt: end for biz_dt, end in ends.items() if biz_dt not in self.facts.ends}
        if not news:
            return
        self.facts = replace(self.facts, ends={**self.facts.ends, **news})
        how = ", ".join(f"{biz_dt} {end.status}" for biz_dt, end in sorted(news.items()))
        # The news alone: of many dates, each would name all, and say all that came before it.
        said = replace(self.facts, biz_dts=tuple(news), ends=news)
        self._say(said, f"{self.facts.job_name} ended: {how}")
        self._write()

    def ended_all(self, status: str, message: str | None = None) -> None:
        """Say that every date of which nothing was said ended in the same way, now."""
        end = End(status, datetime.now(timezone.utc), message)
        self.ended(dict.fromkeys(self.facts.biz_dts, end))

    def failed(self, reasons: Mapping[str, str]) -> None:
        """Say that dates failed now, each for its own reason."""
        now = datetime.now(timezone.utc)
        self.ended({biz_dt: End("failed", now, reason) for biz_dt, reason in reasons.items()})

    def _say(self, facts: StepFacts, message: str) -> None:
        say_facts(self._instance, self._record.dagster_run, facts, message)

    def _write(self) -> None:
        history = RunHistory(
            run_id=self._record.dagster_run.run_id,
            created_at=self._record.create_timestamp,
            biz_dts=self.facts.biz_dts,
            job_ids={self.facts.job_name: self.facts.job_id},
            facts=[*self._before, self.facts],
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
