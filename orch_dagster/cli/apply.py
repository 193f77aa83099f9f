"""Commands that change or export the registry's rows: plan, apply, rename, remove, export."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from orch_dagster.cli.arguments import as_json
from orch_dagster.cli.completion import GROUP, JOB
from orch_dagster.cli.deployment_checks import clash_warnings
from orch_dagster.cli.exit_codes import HAS_CHANGES
from orch_dagster.cli.output import print_document, print_json, print_rows, say
from orch_dagster.cli.set_aside import remove_set_aside
from orch_dagster.cli.setting_check import setting_check
from orch_dagster.cli.shown_dates import show_open_dates
from orch_dagster.control.completions import completed
from orch_dagster.control.connect import opened_store
from orch_dagster.control.group import GroupKey
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_DEPENDENCY, JOB_MASTER, PROCESS_CONTROL
from orch_dagster.errors import UnknownJobError
from orch_dagster.files import write_atomically
from orch_dagster.registry.apply import (
    ApplyError,
    CheckedPlan,
    plan_files,
    plan_remove,
    plan_rename,
)
from orch_dagster.registry.change_text import value_changes
from orch_dagster.registry.changes import RowChange, TableChange
from orch_dagster.registry.export import export_rows, literal_secrets, to_yaml
from orch_dagster.registry.names import job_ids_named
from orch_dagster.registry.prune import group_of
from orch_dagster.registry.row_files import STDIN
from orch_dagster.registry.similar_names import did_you_mean
from orch_dagster.registry.touched import TouchedJob, touched_jobs
from orch_dagster.registry.write import read_tables, write_plan
from orch_dagster.settings import Settings, load_settings

F = TypeVar("F", bound=Callable[..., Any])


def _files(command: F) -> F:
    path = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
    return click.argument("files", nargs=-1, required=True, type=path, callback=_once)(command)


def _once(ctx: click.Context, param: click.Parameter, files: tuple[Path, ...]) -> tuple[Path, ...]:
    """Refuse to read standard input twice."""
    if files.count(STDIN) > 1:
        raise click.BadParameter("- is given more than once", ctx, param)
    return files


def _prune(command: F) -> F:
    text = "Also remove the rows of the files' groups that the files don't have."
    return click.option("--prune", is_flag=True, help=text)(command)


def _dry_run(command: F) -> F:
    text = "Show the changes and write nothing."
    return click.option("--dry-run", is_flag=True, help=text)(command)


@click.command()
@_files
@_prune
@click.option(
    "--detailed-exitcode",
    is_flag=True,
    help="Exit 2 if there is something to do, 0 if there is nothing.",
)
@as_json
def plan(files: tuple[Path, ...], prune: bool, detailed_exitcode: bool, is_json: bool) -> None:
    """Show what `orch apply` would do with YAML FILES, and what that touches; write nothing.

    The file - is standard input.
    Shows the values of changed columns, old and new, without secrets. What apply would refuse is
    shown with its file and line, and exits 1.
    """
    settings = load_settings()
    with opened_store(settings) as store:
        checked = _planned(files, store, settings, prune=prune, is_json=is_json)
        touched = _touched(checked, store)
    if is_json:
        print_json(_as_json(checked, touched, settings))
    else:
        _print_plan(checked, touched, settings)
    if detailed_exitcode and not checked.plan.is_empty:
        sys.exit(HAS_CHANGES)


@click.command()
@_files
@_prune
@as_json
def apply(files: tuple[Path, ...], prune: bool, is_json: bool) -> None:
    """Write registry rows from YAML FILES, all of them or none.

    The file - is standard input. Shows the changes, old -> new, without secrets.

    Top-level keys are table names, each with a list of rows. If a row is invalid, nothing is
    written, and every error is shown with its file and line.
    """
    settings = load_settings()
    with opened_store(settings) as store:
        done = _planned(files, store, settings, prune=prune, is_json=is_json)
        write_plan(done.plan, store)
        show_open_dates(settings, store, _groups_of_dates(done))
    if is_json:
        print_json(done.as_rows())
        return
    _print_warnings(done)
    _print_changes(done, settings)
    _print_counts(done, "The files hold no rows.")
    if done.plan.is_empty and done.changes:
        say("unchanged: the store has these rows already")


def _groups_of_dates(checked: CheckedPlan) -> set[GroupKey]:
    """Return the groups whose dates a plan opens, changes or closes."""
    rows = [
        row
        for change in checked.changes
        if change.table is PROCESS_CONTROL
        for each in change.rows
        for row in (each.old, each.new)
        if row
    ]
    return {GroupKey(str(row["entity"]), str(row["source_system"])) for row in rows}


def _planned(
    files: Sequence[Path], store: ControlStore, settings: Settings, *, prune: bool, is_json: bool
) -> CheckedPlan:
    """Plan the files; print their problems as JSON before the error, if JSON is asked for."""
    try:
        checked = plan_files(files, store, settings, setting_check(settings), prune=prune)
    except ApplyError as error:
        if is_json:
            print_json(error.as_rows())
        raise
    clashes = clash_warnings(checked.plan, settings)
    return replace(checked, warnings=(*checked.warnings, *clashes))


@click.command()
@click.argument("job", type=JOB)
@click.argument("new_name")
@_dry_run
@as_json
def rename(job: str, new_name: str, dry_run: bool, is_json: bool) -> None:
    """Rename a JOB, given by its name or job_id, wherever the control tables have its name.

    Its job_id stays, and so its history in execution_log. Files in git, params/ and logs/ and the
    asset's history in Dagster keep the old name.
    """
    settings = load_settings()
    with opened_store(settings) as store:
        job_id, old = _renamed_job(store, job, new_name)
        checked = plan_rename(store, settings, job_id, old, new_name)
        _finish(checked, store, settings, dry_run=dry_run, is_json=is_json)
    if not is_json:
        say(
            f"The asset, op and job of {new_name} in Dagster are new ones after a reload: the "
            f"history of {old} stays under its name, as do params/ and logs/. Write the new name "
            f"into your files too."
        )


@click.command()
@click.argument("jobs", nargs=-1, type=JOB)
@click.option(
    "--set-aside",
    "handles",
    multiple=True,
    metavar="HANDLE",
    help="Remove this row, which is set aside; `orch doctor` names it.",
)
@_dry_run
@as_json
def remove(jobs: tuple[str, ...], handles: tuple[str, ...], dry_run: bool, is_json: bool) -> None:
    """Remove JOBS, given by name, job_id or group, with their dependencies and settings.

    Refused if a job that stays waits for one of them. Their rows of execution_log, the open dates
    of their group and what they landed stay.
    """
    if bool(jobs) == bool(handles):
        raise click.UsageError("give JOBS or --set-aside, one of the two")
    settings = load_settings()
    with opened_store(settings) as store:
        if handles:
            remove_set_aside(store, handles, dry_run=dry_run, is_json=is_json)
            return
        job_ids = list(dict.fromkeys(each for job in jobs for each in _job_ids(store, job)))
        checked = plan_remove(store, settings, job_ids)
        _finish(checked, store, settings, dry_run=dry_run, is_json=is_json)


@click.command()
@click.argument("groups", nargs=-1, type=GROUP)
@click.option("--dates", "with_dates", is_flag=True, help="Also export process_control.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write this file instead of standard output.",
)
def export(groups: tuple[str, ...], with_dates: bool, output: Path | None) -> None:
    """Write the rows of GROUPS, by default all rows, as YAML that `orch apply` reads back.

    Refused if a row of param_type secret holds the secret itself.
    """
    settings = load_settings()
    with opened_store(settings) as store:
        stored = read_tables(store)
    known = {name for row in stored[JOB_MASTER.name] if (name := group_of(row))}
    names = {group.lower() for group in groups}
    if unknown := sorted(names - known):
        hints = [hint for name in unknown if (hint := did_you_mean(name, known))]
        raise UnknownJobError(
            f"no group {', '.join(unknown)}: the rows of job_master have "
            f"{', '.join(sorted(known))}{'; ' if hints else ''}{' '.join(hints)}"
        )
    rows = export_rows(stored, names or None, with_dates=with_dates)
    for place in literal_secrets(rows, settings.secret_patterns):
        say(f"warning: {place} is a secret, and exported as the table has it", err=True)
    text = to_yaml(rows)
    if output is None:
        print_document(text)
    else:
        write_atomically(output, text)
        say(f"Wrote {output}.")


def _finish(
    checked: CheckedPlan, store: ControlStore, settings: Settings, *, dry_run: bool, is_json: bool
) -> None:
    """Show a plan, and write it unless it is a dry run."""
    touched = _touched(checked, store)
    if not dry_run:
        write_plan(checked.plan, store)
        show_open_dates(settings, store, _groups_of_dates(checked))
    if is_json:
        print_json(_as_json(checked, touched, settings))
    else:
        _print_plan(checked, touched, settings)


def _renamed_job(store: ControlStore, job: str, new_name: str) -> tuple[str, str]:
    """Return the job_id and the old name of a job to rename.

    A job that has the new name already is taken too: a renaming that was cut off is finished.
    """
    rows = store.read(JOB_MASTER, columns=["job_id", "job_name"])
    for row in rows:
        if job in (row["job_id"], row["job_name"]):
            return str(row["job_id"]), str(row["job_name"])
    for row in rows:
        if row["job_name"] == new_name:
            return str(row["job_id"]), job
    job_ids = _job_ids(store, job)
    if len(job_ids) != 1:
        listed = ", ".join(job_ids)
        raise UnknownJobError(f"{job} is a group of {len(job_ids)} jobs; give one: {listed}")
    # A job without a row in job_master is left by a removal that was cut off.
    names = {str(row["job_id"]): str(row["job_name"]) for row in rows}
    return job_ids[0], names.get(job_ids[0], job)


def _job_ids(store: ControlStore, name: str) -> tuple[str, ...]:
    """Return the ids of the jobs that a name means, in job_master or in job_dependency alone.

    Raises:
        UnknownJobError: If it means none; names similar ones.
    """
    masters = store.read(JOB_MASTER)
    names = {str(row["job_id"]): str(row["job_name"]) for row in masters}
    for row in store.read(JOB_DEPENDENCY):
        names.setdefault(str(row["dependent_job_id"]), str(row["dependent_job_name"]))
    return job_ids_named(name, masters, names)


def _touched(checked: CheckedPlan, store: ControlStore) -> list[TouchedJob]:
    """Return the touched jobs with the dates that they have landed."""
    jobs = touched_jobs(checked.plan)
    dates = sorted({date for job in jobs for date in job.open_dates})
    done = completed(store, [job.job_id for job in jobs], dates)
    return [
        replace(job, landed=tuple(date for date in job.open_dates if (job.job_id, date) in done))
        for job in jobs
    ]


def _print_plan(checked: CheckedPlan, touched: Sequence[TouchedJob], settings: Settings) -> None:
    _print_warnings(checked)
    _print_changes(checked, settings)
    for job in touched:
        say(job.sentence())
    for row in _rows_of(checked.plan.prunable):
        say(f"only in the store: {row.table.name} ({row.key})")
    if checked.plan.prunable:
        say("Those rows stay; `--prune` removes them.")
    _print_counts(checked, "Nothing to do: the files hold no rows.")
    if checked.plan.is_empty:
        say("Nothing to do.")


def _print_changes(checked: CheckedPlan, settings: Settings) -> None:
    """Print each changed row, and below it its values: old -> new."""
    for row in _rows_of(checked.changes):
        say(f"{row.action} {row.table.name} ({row.key})")
        for value in value_changes(row, settings.secret_patterns):
            say(f"    {value}")


def _print_warnings(checked: CheckedPlan) -> None:
    for warning in checked.warnings:
        say(f"warning: {warning}", err=True)
    for note in checked.plan.notes:
        say(f"note: {note}", err=True)


def _print_counts(checked: CheckedPlan, none: str) -> None:
    columns = ["table", "inserted", "changed", "removed", "unchanged"]
    if not any(change.removed for change in checked.changes):
        columns.remove("removed")
    # JSON keeps the key that programs read.
    rows = [{"removed": 0, **row, "unchanged": row["left"]} for row in checked.as_rows()]
    print_rows(rows, columns, none)


def _rows_of(changes: Sequence[TableChange]) -> Iterator[RowChange]:
    return (row for change in changes for row in change.rows)


def _as_json(
    checked: CheckedPlan, touched: Sequence[TouchedJob], settings: Settings
) -> dict[str, object]:
    """Return a plan for programs."""

    def row(change: RowChange) -> dict[str, object]:
        values = value_changes(change, settings.secret_patterns)
        return {
            "action": change.action,
            "table": change.table.name,
            "key": {name: (change.old or change.new or {})[name] for name in change.table.keys},
            "values": [asdict(value) for value in values],
        }

    return {
        "changes": [row(each) for each in _rows_of(checked.changes)],
        "only_in_store": [row(each) for each in _rows_of(checked.plan.prunable)],
        "touched": [asdict(job) for job in touched],
        "counts": checked.as_rows(),
        "warnings": [str(each) for each in checked.warnings],
        "notes": list(checked.plan.notes),
    }
