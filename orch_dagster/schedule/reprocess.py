"""When a business date whose reprocess_dt has come is asked for again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from orch_dagster.control.group import GroupKey
from orch_dagster.control.records import ProcessControl
from orch_dagster.control.tables import PROCESS_CONTROL, is_iso_date
from orch_dagster.registry.jobs import Group, JobSpec, Registry


@dataclass(frozen=True)
class Attempt:
    """A run of a business date of the group.

    Attributes:
        run_id: Dagster's.
        is_over: Whether it has ended.
        reprocess_dt: The value that it was asked for; None for every other run of the date.
        row_run_id: What run_id of process_control was when it was asked for; '' for null.
        is_settled: Whether its value was taken from the row, as all jobs had completed.
    """

    run_id: str
    is_over: bool
    reprocess_dt: str | None = None
    row_run_id: str = ""
    is_settled: bool = False


def why_not_now(row: ProcessControl, attempts: Iterable[Attempt]) -> str | None:
    """Why a due row is not asked for, or None where it is.

    Each run notes its run_id on the row when it starts, so a run that reprocesses and fails
    changes the row itself: that is no change by which it would be asked for again.

    Args:
        row: The row, its reprocess_dt due.
        attempts: The runs of its date.
    """
    for attempt in attempts:
        if not attempt.is_over:
            return f"run {attempt.run_id} of that date has not ended"
        if attempt.reprocess_dt != row.reprocess_dt or attempt.is_settled:
            continue
        if (row.run_id or "") in (attempt.run_id, attempt.row_run_id):
            return (
                f"run {attempt.run_id} was asked for and has not completed all jobs; change "
                f"reprocess_dt to ask again"
            )
    return None


def due_rows(
    rows: Iterable[ProcessControl], today: Mapping[GroupKey, str]
) -> tuple[list[ProcessControl], list[str]]:
    """The rows whose reprocess_dt is today or earlier, oldest biz_dt first, and what is odd.

    Args:
        rows: Rows of process_control.
        today: The date it is, for each group that has jobs.

    Returns:
        The due rows, and a sentence for each row that cannot be asked for.
    """
    due: list[ProcessControl] = []
    odd: list[str] = []
    for row in rows:
        if not row.reprocess_dt:
            continue
        where = f"{PROCESS_CONTROL.name} ({PROCESS_CONTROL.key_text(row.to_row())})"
        here = today.get(row.group)
        if not is_iso_date(row.reprocess_dt):
            odd.append(f"{where}: reprocess_dt {row.reprocess_dt!r} is no date such as 2024-05-15")
        elif not is_iso_date(row.biz_dt):
            odd.append(f"{where}: reprocess_dt is set, but biz_dt is no date such as 2024-05-15")
        elif here is None:
            odd.append(f"{where}: reprocess_dt is set, but no valid job is of that group")
        elif row.reprocess_dt <= here:
            due.append(row)
    return sorted(due, key=lambda row: (row.biz_dt, row.entity, row.source_system)), odd


def downstream(registry: Registry, group: Group) -> Iterator[JobSpec]:
    """Yield the jobs of other groups that wait for its jobs, however far; parents first."""
    behind = set(group.job_ids)
    for spec in registry.jobs.values():
        if spec.job_id not in behind and not behind.isdisjoint(spec.parents):
            behind.add(spec.job_id)
            yield spec
