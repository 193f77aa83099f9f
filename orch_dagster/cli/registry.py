"""Commands that look at the registry or open a date: open, jobs, params."""

from __future__ import annotations

import click

from orch_dagster.bundle.bundle import ParamBundle
from orch_dagster.bundle.fetch import fetch_bundle
from orch_dagster.bundle.redact import redact_bundle
from orch_dagster.cli.arguments import BIZ_DT, as_json, loaded
from orch_dagster.cli.output import print_json, print_json_text, print_rows, say
from orch_dagster.cli.shown_dates import show_open_dates
from orch_dagster.control.connect import opened_store
from orch_dagster.control.group import GroupKey
from orch_dagster.control.open_dates import newest_row, opened_row
from orch_dagster.control.records import ProcessControl
from orch_dagster.control.tables import PROCESS_CONTROL
from orch_dagster.errors import OrchError
from orch_dagster.registry.jobs import Registry
from orch_dagster.registry.names import find_jobs
from orch_dagster.settings import load_settings


@click.command("open")
@click.argument("entity")
@click.argument("source_system")
@click.argument("biz_dt", type=BIZ_DT)
def open_date(entity: str, source_system: str, biz_dt: str) -> None:
    """Open a business date: add its row of process_control, like the group's newest."""
    settings = load_settings()
    group = _group_as_spelled(loaded(settings).registry, entity, source_system)
    with opened_store(settings) as store:
        stored = store.read_stored(PROCESS_CONTROL, group.columns)
        if bad := [row for row in stored.bad if row.text("biz_dt") == biz_dt]:
            raise OrchError(
                f"{bad[0]}; write the row anew, or remove it with "
                f"`orch remove --set-aside {bad[0].handle}`"
            )
        rows = [ProcessControl.from_row(row) for row in stored.rows]
        if any(row.biz_dt == biz_dt for row in rows):
            show_open_dates(settings, store, [group])
            say(f"{PROCESS_CONTROL.key_text({**group.columns, 'biz_dt': biz_dt})} is open.")
            return
        row = opened_row(group, biz_dt, newest_row(rows))
        store.insert_ignore(PROCESS_CONTROL, [row.to_row()])
        show_open_dates(settings, store, [group])
    say(f"Opened {PROCESS_CONTROL.key_text(row.to_row())}.")


def _group_as_spelled(registry: Registry, entity: str, source_system: str) -> GroupKey:
    """Return the group as its jobs spell it, ignoring case; in upper case if it has no jobs."""
    given = GroupKey(entity.upper(), source_system.upper())
    keys = (group.key for group in registry.groups.values())
    return next((key for key in keys if GroupKey(*map(str.upper, key)) == given), given)


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
        say(f"{len(errors)} findings on quarantined rows; see `orch doctor`", err=True)


@click.command()
@click.argument("job")
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
