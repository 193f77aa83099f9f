"""Commands that change which business dates are open: open, close, reprocess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

import click

from orch_dagster.cli.arguments import BIZ_DT, as_json, loaded
from orch_dagster.cli.asked_dates import (
    AskedDates,
    dates_count,
    dates_options,
    group_words,
    known_group,
    refuse,
    some_days,
)
from orch_dagster.cli.instance import has_instance, opened_instance
from orch_dagster.cli.output import print_json, say
from orch_dagster.cli.shown_dates import show_open_dates
from orch_dagster.control.connect import opened_store
from orch_dagster.control.group import GroupKey
from orch_dagster.control.open_dates import newest_row, opened_row
from orch_dagster.control.records import COMPLETED, ProcessControl
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG, JOB_MASTER, PROCESS_CONTROL
from orch_dagster.errors import NotReadyError, OrchError
from orch_dagster.registry.location import Location
from orch_dagster.registry.prune import group_of
from orch_dagster.schedule.calendar import Calendar
from orch_dagster.schedule.schedules import time_zone
from orch_dagster.schedule.settings import group_calendar, read_calendar
from orch_dagster.settings import Settings, load_settings

# What `orch open` writes into a row, and a user may have changed since.
_OWN_COLUMNS = ("start_dt", "end_dt", "business_keys", "compare_cols", "reprocess_dt")


@click.command("open")
@group_words
@dates_options
@click.option(
    "--calendar",
    metavar="DAYS|file:PATH",
    help="Of the range, open the business days of this calendar, written as schedule.calendar is; "
    "by default the group's own.",
)
@click.option("--every-day", is_flag=True, help="Open each day of the range, business day or not.")
@as_json
def open_date(
    words: tuple[str, ...],
    calendar: str | None,
    every_day: bool,
    is_json: bool,
    **dates: Any,
) -> None:
    """Open business dates of GROUP: add their rows of process_control, like the group's newest.

    Of a range, the business days of the group's calendar are opened. `orch close` undoes it.
    """
    asked = AskedDates.of(words, **dates)
    if (calendar or every_day) and not asked.first:
        raise click.UsageError("--calendar and --every-day are for a range (--from and --to)")
    if calendar and every_day:
        raise click.UsageError("give --calendar or --every-day, one of the two")
    settings = load_settings()
    given = _given_calendar(calendar, settings)
    with opened_store(settings) as store:
        group = known_group(store, asked.name)
        days, closed = asked.days, ()
        if asked.first and not every_day:
            used = given or group_calendar(store, group, settings)
            closed = tuple(day for day in days if used.why_closed(date.fromisoformat(day)))
            days = tuple(day for day in days if day not in set(closed))
        if not days:
            raise OrchError(
                f"none of {asked.text} is a business day of {group.name}; --every-day opens each"
            )
        rows = _usable_rows(store, group, days)
        is_open = {row.biz_dt for row in rows}
        new = [day for day in days if day not in is_open]
        model = newest_row(rows)
        opened = [opened_row(group, day, model).to_row() for day in new]
        store.insert_ignore(PROCESS_CONTROL, opened)
        show_open_dates(settings, store, [group])
    already = [day for day in days if day in is_open]
    if is_json:
        print_json(
            {
                "group": group.name,
                "opened": new,
                "already_open": already,
                "not_business_days": closed,
            }
        )
        return
    _say_opened(group, new, already, closed)


def _say_opened(
    group: GroupKey, new: Sequence[str], already: Sequence[str], closed: Sequence[str]
) -> None:
    if len(new) + len(already) == 1 and not closed:
        (day,) = (*new, *already)
        key = PROCESS_CONTROL.key_text({**group.columns, "biz_dt": day})
        say(f"Opened {key}." if new else f"{key} is open.")
        return
    say(f"Opened {dates_count(new)} of {group.name}{': ' if new else '.'}{some_days(new)}")
    if already:
        say(f"open already: {some_days(already)}")
    if closed:
        say(f"not business days, so not opened: {some_days(closed)} (--every-day opens them too)")


def _given_calendar(text: str | None, settings: Settings) -> Calendar | None:
    if text is None:
        return None
    try:
        return read_calendar(text, settings.referenced_files)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--calendar") from error


@click.command("close")
@group_words
@dates_options
@click.option(
    "--force",
    is_flag=True,
    help="Close also dates that have landed, or whose row has values that `orch open` would not "
    "write again.",
)
@as_json
def close_date(
    words: tuple[str, ...],
    force: bool,
    is_json: bool,
    **dates: Any,
) -> None:
    """Close business dates of GROUP: remove their rows of process_control, all of them or none.

    What the dates have landed stays, as does their history. A date that a run holds is refused.
    """
    asked = AskedDates.of(words, **dates)
    settings = load_settings()
    with opened_store(settings) as store:
        group = known_group(store, asked.name)
        days = asked.days
        rows = _usable_rows(store, group, days)
        wanted = [row for row in rows if row.biz_dt in set(days)]
        refuse(_held(settings, store, group, [row.biz_dt for row in wanted]), "nothing was closed:")
        others = [row for row in rows if row not in wanted]
        reasons = _losses(store, group, wanted, others)
        if reasons and not force:
            faults = [f"{day} {why}" for day, of_day in reasons.items() for why in of_day]
            faults.append("--force closes them all the same")
            refuse(faults, "nothing was closed:")
        store.delete(PROCESS_CONTROL, [{**group.columns, "biz_dt": row.biz_dt} for row in wanted])
        show_open_dates(settings, store, [group])
    closed = [row.biz_dt for row in wanted]
    not_open = [day for day in days if day not in closed]
    if is_json:
        print_json({"group": group.name, "closed": closed, "not_open": not_open, "lost": reasons})
        return
    say(f"Closed {dates_count(closed)} of {group.name}{': ' if closed else '.'}{some_days(closed)}")
    for day, of_day in reasons.items():
        say(f"  {day} {'; '.join(of_day)}")
    if not_open and asked.biz_dts:
        say(f"not open: {some_days(not_open)}")


def _losses(
    store: ControlStore,
    group: GroupKey,
    rows: Sequence[ProcessControl],
    others: Sequence[ProcessControl],
) -> dict[str, list[str]]:
    """Return by date what closing it loses, or leaves behind without an open date."""
    masters = store.read(JOB_MASTER, columns=["job_id", "job_name", "context_params"])
    names = {str(row["job_id"]): row["job_name"] for row in masters if group_of(row) == group.name}
    landed: dict[str, set[str]] = {}
    if names and rows:
        where = {"job_id": [*names], "status": COMPLETED}
        for row in store.read(EXECUTION_LOG, where, ["job_id", "biz_dt"]):
            landed.setdefault(str(row["biz_dt"]), set()).add(str(names[str(row["job_id"])]))
    newest = newest_row(rows)
    model = newest_row(others)
    losses: dict[str, list[str]] = {}
    for row in rows:
        reasons: list[str] = []
        if jobs := landed.get(row.biz_dt):
            reasons.append(f"has landed ({', '.join(sorted(jobs))}): its data stays")
        # With the last row of a group its keys are gone, which is said of one row.
        anew = opened_row(group, row.biz_dt, model if model or row is newest else newest)
        own = [
            f"{name} {getattr(row, name)}"
            for name in _OWN_COLUMNS
            if getattr(row, name) and getattr(row, name) != getattr(anew, name)
        ]
        if own:
            reasons.append(f"has {', '.join(own)}, which `orch open` would not write again")
        if reasons:
            losses[row.biz_dt] = reasons
    return losses


def _held(
    settings: Settings, store: ControlStore, group: GroupKey, days: Sequence[str]
) -> list[str]:
    """Return a sentence for each date that a run of the group's jobs holds."""
    if not days or not has_instance(settings):
        return []
    from orch_dagster.cli.due import due_reader

    location = loaded(settings)
    jobs = location.registry.groups.get(group.name)
    if jobs is None:
        return []
    with opened_instance(settings) as instance:
        held = due_reader(location, instance, store).held(jobs, days)
    return [f"{day}: run {run_id} of that date has not ended" for day, run_id in held.items()]


