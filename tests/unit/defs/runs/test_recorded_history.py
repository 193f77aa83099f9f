"""The event logs of real runs, replayed: they amount to the rows that those runs wrote."""

from __future__ import annotations

from pathlib import Path

from dagster import DagsterInstance

from orch_dagster.control.connect import open_store
from orch_dagster.control.records import ExecutionLog, read_records
from orch_dagster.defs.runs.history import HistoryReader
from orch_dagster.execution_log import RunStatus, project
from tests.recorded_home import CHILD, JOB_IDS, PARENT, unpack


def test_recorded_events_amount_to_the_rows_of_their_runs(tmp_path: Path) -> None:
    unpack(tmp_path)
    store = open_store("sqlite:///.orch/control.db", tmp_path)
    rows = read_records(store, ExecutionLog)
    store.close()
    with DagsterInstance.from_config(str(tmp_path / ".orch" / "dagster")) as instance:
        reader = HistoryReader(instance, JOB_IDS)
        histories = [reader.read(record) for record in instance.get_run_records()]

    ends = {frozenset(run.job_ids): run.end.status for run in histories if run.end}
    assert ends == {
        frozenset({PARENT, CHILD}): RunStatus.SUCCESS,
        frozenset({PARENT}): RunStatus.FAILURE,
    }
    projected = [row for run in histories for row in project(run)]
    assert sorted(projected, key=lambda row: row.id) == sorted(rows, key=lambda row: row.id)
    # One report when a step starts, one with its application, one with its end.
    assert {report.job_name for run in histories for report in run.reports} == {PARENT, CHILD}
