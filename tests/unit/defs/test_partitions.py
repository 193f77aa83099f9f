"""The partitions of an asset: the open dates of its group, as Dagster shows and runs them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster import AssetKey, DagsterEventType, DagsterRun, DagsterRunStatus
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.events import DagsterEvent, StepMaterializationData
from dagster._core.execution.backfill import BulkActionStatus
from dagster._daemon.backfill import execute_backfill_iteration
from dagster_graphql.test.utils import execute_dagster_graphql

from orch_dagster.control.group import GroupKey
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import PROCESS_CONTROL
from orch_dagster.defs.dagster_internals.partition_keys import read_partition_keys
from orch_dagster.defs.open_partitions import add_open_dates, plan_changes, show_open_dates
from orch_dagster.defs.partitions import (
    RANGE_END_TAG,
    RANGE_START_TAG,
    biz_dts_of,
    dates_of_one_run,
    partitions_of,
    tags_of,
)
from tests.code_location import Located, add_jobs, open_date
from tests.dagster_daemon import LOG, Daemon, daemon

FPMS, OTHER = GroupKey("GELS", "FPMS"), GroupKey("GELS", "OTHER")
FRIDAY, MONDAY, TUESDAY = "2024-05-17", "2024-05-20", "2024-05-21"
NODE = """
query ($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) {
    ... on AssetNode {
      partitionKeys
      partitionKeyConnection(limit: 1, ascending: false) { results }
      partitionStats { numMaterialized numPartitions }
    }
  }
}"""
BACKFILL = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    ... on LaunchBackfillSuccess { backfillId }
    ... on PartitionKeysNotFoundError { message }
  }
}"""


@pytest.fixture
def dagster(store: ControlStore) -> Iterator[Daemon]:
    """Two groups with dates of their own, the second after the first."""
    add_jobs(store, "FPMS", {"first": []})
    add_jobs(store, "OTHER", {"other": ["first"]})
    for day in (MONDAY, FRIDAY):
        open_date(store, "FPMS", day)
    open_date(store, "OTHER", MONDAY)
    with daemon() as dagster:
        yield dagster


def shown(dagster: Daemon, source: str, job_name: str) -> dict[str, Any]:
    key = {"path": ["gels", source, job_name]}
    answer = execute_dagster_graphql(dagster.request_context(), NODE, {"key": key})
    return answer.data["assetNodeOrError"]


def land(dagster: Daemon, run: DagsterRun, source: str, job_name: str, *biz_dts: str) -> None:
    """What the job's step leaves in Dagster."""
    for day in biz_dts:
        landing = dg.AssetMaterialization(AssetKey(["gels", source, job_name]), partition=day)
        event = DagsterEvent(
            DagsterEventType.ASSET_MATERIALIZATION.value,
            run.job_name,
            step_key=job_name,
            event_specific_data=StepMaterializationData(landing),
        )
        dagster.instance.report_dagster_event(event, run.run_id)
    done = DagsterEvent(DagsterEventType.RUN_SUCCESS.value, run.job_name, message="done")
    dagster.instance.report_dagster_event(done, run.run_id)


def test_dates_that_others_open_and_close_show_after_a_tick(
    dagster: Daemon, store: ControlStore
) -> None:
    assert shown(dagster, "fpms", "first")["partitionKeys"] == []
    dagster.sensors()
    assert dagster.faults() == []
    assert shown(dagster, "fpms", "first") == {
        "partitionKeys": [FRIDAY, MONDAY],
        "partitionKeyConnection": {"results": [MONDAY]},
        "partitionStats": {"numMaterialized": 0, "numPartitions": 2},
    }
    assert shown(dagster, "other", "other")["partitionKeys"] == [MONDAY]

    run = dagster.instance.create_run_for_job(_job("first"), tags=tags_of([FRIDAY]))
    land(dagster, run, "fpms", "first", FRIDAY)
    assert shown(dagster, "fpms", "first")["partitionStats"]["numMaterialized"] == 1
    # As something else than orch writes them, an old one late.
    open_date(store, "FPMS", "2008-01-02")
    store.delete(PROCESS_CONTROL, [{**FPMS.columns, "biz_dt": FRIDAY}])
    show_open_dates(dagster.instance, store, [FPMS, OTHER])
    node = shown(dagster, "fpms", "first")
    assert node["partitionKeys"] == ["2008-01-02", MONDAY]
    assert node["partitionKeyConnection"]["results"] == [MONDAY]
    # The landing stays, and counts again once the date is open again.
    assert node["partitionStats"] == {"numMaterialized": 0, "numPartitions": 2}
    open_date(store, "FPMS", FRIDAY)
    show_open_dates(dagster.instance, store, [FPMS])
    stats = shown(dagster, "fpms", "first")["partitionStats"]
    assert stats == {"numMaterialized": 1, "numPartitions": 3}
    assert shown(dagster, "other", "other")["partitionKeys"] == [MONDAY]


def _job(name: str) -> dg.JobDefinition:
    from orch_dagster.defs.repository import ControlTables
    from orch_dagster.registry.location import load_location
    from orch_dagster.settings import load_settings

    return ControlTables(lambda: load_location(load_settings())).get_job(name)


