"""The code location of a run, set afterwards."""

from __future__ import annotations

import dagster as dg
from dagster import DagsterInstance
from dagster._core.remote_origin import RegisteredCodeLocationOrigin

from orch_dagster.defs.dagster_internals.run_origins import (
    location_label,
    origin_label,
    set_origin,
)


def test_a_run_belongs_to_the_job_of_its_name(instance: DagsterInstance) -> None:
    @dg.job
    def job() -> None:
        pass

    run = instance.create_run_for_job(job, tags={"kept": "1"})
    assert origin_label(run) is None
    for label in ("repository@location", "repository@other"):
        set_origin(instance, run, label)
        stored = instance.get_run_by_id(run.run_id)
        assert stored is not None
        assert origin_label(stored) == stored.tags[".dagster/repository"] == label
        assert stored.remote_job_origin is not None
        assert stored.remote_job_origin.job_name == "job"
        assert stored.tags["kept"] == "1"
        (found,) = instance.get_runs(dg.RunsFilter(tags={".dagster/repository": label}))
        assert found.run_id == run.run_id


def test_a_sensor_tells_where_it_is_served_from() -> None:
    served = dg.SensorEvaluationContext(
        None,
        None,
        None,
        None,
        None,
        "repository",
        code_location_origin=RegisteredCodeLocationOrigin("location"),
    )
    assert location_label(served) == "repository@location"
    assert location_label(dg.build_sensor_context()) is None
