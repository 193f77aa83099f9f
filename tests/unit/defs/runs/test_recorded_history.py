"""The event logs of real runs, replayed: they amount to the rows that those runs wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import dagster as dg
from dagster import AssetKey, DagsterInstance
from dagster._core.storage.partition_status_cache import AssetPartitionStatus

from orch_dagster.control.connect import open_store
from orch_dagster.control.group import GroupKey
from orch_dagster.control.records import ExecutionLog, read_records
from orch_dagster.defs.open_partitions import show_open_dates
from orch_dagster.defs.partitions import partitions_of
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


def test_landed_dates_of_the_version_before_are_materialized_partitions(tmp_path: Path) -> None:
    """There the partitions were the days of a calendar."""
    unpack(tmp_path)
    store = open_store("sqlite:///.orch/control.db", tmp_path)
    with DagsterInstance.from_config(str(tmp_path / ".orch" / "dagster")) as instance:
        # Dagit keeps what it has found by the partitions of then.
        instance.get_status_by_partition(
            AssetKey(["ins", "sys", PARENT]),
            ["2024-05-15"],
            dg.DailyPartitionsDefinition("2024-05-15", end_offset=2),
        )
        show_open_dates(instance, store, [GroupKey("INS", "SYS")])
        days = instance.get_dynamic_partitions("ins_sys_biz_dt")
        statuses = {
            name: instance.get_status_by_partition(
                AssetKey(["ins", "sys", name]), days, partitions_of("ins_sys")
            )
            for name in (PARENT, CHILD)
        }
    store.close()
    assert days == ["2024-05-15", "2024-05-16"]
    landed = {name: _names(status) for name, status in statuses.items()}
    assert landed == {
        PARENT: {"2024-05-15": "MATERIALIZED", "2024-05-16": "FAILED"},
        CHILD: {"2024-05-15": "MATERIALIZED", "2024-05-16": None},
    }


def _names(status: Mapping[str, AssetPartitionStatus | None] | None) -> dict[str, str | None]:
    return {day: found and found.value for day, found in (status or {}).items()}
