"""Commands that look at the registry: jobs, params."""

from __future__ import annotations

import click

from orch_dagster.bundle.bundle import ParamBundle
from orch_dagster.bundle.fetch import fetch_bundle
from orch_dagster.bundle.redact import redact_bundle
from orch_dagster.cli.arguments import BIZ_DT, as_json, loaded
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
@click.option("--biz-dt", required=True, type=BIZ_DT, help="Business date, such as 2024-05-15.")
@as_json
def params(job: str, biz_dt: str, is_json: bool) -> None:
    """Show the parameters that JOB would get for a date now, without a run.

    Secrets are not shown.
    """
    settings = load_settings()
    group = find_jobs(loaded(settings).registry, job)
    with opened_store(settings) as store:
        bundles = [
            redact_bundle(
                fetch_bundle(store, spec, run_id="", wanted=[biz_dt], environment=settings.env),
                settings.secret_patterns,
            ).bundle
            for spec in group.jobs
        ]
    if is_json:
        texts = [bundle.to_json() for bundle in bundles]
        print_json_text(texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]\n")
        return
    for number, bundle in enumerate(bundles):
        if number:
            say("")
        _print_params(bundle, biz_dt)


def _print_params(bundle: ParamBundle, biz_dt: str) -> None:
    spec, window = bundle.spec, bundle.process_control[0]
    say(f"{spec.job_name} ({spec.job_id}) for {biz_dt}")
    say(f"window {window.start_dt} to {window.end_dt}")
    say(f"script {spec.script_path}, hql {spec.context.hql or 'none'}")
    for number, source in enumerate(spec.context.sources, start=1):
        say(f"row{number} {source.format} {source.path}")
    for sink in spec.context.sinks:
        say(f"sink {sink.format} {sink.path} by {', '.join(sink.partition_cols)}")
    columns = ["param_key", "param_value", "param_type", "key_name"]
    print_rows([row.to_row() for row in bundle.sys_params], columns, "No sys_params.")
