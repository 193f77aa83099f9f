"""orch recover: finish or roll back landings that were cut off."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click

from orch_dagster.bundle.fetch import fetch_spark_properties, fetch_sys_params
from orch_dagster.bundle.secrets import secret_properties
from orch_dagster.cli.arguments import as_json, loaded
from orch_dagster.cli.asked_dates import dates_named, dates_options
from orch_dagster.cli.completion import JOB
from orch_dagster.cli.output import print_json, say
from orch_dagster.control.connect import opened_store
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.registry.names import find_jobs
from orch_dagster.settings import load_settings
from orch_dagster.spark.recovery import Recovery


@click.command()
@click.argument("job", required=False, type=JOB)
@dates_options
@click.option(
    "--gone",
    "gone_hosts",
    multiple=True,
    metavar="HOST",
    help="Treat the landings of this host as dead; first make sure that none runs there.",
)
@as_json
def recover(job: str | None, gone_hosts: tuple[str, ...], is_json: bool, **dates: Any) -> None:
    """Finish or roll back the landings that were cut off, of JOB or of all jobs.

    Without dates, those of all dates. A landing that still runs is named and not changed. A group's
    name stands for its jobs.
    """
    biz_dts = dates_named(**dates)
    settings = load_settings()
    registry = loaded(settings).registry
    specs = tuple(registry.jobs.values()) if job is None else find_jobs(registry, job).jobs

    def spark_properties(spec: JobSpec) -> Mapping[str, str]:
        with opened_store(settings) as store:
            return fetch_spark_properties(store, spec, settings.env)

    def secrets(spec: JobSpec) -> Mapping[str, str]:
        with opened_store(settings) as store:
            rows = fetch_sys_params(store, spec, settings.env)
        return secret_properties(rows, settings, os.environ)

    recovery = Recovery(settings, os.environ, biz_dts, gone_hosts)
    findings = recovery.recover(specs, spark_properties, secrets)
    if is_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            say(finding.text)
        if not findings:
            say(f"Nothing to recover: no landing was cut off (jobs: {len(specs)}).")
    if any(finding.outcome != "recovered" for finding in findings):
        sys.exit(1)
