"""The business dates whose reprocess_dt is due, and when they are requested again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from framework.contract.business_dates import date_fault
from orch_dagster.control.group import GroupKey
from orch_dagster.control.records import ProcessControl
from orch_dagster.control.tables import PROCESS_CONTROL, is_iso_date
from orch_dagster.registry.jobs import Group, JobSpec, Registry

# A process outside the instance does not tell when it is over, so the date is tried again, later
# each time.
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=6)


@dataclass(frozen=True)
class Attempt:
    """A run of a business date of the group.

    Attributes:
        run_id: Dagster's run id.
        is_over: Whether it has ended.
        reprocess_dt: The value that it was requested for; None for every other run of the date.
        row_run_id: The run_id of process_control when it was requested; '' for null.
        is_settled: Whether the row's value was cleared, as all jobs had completed.
        was_held: Whether it failed while another run held the date, or before parents of other
            groups completed it, and so perhaps for that.
        locked_at: When it ended, if it failed on nothing but a lock that no run of this instance
            held: a process outside had the date.
    """

    run_id: str
    is_over: bool
    reprocess_dt: str | None = None
    row_run_id: str = ""
    is_settled: bool = False
    was_held: bool = False
    locked_at: datetime | None = None

    @property
    def is_tried_again(self) -> bool:
        """Return whether the same value requests another run after this one."""
        return self.was_held or self.locked_at is not None


def why_not_now(row: ProcessControl, attempts: Sequence[Attempt], now: datetime) -> str | None:
    """Return why a due row is not requested now, or None if it is.

    Each run writes its run_id into the row when it starts. So the row of a run that reprocesses
    and fails has changed, but is not requested again for that. One that failed beside another run
    of the date is requested again once both are over; one that found the date locked by a process
    outside this instance, after a pause that doubles each time.

    Args:
        row: The row, its reprocess_dt due.
        attempts: The runs that hold its date, of one date or of several.
        now: The time.
    """
    of_value = [each for each in attempts if each.reprocess_dt == row.reprocess_dt]
    locked = [each.locked_at for each in of_value if each.locked_at and not each.is_settled]
    for attempt in attempts:
        if not attempt.is_over:
            return f"run {attempt.run_id} of that date has not ended"
        if attempt.reprocess_dt != row.reprocess_dt or attempt.is_settled or attempt.is_tried_again:
            continue
        if (row.run_id or "") in (attempt.run_id, attempt.row_run_id):
            return (
                f"run {attempt.run_id} was requested and has not completed all jobs; change "
                f"reprocess_dt to request another"
            )
    if locked and now < (next_try := max(locked) + _pause(len(locked))):
        return (
            f"a process outside this instance held the date's lock; it is requested again at "
            f"{next_try:%Y-%m-%d %H:%M} UTC"
        )
    return None


def _pause(failures: int) -> timedelta:
    """Return how long to wait after so many runs that found the date locked.

    >>> str(_pause(1)), str(_pause(3)), str(_pause(1000))
    ('0:05:00', '0:20:00', '6:00:00')
    """
    # A number of doublings past which only the longest pause is left.
    return min(_FIRST_PAUSE * 2 ** min(failures - 1, 10), _LONGEST_PAUSE)


def due_rows(
    rows: Iterable[ProcessControl], today: Mapping[GroupKey, str]
) -> tuple[list[ProcessControl], list[str]]:
    """Find the rows whose reprocess_dt is today or earlier, oldest biz_dt first.

    Args:
        rows: Rows of process_control.
        today: Today's date in each group that has jobs.

    Returns:
        The due rows, and a sentence for each row that can't be requested.
    """
    due: list[ProcessControl] = []
    faults: list[str] = []
    for row in rows:
        if not row.reprocess_dt:
            continue
        where = f"{PROCESS_CONTROL.name} ({PROCESS_CONTROL.key_text(row.to_row())})"
        group_today = today.get(row.group)
        if fault := date_fault(row.reprocess_dt):
            faults.append(f"{where}: reprocess_dt {row.reprocess_dt!r} {fault}")
        elif not is_iso_date(row.biz_dt):
            faults.append(
                f"{where}: reprocess_dt is set, but biz_dt is not a date such as 2024-05-15"
            )
        elif group_today is None:
            faults.append(f"{where}: reprocess_dt is set, but the group has no valid job")
        elif row.reprocess_dt <= group_today:
            due.append(row)
    return sorted(due, key=lambda row: (row.biz_dt, row.entity, row.source_system)), faults


def downstream(registry: Registry, group: Group) -> Iterator[JobSpec]:
    """Yield the jobs of other groups downstream of a group's jobs, however far; parents first."""
    reached = set(group.job_ids)
    for spec in registry.jobs.values():
        if spec.job_id not in reached and not reached.isdisjoint(spec.parents):
            reached.add(spec.job_id)
            yield spec
