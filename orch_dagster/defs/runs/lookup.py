"""Runs of Dagster's instance, as commands look for them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import dagster as dg
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord

from orch_dagster.defs.dagster_internals.run_changes import run_ids
from orch_dagster.defs.runs.liveness import is_process_gone
from orch_dagster.errors import OrchError, UnknownRunError

_NAMED_AT_MOST = 5


def find_run(instance: DagsterInstance, start: str) -> RunRecord:
    """The run of that id, or the only one whose id starts so.

    Raises:
        UnknownRunError: There is none, or there are several.
    """
    if record := instance.get_run_record_by_id(start):
        return record
    if not start:
        raise UnknownRunError("no run is named; `orch log` shows those of execution_log")
    found = [run_id for run_id in run_ids(instance) if run_id.startswith(start.lower())]
    if len(found) == 1 and (record := instance.get_run_record_by_id(found[0])):
        return record
    if not found:
        raise UnknownRunError(
            f"no run of this instance has an id that starts with {start!r}; "
            f"`orch log` shows those of execution_log"
        )
    named = ", ".join(found[:_NAMED_AT_MOST]) + (" …" if len(found) > _NAMED_AT_MOST else "")
    raise UnknownRunError(
        f"{len(found)} runs have an id that starts with {start!r}: {named}; give more of it"
    )


def runs_since(
    instance: DagsterInstance, since: datetime | None, page_size: int
) -> Iterator[Sequence[RunRecord]]:
    """The runs that were created since then, the oldest first, page by page.

    Raises:
        OrchError: A run was deleted in between, so that the next page is not known.
    """
    # Dagster's own filter leaves out that moment itself.
    after = None if since is None else since - timedelta(microseconds=1)
    filters = dg.RunsFilter(created_after=after)
    cursor: str | None = None
    while page := instance.get_run_records(filters, page_size, ascending=True, cursor=cursor):
        yield page
        cursor = page[-1].dagster_run.run_id
    if cursor is not None and instance.get_run_by_id(cursor) is None:
        raise OrchError(f"run {cursor} was deleted meanwhile; give the command again")


def how_it_ended(run: DagsterRun, heartbeat_timeout_s: float = math.inf) -> DagsterRunStatus | None:
    """How a run ended; None while it goes on.

    A run whose process is gone has failed, also before anybody has told Dagster so.
    """
    if run.is_finished:
        return run.status
    return DagsterRunStatus.FAILURE if is_process_gone(run.tags, heartbeat_timeout_s) else None
