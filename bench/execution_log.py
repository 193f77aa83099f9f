"""Measure the cost of execution_log: a step's own reports, and the sensor over many ended runs.

    python bench/execution_log.py [RUNS] [STORE_URL]

STORE_URL names an empty store, such as kudu://HOST:7051; by default the embedded one is used.
Prints the median milliseconds of a step's reports together (Started, application, end: three
events, and a row written twice), and for RUNS (1000) ended runs without a row: seconds until the
sensor has written all, and the growth of this process's memory from the first tick to the last.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import psutil
from dagster import DagsterEvent, DagsterEventType, DagsterRunStatus
from processes import load_text

from orch_dagster.control.connect import open_store
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG, TABLE_BY_NAME
from orch_dagster.defs.partitions import tags_of
from orch_dagster.defs.runs.log_sensor import project_ended_runs
from orch_dagster.defs.step.log_writer import ExecutionLogWriter, StepRun, first_report
from orch_dagster.registry.location import load_location
from orch_dagster.sample.rows import JOB_ID, JOB_NAME, sample_rows
from orch_dagster.settings import load_settings

STEPS = 100
FIRST = date(2020, 1, 1)


def begun_run(instance: dg.DagsterInstance, job: dg.JobDefinition, number: int) -> dg.RunRecord:
    """Create a run of the job for the date of that number."""
    day = (FIRST + timedelta(number)).isoformat()
    run = instance.create_run_for_job(
        job, status=DagsterRunStatus.STARTED, tags=dict(tags_of((day,)))
    )
    # The first event of a run creates its event log, which Dagster does before any step.
    instance.report_engine_event("begun", run)
    record = instance.get_run_record_by_id(run.run_id)
    assert record is not None
    return record


def reports_ms(log_of: Callable[[int], ExecutionLogWriter]) -> float:
    """Return the median milliseconds of a step's reports, once connections are open."""
    spent_ms: list[float] = []
    for number in range(STEPS):
        log = log_of(number)
        start = time.perf_counter()
        log.start()
        log.set_application("application_1")
        log.end_all("completed")
        spent_ms.append((time.perf_counter() - start) * 1000)
    return statistics.median(spent_ms[STEPS // 10 :])


def project_all(home: str, store: ControlStore) -> tuple[int, float, float]:
    """Tick until all is written; return runs, seconds, and the MB of growth after one tick."""
    cursor: dict[str, int] = {}
    sizes: list[int] = []
    written = 0
    start = time.perf_counter()
    while True:
        # Each tick in a code server has a new instance, which has opened no run's events.
        with dg.DagsterInstance.local_temp(home) as instance:
            cursor, ended = project_ended_runs(instance, store, {JOB_NAME: JOB_ID}, cursor)
        if not ended:
            return written, time.perf_counter() - start, (sizes[-1] - sizes[0]) / 2**20
        written += len(ended)
        sizes.append(psutil.Process().memory_info().rss)


def main() -> None:
    """Measure the reports and the sensor."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"ORCH_HOME": home, "DAGSTER_HOME": home}
        Path(home, "dagster.yaml").touch()
        if len(sys.argv) > 2:
            os.environ["ORCH_CONTROL_URL"] = sys.argv[2]
        settings = load_settings()
        store, nowhere = (
            open_store(url, settings.home) for url in (settings.control_url, "sqlite:///nowhere.db")
        )
        for each in (store, nowhere):
            each.ensure_tables()
        for table, rows in sample_rows().items():
            store.upsert(TABLE_BY_NAME[table], rows)
        spec = load_location(settings).registry.jobs[JOB_NAME]

        @dg.op(name=JOB_NAME)
        def landing() -> None:
            """Never executed."""

        @dg.job(name=JOB_NAME)
        def job() -> None:
            landing()

        records: dict[int, dg.RunRecord] = {}
        with dg.DagsterInstance.local_temp(home) as instance:

            def log_of(number: int, into: ControlStore = store) -> ExecutionLogWriter:
                record = records[number] = begun_run(instance, job, number)
                day = record.dagster_run.tags["dagster/partition"]
                return ExecutionLogWriter(
                    StepRun.of(instance, record), into, sys.exit, first_report(spec, (day,))
                )

            print(f"a step's reports: {reports_ms(log_of):.1f} ms, median of {STEPS}", flush=True)
            for number in range(STEPS, STEPS + runs):
                log = log_of(number, nowhere)
                log.start()
                log.end_all("completed")
                done = DagsterEvent(DagsterEventType.RUN_SUCCESS.value, JOB_NAME, message="done")
                instance.report_dagster_event(done, records[number].dagster_run.run_id)
            written, took_s, grown_mb = project_all(home, store)
            assert written == runs
            assert len(store.read(EXECUTION_LOG, columns=["id"])) == runs + STEPS
            print(f"{runs} runs projected in {took_s:.1f} s; memory grew by {grown_mb:.1f} MB")
            print(load_text())
        for each in (store, nowhere):
            each.close()


if __name__ == "__main__":
    main()
