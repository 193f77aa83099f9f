"""orch due: list the business dates that are due, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orch_dagster.cli.arguments import as_json, loaded
from orch_dagster.cli.completion import JOB
from orch_dagster.cli.instance import opened_instance
from orch_dagster.cli.output import print_json, print_rows, say
from orch_dagster.control.connect import opened_store
from orch_dagster.registry.jobs import Group
from orch_dagster.registry.location import Location
from orch_dagster.registry.names import find_jobs
from orch_dagster.schedule.due import DueDate
from orch_dagster.settings import load_settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from orch_dagster.control.store import ControlStore
    from orch_dagster.defs.schedule.due_now import DueReader


@click.command()
@click.argument("job", required=False, type=JOB)
@as_json
def due(job: str | None, is_json: bool) -> None:
    """List the business dates that are due for JOB or a group, by default for all groups, and why.

    Due are dates that are open and not completed, dates whose reprocess_dt has come, and business
    days that a schedule's tick would open now. `orch run GROUP --due` lands them.
    """
    settings = load_settings()
    location = loaded(settings)
    groups = [find_jobs(location.registry, job)] if job else location.registry.groups.values()
    rows: list[tuple[Group, DueDate]] = []
    with opened_store(settings) as store, opened_instance(settings) as instance:
        reader = due_reader(location, instance, store)
        for group in groups:
            rows += [(group, each) for each in read_due(reader, group)]
    if is_json:
        print_json([_document(group, each) for group, each in rows])
        return
    shown = [
        {"group": group.name, "biz_dt": each.biz_dt, "why": "; ".join(each.reasons),
         "jobs": ", ".join(spec.job_name for spec in each.specs), "waits": why_waiting(each)}
        for group, each in rows
    ]  # fmt: skip
    print_rows(shown, ["group", "biz_dt", "why", "jobs", "waits"], "No date is due.")


def due_reader(location: Location, instance: DagsterInstance, store: ControlStore) -> DueReader:
    """Return the reader of what is due."""
    from orch_dagster.defs.runs.lookup import end_status
    from orch_dagster.defs.schedule.due_now import DueReader

    timeout_s = location.settings.heartbeat_timeout_s
    return DueReader(location, instance, store, lambda run: end_status(run, timeout_s) is not None)


def read_due(reader: DueReader, group: Group) -> list[DueDate]:
    """Return the due dates of a group's jobs; print on stderr what else there is to know."""
    now = reader.read(group)
    for warning in now.warnings:
        say(f"warning: {warning}", err=True)
    for schedule, count in now.remaining.items():
        say(
            f"{schedule}: {count} more business days are not open; they are due when these have "
            f"been opened (schedule.catchup)",
            err=True,
        )
    return list(now.dates)


def why_waiting(due_date: DueDate) -> str:
    """Return what a date, or some of its jobs, waits for; an empty text if nothing."""
    reasons: list[str] = []
    if due_date.held_by:
        reasons.append(f"run {due_date.held_by} of that date has not ended")
    if due_date.waiting:
        reasons.append(f"parents have not completed: {', '.join(due_date.waiting)}")
    return "; ".join(reasons)


def _document(group: Group, each: DueDate) -> dict[str, object]:
    return {
        "group": group.name,
        "biz_dt": each.biz_dt,
        "reasons": list(each.reasons),
        "is_open": each.is_open,
        "jobs": [spec.job_name for spec in each.specs],
        "waiting": list(each.waiting),
        "held_by": each.held_by,
    }
