"""Commands that look at the registry: jobs, params."""

from __future__ import annotations

from typing import Any

import click

from orch_dagster.bundle.bundle import ParamBundle
from orch_dagster.bundle.fetch import fetch_bundle
from orch_dagster.bundle.redact import redact_bundle
from orch_dagster.cli.arguments import as_json, loaded
from orch_dagster.cli.asked_dates import dates_named, dates_options, some_days
from orch_dagster.cli.completion import JOB
from orch_dagster.cli.output import print_json, print_json_text, print_rows, say
from orch_dagster.control.connect import opened_store
from orch_dagster.registry.names import find_jobs
from orch_dagster.settings import load_settings


@click.command()
@as_json
def jobs(is_json: bool) -> None:
    """List the jobs of the registry, parents first."""
    registry = loaded(load_settings()).registry
    rows = [
        {
            "job_id": spec.job_id,
            "job_name": spec.job_name,
            "source": spec.group.name,
            "waits_for": ", ".join(spec.parents),
            "script": spec.script_path,
            "comments": spec.comments or "",
        }
        for spec in registry.jobs.values()
    ]
    if is_json:
        print_json(rows)
        return
    # JSON keeps the key that programs read.
    shown = [{**row, "group": row["source"]} for row in rows]
    print_rows(shown, ["job_id", "job_name", "group", "waits_for", "script"], "No valid job.")
    errors = [finding for finding in registry.findings if not finding.is_warning]
    if errors:
        say(f"{len(errors)} findings on rows; see `orch doctor`", err=True)


@click.command()
@click.argument("job", type=JOB)
@dates_options
@as_json
def params(job: str, is_json: bool, **dates: Any) -> None:
    """Show the parameters that JOB would get for a date now, without a run.

    Of several dates, those that one run of them would get. Secrets are not shown.
    """
    if not (days := dates_named(**dates)):
        raise click.UsageError("give --biz-dt (once or more), or --from and --to")
    settings = load_settings()
    group = find_jobs(loaded(settings).registry, job)
    with opened_store(settings) as store:
        bundles = [
            redact_bundle(
                fetch_bundle(store, spec, run_id="", wanted=days, environment=settings.env),
                settings.secret_patterns,
            ).bundle
            for spec in group.jobs
        ]
    if skipped := bundles[0].skipped:
        say(f"skipped, because they are not open: {some_days(skipped)}", err=True)
    if is_json:
        texts = [bundle.to_json() for bundle in bundles]
        print_json_text(texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]\n")
        return
    for number, bundle in enumerate(bundles):
        if number:
            say("")
        _print_params(bundle)


def _print_params(bundle: ParamBundle) -> None:
    spec = bundle.spec
    say(f"{spec.job_name} ({spec.job_id}) for {some_days(bundle.biz_dts)}")
    windows = {row.biz_dt: row for row in bundle.process_control}
    for day in bundle.biz_dts:
        of_day = f" of {day}" if len(bundle.biz_dts) > 1 else ""
        say(f"window{of_day} {windows[day].start_dt} to {windows[day].end_dt}")
    say(f"script {spec.script_path}, hql {spec.context.hql or 'none'}")
    for number, source in enumerate(spec.context.sources, start=1):
        say(f"row{number} {source.format} {source.path}")
    for sink in spec.context.sinks:
        say(f"sink {sink.format} {sink.path} by {', '.join(sink.partition_cols)}")
    columns = ["param_key", "param_value", "param_type", "key_name"]
    print_rows([row.to_row() for row in bundle.sys_params], columns, "No sys_params.")
