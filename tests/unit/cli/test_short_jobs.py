"""The jobs that doctor would give the profile of small jobs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from orch_dagster.cli.cluster_uses import stored_params
from orch_dagster.cli.short_jobs import short_jobs
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG, PROCESS_CONTROL, SYS_PARAMS
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.settings import Settings
from tests.bundles import job_bundle

ORC = {"format": "orc", "path": "out/t", "partition_cols": ["biz_dt"]}
DAYS = [f"2024-05-{day:02}" for day in range(10, 20)]
START = datetime(2024, 5, 20, tzinfo=timezone.utc)


@pytest.fixture
def spec() -> JobSpec:
    sources = [{"format": "csv", "path": "in/{biz_dt}.csv"}]
    return job_bundle({"sources": sources, "sinks": [ORC]}, []).spec


def opened(store: ControlStore, spec: JobSpec) -> None:
    rows = [{**spec.group.columns, "biz_dt": day} for day in DAYS]
    store.upsert(PROCESS_CONTROL, rows)


def ran(
    store: ControlStore, spec: JobSpec, run_id: str, seconds: float, *days: str, status: str
) -> None:
    rows = [
        {
            "id": f"1_{run_id}{day}",
            "job_id": spec.job_id,
            "job_name": spec.job_name,
            "run_id": run_id,
            "biz_dt": day,
            "status": status,
            "start_time": START,
            "duration": seconds,
        }
        for day in days
    ]
    store.upsert(EXECUTION_LOG, rows)


def param(store: ControlStore, key: str, value: str, param_type: str) -> None:
    row = {"param_key": key, "environment": "DEV", "key_name": "*"}
    store.upsert(SYS_PARAMS, [{**row, "param_value": value, "param_type": param_type}])


def test_the_newest_runs_of_one_date_decide(
    store: ControlStore, settings: Settings, spec: JobSpec
) -> None:
    other = replace(spec, job_id="JOB_2", job_name="never_ran")
    opened(store, spec)
    assert list(short_jobs(settings, [spec, other], stored_params(settings))) == []
    for number, seconds in enumerate((8.0, 300.0, 9.0)):
        ran(store, spec, f"run{number}", seconds, DAYS[-1 - number], status="Completed")
    # None of these counts: an old date, a run that failed, and one whose dates started together.
    ran(store, spec, "old", 900.0, DAYS[0], status="Completed")
    ran(store, spec, "bad", 900.0, DAYS[-4], status="Failed: x")
    ran(store, spec, "many", 900.0, *DAYS[-5:], status="Completed")
    assert list(short_jobs(settings, [spec, other], stored_params(settings))) == [
        (
            "Profile",
            "ok",
            "spark.profile: small in sys_params would start these jobs sooner, by the medians of "
            f"their last runs: {spec.job_name} (9.0 s)",
        )
    ]


@pytest.mark.parametrize(
    ("key", "value", "param_type"),
    [
        ("spark.profile", "default", "system"),
        ("spark.profile", "small", "system"),
        ("spark.share", "group", "system"),
        ("spark.submit.deployMode", "cluster", "spark"),
    ],
)
def test_a_job_that_has_chosen_or_runs_elsewhere_is_left_out(
    store: ControlStore, settings: Settings, spec: JobSpec, key: str, value: str, param_type: str
) -> None:
    opened(store, spec)
    ran(store, spec, "run", 9.0, DAYS[-1], status="Completed")
    assert len(list(short_jobs(settings, [spec], stored_params(settings)))) == 1
    param(store, key, value, param_type)
    assert list(short_jobs(settings, [spec], stored_params(settings))) == []


def test_a_long_job_is_left_out(store: ControlStore, settings: Settings, spec: JobSpec) -> None:
    opened(store, spec)
    ran(store, spec, "run", 21.0, DAYS[-1], status="Completed")
    assert list(short_jobs(settings, [spec], stored_params(settings))) == []