@click.command()
@group_words
@dates_options
@click.option(
    "--on",
    "on",
    type=BIZ_DT,
    help="The calendar day from which on they run again; by default today.",
)
@click.option("--undo", is_flag=True, help="Take the requests back.")
@as_json
def reprocess(
    words: tuple[str, ...],
    on: str | None,
    undo: bool,
    is_json: bool,
    **dates: Any,
) -> None:
    """Request that all jobs of GROUP run open dates again: set their reprocess_dt.

    The sensor `reprocess` of a daemon makes the runs, or `orch run GROUP --due`. To run one job
    again, run it.
    """
    asked = AskedDates.of(words, **dates)
    if on and undo:
        raise click.UsageError("give --on or --undo, one of the two")
    settings = load_settings()
    with opened_store(settings) as store:
        group = known_group(store, asked.name)
        rows = _usable_rows(store, group, asked.days)
        is_open = {row.biz_dt for row in rows}
        days = [day for day in asked.days if day in is_open]
        not_open = [day for day in asked.days if day not in is_open]
        if not_open and (asked.biz_dts or not days):
            raise NotReadyError(
                f"not open: {some_days(not_open)}; open them with `orch open {group.name} "
                f"{asked.text}`"
            )
        value = None if undo else on or _today(loaded(settings), group)
        change: Mapping[str, str | None] = {"reprocess_dt": value}
        store.update(PROCESS_CONTROL, [{**group.columns, "biz_dt": day, **change} for day in days])
    if is_json:
        print_json({"group": group.name, "dates": days, "reprocess_dt": value})
        return
    if not_open:
        say(f"skipped, because they are not open: {some_days(not_open)}", err=True)
    if undo:
        say(f"No request for {dates_count(days)} of {group.name} any more: {some_days(days)}")
        return
    say(
        f"All jobs of {group.name} run {dates_count(days)} again from {value} on: {some_days(days)}"
    )
    say(
        f"The sensor reprocess of `dagster dev` requests the runs; `orch run {group.name} --due` "
        f"lands them without it."
    )


def _today(location: Location, group: GroupKey) -> str:
    """Return today's date where the group's schedule ticks."""
    zone = ZoneInfo(time_zone(location, (group.name, "*")))
    return datetime.now(timezone.utc).astimezone(zone).date().isoformat()


def _usable_rows(store: ControlStore, group: GroupKey, days: Sequence[str]) -> list[ProcessControl]:
    """Return the group's rows.

    Raises:
        OrchError: If rows of these dates are set aside, as they can't be used.
    """
    stored = store.read_stored(PROCESS_CONTROL, group.columns)
    wanted = set(days)
    bad = [row for row in stored.bad if row.text("biz_dt") in wanted]
    faults = [
        f"{row}; write the row anew, or remove it with `orch remove --set-aside {row.handle}`"
        for row in bad
    ]
    if len(faults) == 1:
        raise OrchError(faults[0])
    refuse(faults, "rows of process_control can't be used:")
    return [ProcessControl.from_row(row) for row in stored.rows]
