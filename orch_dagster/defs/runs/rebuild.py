"""Rebuild execution_log from Dagster's event log, writing only rows that are missing or differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dagster import DagsterInstance

from orch_dagster.control.records import STARTED, ExecutionLog, read_records
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG
from orch_dagster.defs.runs.dead_applications import ApplicationEnder
from orch_dagster.defs.runs.dead_runs import fail_dead_runs
from orch_dagster.defs.runs.deleted_runs import DeletedRuns
from orch_dagster.defs.runs.history import HistoryReader
from orch_dagster.defs.runs.lookup import runs_since
from orch_dagster.execution_log import project, write_rows

_RUNS_A_PAGE = 50
_ROWS_A_READ = 500


@dataclass(frozen=True)
class Rebuilt:
    """The result of a rebuild.

    Attributes:
        runs: The number of runs read.
        rows: The number of their rows.
        written: The number of rows that were missing or differed.
        died: The ids of the runs that it failed, as their process was gone; also of runs that
            Dagster does not have any more.
        unknown: Started rows of runs that Dagster does not have and that may still run elsewhere.
        unended: A sentence on each run that was ended by force and whose applications on YARN
            can't be ended.
    """

    runs: int
    rows: int
    written: int
    died: Sequence[str]
    unknown: Sequence[ExecutionLog] = ()
    unended: Sequence[str] = ()


def rebuild(
    instance: DagsterInstance,
    store: ControlStore,
    job_ids: Mapping[str, str],
    since: datetime | None = None,
    heartbeat_timeout_s: float = math.inf,
    deleted: DeletedRuns | None = None,
) -> Rebuilt:
    """Write the missing and differing rows of all runs, or of those created since a time.

    Args:
        instance: The instance of the runs.
        store: The store of execution_log.
        job_ids: job_name to job_id, as for HistoryReader.
        since: The earliest creation of a run.
        heartbeat_timeout_s: As for fail_dead_runs.
        deleted: What end_deleted_runs did before, if it is to be part of the result.

    Raises:
        StoreError: If the store can't be read or written; a second rebuild is safe.
        OrchError: If a run was deleted meanwhile.
    """
    deleted = deleted or DeletedRuns()
    died = fail_dead_runs(instance, job_ids, heartbeat_timeout_s)
    reader = HistoryReader(instance, job_ids, store.address)
    runs = rows = 0
    written = len(deleted.ended)
    # What the table has no column for can't be written, and so is no difference.
    unknown = dict.fromkeys(store.lacking_columns(EXECUTION_LOG))
    unended: list[str] = []
    with ApplicationEnder() as applications:
        for page in runs_since(instance, since, _RUNS_A_PAGE):
            histories = [(record.dagster_run, reader.read(record)) for record in page]
            # Those of runs that were failed above have been ended.
            cut_off = {
                run.run_id: run
                for run, history in histories
                if history.end and history.is_cut_off and run.run_id not in died
            }
            projected = [
                replace(row, **unknown) for _, history in histories for row in project(history)
            ]
            runs, rows = runs + len(page), rows + len(projected)
            for start in range(0, len(projected), _ROWS_A_READ):
                chunk = projected[start : start + _ROWS_A_READ]
                stored = read_records(store, ExecutionLog, {"id": [row.id for row in chunk]})
                changed = rows_that_differ(chunk, {row.id: row for row in stored})
                # Once, though the rows of a run may be in two reads.
                ended = [cut_off.pop(each, None) for each in _run_ids(changed)]
                unended += filter(None, (applications.end_cut_off(run) for run in ended if run))
                write_rows(store, changed)
                written += len(changed)
    died += sorted({str(row.run_id) for row in deleted.ended})
    return Rebuilt(runs, rows, written, died, deleted.unknown, tuple(unended))


def _run_ids(rows: Sequence[ExecutionLog]) -> list[str]:
    """Return the runs of rows, each once, in their order."""
    return list(dict.fromkeys(str(row.run_id) for row in rows))


def rows_that_differ(
    rows: Sequence[ExecutionLog], stored: Mapping[str, ExecutionLog]
) -> list[ExecutionLog]:
    """Return the rows with which write_rows would change the store.

    Args:
        rows: The expected rows.
        stored: The rows of the store by id.
    """
    return [row for row in rows if _differs(row, stored.get(row.id))]


def _differs(row: ExecutionLog, stored: ExecutionLog | None) -> bool:
    if stored is None:
        return True
    # write_rows never replaces an end by a start, nor a value by null but error_message.
    return row.status != STARTED and any(
        (value is not None or name == "error_message") and getattr(stored, name) != value
        for name, value in row.to_row().items()
    )
