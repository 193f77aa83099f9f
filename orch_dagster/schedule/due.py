"""The business dates of a group that are due, each with its reasons and the jobs to run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby

from orch_dagster.control.records import ProcessControl
from orch_dagster.registry.jobs import Group, JobSpec
from orch_dagster.schedule.blocked_jobs import blocked_jobs
from orch_dagster.schedule.settings import TickParams


@dataclass(frozen=True)
class DueDate:
    """A business date that is due.

    Attributes:
        biz_dt: The date.
        reasons: Why it is due.
        specs: The jobs to run, parents first; none if all of them wait.
        waiting: The names of the jobs that wait for parents outside of them.
        is_open: Whether it has a row in process_control.
        reprocess: That row, if its reprocess_dt is due.
        held_by: The id of another run that holds the date.
    """

    biz_dt: str
    reasons: tuple[str, ...]
    specs: tuple[JobSpec, ...]
    waiting: tuple[str, ...] = ()
    is_open: bool = True
    reprocess: ProcessControl | None = None
    held_by: str | None = None


@dataclass(frozen=True)
class DueFacts:
    """The facts by which dates of a group are due.

    Attributes:
        group: The jobs that are asked about, of one group.
        rows: The open dates of the group up to today, by biz_dt.
        missed: The business days that are not open, by date the jobs whose schedules missed them.
        done: (job_id, biz_dt) of what has completed, also of parents outside.
        again: The jobs of the group, and those behind it, that are to run again, by date: of rows
            whose reprocess_dt is due.
    """

    group: Group
    rows: Mapping[str, ProcessControl]
    missed: Mapping[str, Sequence[JobSpec]]
    done: Collection[tuple[str, str]]
    again: Mapping[str, Sequence[JobSpec]] = field(default_factory=dict)


def due_of_group(facts: DueFacts) -> list[DueDate]:
    """Return the due dates of a group, oldest first: to reprocess, not completed, and missed."""
    due: list[DueDate] = []
    for day in sorted({*facts.rows, *facts.missed}):
        row = facts.rows.get(day)
        if row is None:
            specs, reasons = tuple(facts.missed[day]), ["a business day that is not open"]
        else:
            again = tuple(facts.again.get(day, ()))
            open_jobs = [job for job in facts.group.jobs if (job.job_id, day) not in facts.done]
            specs = (*again, *(job for job in open_jobs if job not in again))
            reasons = [f"reprocess_dt {row.reprocess_dt}"] if again else []
            if open_jobs:
                names = ", ".join(job.job_name for job in open_jobs)
                all_of_them = len(open_jobs) == len(facts.group.jobs)
                reasons.append("not completed" if all_of_them else f"not completed by {names}")
        if not specs:
            continue
        ordered = _in_order(specs, facts.group)
        waiting = blocked_jobs(ordered, {job_id for job_id, of in facts.done if of == day})
        due.append(
            DueDate(
                biz_dt=day,
                reasons=tuple(reasons),
                specs=tuple(spec for spec in ordered if spec.job_name not in waiting),
                waiting=waiting,
                is_open=row is not None,
                reprocess=row if row is not None and facts.again.get(day) else None,
            )
        )
    return due


def _in_order(specs: Sequence[JobSpec], group: Group) -> tuple[JobSpec, ...]:
    """Return the group's jobs in its order, then those behind it, which have their own."""
    own = tuple(spec for spec in group.jobs if spec in specs)
    return (*own, *(spec for spec in specs if spec not in own))


def missed_days(
    today: date, up_to: date | None, opened: Collection[str], params: TickParams
) -> tuple[list[str], int]:
    """Return the business days up to the newest tick's that are not open, and how many follow.

    Args:
        today: The local date.
        up_to: The date up to which nothing is missed; None before the first tick of a schedule.
        opened: The dates that are open.
        params: The schedule's parameters.
    """
    calendar = params.calendar
    tick = calendar.before(today, 1) if calendar.why_closed(today) else today
    biz_dt = calendar.before(tick, params.offset)
    if not params.catchup:
        return ([] if biz_dt.isoformat() in opened else [biz_dt.isoformat()]), 0
    newest = max((date.fromisoformat(day) for day in opened), default=calendar.before(biz_dt, 1))
    start = min(up_to or newest, biz_dt)
    days = [day.isoformat() for day in (*calendar.between(start, biz_dt), biz_dt)]
    missed = [day for day in days if day not in opened]
    # The oldest ones, so that the next time begins where this one ended.
    shown = missed[: params.catchup + 1]
    return shown, len(missed) - len(shown)


def runs_of(due: Sequence[DueDate], dates_per_run: int) -> list[tuple[DueDate, ...]]:
    """Return the dates of each run, oldest first: neighbours with the same jobs land in one.

    Dates without a job to run, and those that another run holds, are left out.
    """
    to_run = [each for each in due if each.specs and not each.held_by]
    runs: list[tuple[DueDate, ...]] = []
    for _, same in groupby(to_run, lambda each: each.specs):
        dates = tuple(same)
        starts = range(0, len(dates), dates_per_run)
        runs += [dates[start : start + dates_per_run] for start in starts]
    return runs
