"""orch check: analyze the HQL of jobs in Spark, without data."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable
from dataclasses import asdict
from datetime import date, datetime, timezone

import click

from framework.contract.business_dates import day_fault
from framework.contract.paths import as_location, is_local, resolve
from framework.contract.placeholders import fill
from framework.storage.routed import RoutedFileSystem
from orch_dagster.bundle.bundle import BundleRequest, BundleRows, ParamBundle, assemble
from orch_dagster.bundle.redact import redact_bundle
from orch_dagster.cli.arguments import as_json, loaded
from orch_dagster.cli.completion import JOB
from orch_dagster.cli.output import print_json, say
from orch_dagster.control.connect import opened_store
from orch_dagster.control.open_dates import newest_row, opened_row
from orch_dagster.control.records import ProcessControl, SysParam, read_records
from orch_dagster.control.store import ControlStore
from orch_dagster.registry.jobs import JobSpec, Registry
from orch_dagster.registry.names import find_jobs
from orch_dagster.settings import Settings, load_settings
from orch_dagster.spark.hql_check import check_hql


@click.command()
@click.argument("jobs", nargs=-1, type=JOB)
@as_json
def check(jobs: tuple[str, ...], is_json: bool) -> None:
    """Analyze the HQL of JOBS, or of all jobs, in Spark and without data.

    Every finding is shown with its file and line. The columns of a source are those of its
    `schema`, of the job that lands it, or of the files that are there. A group's name stands for
    its jobs.
    """
    settings = load_settings()
    registry = loaded(settings).registry
    wanted = {name for given in jobs for name in find_jobs(registry, given).job_names}
    wanted = wanted or set(registry.jobs)
    specs = [spec for spec in _with_landers(registry, wanted) if spec.has_sinks]
    with opened_store(settings) as store:
        bundles = _bundles(specs, store, settings)
    found = check_hql(bundles, settings, os.environ) if bundles else []
    shown = [each for each in found if each.job_name in wanted]
    faults = [each for each in shown if not each.is_note]
    if is_json:
        print_json([asdict(each) for each in shown])
    else:
        for each in shown:
            say(f"{'note: ' if each.is_note else ''}{each}")
        checked = sum(spec.job_name in wanted for spec in specs)
        say(f"jobs: {checked}, faults: {len(faults)}, notes: {len(shown) - len(faults)}")
    if faults:
        sys.exit(1)


def _with_landers(registry: Registry, wanted: Collection[str]) -> list[JobSpec]:
    """Return the jobs, and those upstream of them, which land what they read; parents first."""
    needed = set[str](wanted)
    for spec in reversed(tuple(registry.jobs.values())):
        if spec.job_name in needed:
            needed |= {parent.job_name for parent in registry.parents_of(spec)}
    return [spec for spec in registry.jobs.values() if spec.job_name in needed]


def _bundles(
    specs: Iterable[JobSpec], store: ControlStore, settings: Settings
) -> list[ParamBundle]:
    """Return a bundle of each job for a sample date.

    It is the newest open date of the group whose files are there, else the newest, else today.
    """
    now = datetime.now(timezone.utc)
    dates = read_records(store, ProcessControl)
    params = read_records(store, SysParam, {"environment": settings.env})
    bundles: list[ParamBundle] = []
    for spec in specs:
        of_group = [row for row in dates if row.group == spec.group]
        delivered = [row for row in of_group if _has_sources(spec, row, settings)]
        newest = newest_row(delivered) or newest_row(of_group)
        of_date = newest or opened_row(spec.group, now.date().isoformat(), None)
        request = BundleRequest("orch-check", [of_date.biz_dt], settings.env, now)
        of_job = [row for row in params if row.key_name in spec.key_names]
        rows = BundleRows((), [of_date], of_job)
        redacted = redact_bundle(assemble(spec, request, rows), settings.secret_patterns)
        bundles.append(redacted.bundle)
    return bundles


def _has_sources(spec: JobSpec, row: ProcessControl, settings: Settings) -> bool:
    """Return whether the files of a date are there, of local sources without a schema."""
    days = {name: _day(getattr(row, name)) for name in ("biz_dt", "start_dt", "end_dt")}
    for source in spec.context.sources:
        if source.is_table or source.schema or days["biz_dt"] is None:
            continue
        try:
            location = resolve(as_location(settings.base_dir), fill(source.path, days))
        except ValueError:
            return False
        if is_local(location) and not RoutedFileSystem().matches(location):
            return False
    return True


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text and day_fault(text) is None else None