# Dagster's own, of a call of its own.
@pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources`:DeprecationWarning")
def test_a_backfill_over_closed_dates_ends_completed(dagster: Daemon, store: ControlStore) -> None:
    open_date(store, "OTHER", FRIDAY)
    open_date(store, "OTHER", TUESDAY)
    show_open_dates(dagster.instance, store, [FPMS, OTHER])

    def launch(*biz_dts: str) -> dict[str, str]:
        keys = [{"path": ["gels", *path]} for path in (["fpms", "first"], ["other", "other"])]
        params = {"partitionNames": biz_dts, "assetSelection": keys}
        context = dagster.request_context()
        answer = execute_dagster_graphql(context, BACKFILL, {"params": params})
        return answer.data["launchPartitionBackfill"]

    assert "2024-05-18" in launch(FRIDAY, "2024-05-18", MONDAY)["message"]
    backfill_id = launch(FRIDAY, MONDAY)["backfillId"]
    requested: list[tuple[str, tuple[str, ...]]] = []
    for _ in range(4):
        list(execute_backfill_iteration(dagster.workspace, LOG))
        for run in dagster.instance.get_runs():
            if not run.is_finished:
                (key,) = run.asset_selection or ()
                requested.append((key.path[-1], biz_dts_of(run)))
                land(dagster, run, *key.path[1:], FRIDAY, MONDAY)
    days = (FRIDAY, "2024-05-18", "2024-05-19", MONDAY)
    # By equal date between the groups, each after the other.
    assert requested == [("first", days), ("other", days)]
    backfill = dagster.instance.get_backfill(backfill_id)
    assert backfill is not None
    assert backfill.status is BulkActionStatus.COMPLETED_SUCCESS
    assert shown(dagster, "other", "other")["partitionStats"]["numMaterialized"] == 2


def test_a_run_may_name_dates_that_are_not_among_the_partitions(located: Located) -> None:
    """On a new instance, of `dagster job execute`: no error of Dagster's own comes before ours."""
    with dg.DagsterInstance.ephemeral() as instance:
        tags = {RANGE_START_TAG: "2024-05-11", RANGE_END_TAG: "2024-05-19"}
        job = located().get_job("job_1")
        for each in (tags, tags_of(["2024-05-12"])):
            run = instance.create_run_for_job(job, tags=each)
            assert run.status is DagsterRunStatus.NOT_STARTED
        # As `dagster asset materialize --partition` asks.
        with partition_loading_context(dynamic_partitions_store=instance) as context:
            job.validate_partition_key("2024-05-12", selected_asset_keys=None, context=context)
            with pytest.raises(dg.DagsterUnknownPartitionError, match="no date"):
                job.validate_partition_key("no date", selected_asset_keys=None, context=context)
        add_open_dates(instance, FPMS, ["2024-05-15", "2024-05-13", "2024-05-21"])
        planned = instance.create_run_for_job(job, tags=tags)
        events = instance.all_logs(
            planned.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION_PLANNED
        )
        # Dagster plans the partitions of a run in no order.
        dates = {entry.get_dagster_event().partition for entry in events}
        assert dates == {"2024-05-13", "2024-05-15"}


def test_a_change_keeps_what_others_opened_since(store: ControlStore) -> None:
    for day in (FRIDAY, MONDAY):
        open_date(store, "FPMS", day)
    with dg.DagsterInstance.ephemeral() as instance:
        add_open_dates(instance, FPMS, ["2024-05-16", MONDAY])
        (change,) = plan_changes(instance, store, [FPMS])
        assert (change.opened, change.closed) == ((FRIDAY,), ("2024-05-16",))
        add_open_dates(instance, FPMS, [TUESDAY])
        change.write(instance)
        assert _keys(instance) == [FRIDAY, MONDAY, TUESDAY]


def test_dates_in_another_order_are_put_in_order(store: ControlStore) -> None:
    """As Dagit's own button adds them, at the end."""
    for day in (FRIDAY, MONDAY):
        open_date(store, "FPMS", day)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("gels_fpms_biz_dt", [MONDAY, FRIDAY, "no date"])
        show_open_dates(instance, store, [FPMS])
        assert _keys(instance) == [FRIDAY, MONDAY]
        assert plan_changes(instance, store, [FPMS]) == []


def _keys(instance: dg.DagsterInstance) -> list[str]:
    name = partitions_of("gels_fpms").name
    assert name == "gels_fpms_biz_dt"
    return list(read_partition_keys(instance, [name])[name])


@pytest.mark.parametrize(
    ("opened", "of_run"),
    [
        ([FRIDAY, MONDAY, TUESDAY], (FRIDAY, MONDAY)),
        ([FRIDAY, TUESDAY], (FRIDAY,)),
        ([MONDAY, TUESDAY], (FRIDAY,)),
        ([], (FRIDAY,)),
    ],
)
def test_a_range_of_the_daemon_holds_open_dates_only(
    opened: list[str], of_run: tuple[str, ...]
) -> None:
    assert dates_of_one_run([FRIDAY, MONDAY, TUESDAY], opened, 2) == of_run
