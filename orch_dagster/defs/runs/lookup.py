"""Find runs of Dagster's instance for commands."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import dagster as dg
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord

from orch_dagster.defs.dagster_internals.run_changes import run_ids
from orch_dagster.defs.runs.liveness import is_process_gone, own_tags
from orch_dagster.errors import OrchError, UnknownRunError

_NAMED_AT_MOST = 5


def find_run(instance: DagsterInstance, start: str) -> RunRecord:
    """Return the run of that id, or the only run whose id starts with it.

    Raises:
        UnknownRunError: If no run matches, or several do.
    """
    if record := instance.get_run_record_by_id(start):
        return record
    if not start:
        raise UnknownRunError("the run id is empty; `orch log` shows the ids of runs")
    matches = [run_id for run_id in run_ids(instance) if run_id.startswith(start.lower())]
    if len(matches) == 1 and (record := instance.get_run_record_by_id(matches[0])):
        return record
    if not matches:
        raise UnknownRunError(
            f"no run of this instance has an id that starts with {start!r}; "
            f"`orch log` shows the ids of runs"
        )
    named = ", ".join(matches[:_NAMED_AT_MOST]) + (" …" if len(matches) > _NAMED_AT_MOST else "")
    raise UnknownRunError(
        f"{len(matches)} runs have an id that starts with {start!r}: {named}; "
        f"give more characters of it"
    )


def runs_since(
    instance: DagsterInstance, since: datetime | None, page_size: int
) -> Iterator[Sequence[RunRecord]]:
    """Yield pages of the runs created since that time, oldest first.

    Raises:
        OrchError: If a run was deleted meanwhile, so that the next page can't be found.
    """
    # Dagster's filter excludes the time itself.
    after = None if since is None else since - timedelta(microseconds=1)
    filters = dg.RunsFilter(created_after=after)
    cursor: str | None = None
    while page := instance.get_run_records(filters, page_size, ascending=True, cursor=cursor):
        yield page
        cursor = page[-1].dagster_run.run_id
    if cursor is not None and instance.get_run_by_id(cursor) is None:
        raise OrchError(f"run {cursor} was deleted meanwhile; run the command again")


def end_status(run: DagsterRun, heartbeat_timeout_s: float = math.inf) -> DagsterRunStatus | None:
    """Return the status with which a run ended; None while it runs.

    A run whose process is gone has failed, even before Dagster has recorded that.
    """
    if run.is_finished:
        return run.status
    return DagsterRunStatus.FAILURE if is_process_gone(own_tags(run), heartbeat_timeout_s) else None
