"""Give jobs of a run one application if their settings for it are equal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orch_dagster.bundle.bundle import ParamBundle
from orch_dagster.bundle.secrets import Secrets
from orch_dagster.control.records import SysParam
from orch_dagster.settings import Settings
from orch_dagster.spark.job_submit import JobSubmit
from orch_dagster.spark.shared_command import shared_request
from orch_dagster.spark.submit_request import SubmitRequest
from tests.bundles import job_bundle

SOURCE = {"format": "csv", "path": "in/{biz_dt}.csv"}
SINK = {"format": "orc", "path": "out/{biz_dt}"}
CONTEXT = {"sources": [SOURCE], "sinks": [SINK]}


def request_of(
    settings: Settings, bundle: ParamBundle, secrets: Secrets, name: str = "job"
) -> SubmitRequest:
    spec = replace(bundle.spec, job_id=name, job_name=name)
    files = settings.home / f"{name}.json", settings.home / f"{name}.properties"
    job = JobSubmit(replace(bundle, spec=spec), secrets, *files, settings.home / "run.log")
    return shared_request(job, settings)


def row(key: str, value: str, kind: str = "spark") -> SysParam:
    return SysParam(key, "DEV", "*", value, kind)


def test_two_jobs_that_differ_in_what_they_land_share_one(settings: Settings) -> None:
    params = [row("spark.sql.shuffle.partitions", "3"), row("spark.profile", "small", "system")]
    other = {"sources": [SOURCE, SOURCE], "sinks": [SINK], "timeout_minutes": 3}
    first = request_of(settings, job_bundle(CONTEXT, params), Secrets())
    second = request_of(settings, job_bundle(other, params), Secrets(), "other")
    assert first == second


@pytest.mark.parametrize(
    "params",
    [
        [row("spark.sql.shuffle.partitions", "3")],
        [row("spark.driver.memory", "2g")],
        [row("spark.profile", "small", "system")],
    ],
)
def test_other_properties_need_another_application(
    settings: Settings, params: list[SysParam]
) -> None:
    plain = request_of(settings, job_bundle(CONTEXT, []), Secrets())
    assert request_of(settings, job_bundle(CONTEXT, params), Secrets()) != plain


@pytest.mark.parametrize(
    "secrets",
    [Secrets(properties={"spark.x": "y"}), Secrets(variables={"PASSWORD": "y"})],
)
def test_a_job_with_secrets_of_its_own_needs_another_application(
    settings: Settings, secrets: Secrets
) -> None:
    plain = request_of(settings, job_bundle(CONTEXT, []), Secrets())
    assert request_of(settings, job_bundle(CONTEXT, []), secrets) != plain
