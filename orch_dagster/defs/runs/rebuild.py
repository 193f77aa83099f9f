"""execution_log made anew from Dagster's event log: only what is missing or differs is written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dagster import DagsterInstance

from orch_dagster.control.records import STARTED, ExecutionLog, read_records
from orch_dagster.control.store import ControlStore
from orch_dagster.defs.runs.dead_runs import fail_dead_runs
from orch_dagster.defs.runs.history import HistoryReader
from orch_dagster.defs.runs.lookup import runs_since
from orch_dagster.execution_log import project, write_rows

_RUNS_A_PAGE = 50
_ROWS_A_READ = 500


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild found and did.

    Attributes:
        runs: Runs that it read.
        rows: Their rows.
        written: Of them those that were missing or differed.
        died: Run ids that it failed, as their process was gone.
    """

    runs: int
    rows: int
    written: int
    died: Sequence[str]


def rebuild(
    instance: DagsterInstance,
    store: ControlStore,
    job_ids: Mapping[str, str],
    since: datetime | None = None,
    heartbeat_timeout_s: float = math.inf,
) -> Rebuilt:
    """Write the rows of all runs, or of those created since then, where they are not so already.

    Args:
        instance: Where the runs are.
        store: Where execution_log is.
        job_ids: job_name to job_id. A job that is not there any more has the rows of its steps that
            began.
        since: The earliest creation of a run.
        heartbeat_timeout_s: As for fail_dead_runs.

    Raises:
        StoreError: The store cannot be read or written; giving the command again is safe.
        OrchError: A run was deleted meanwhile.
    """
    died = fail_dead_runs(instance, job_ids, heartbeat_timeout_s)
    reader = HistoryReader(instance, job_ids)
    runs = rows = written = 0
    for page in runs_since(instance, since, _RUNS_A_PAGE):
        projected = [row for record in page for row in project(reader.read(record))]
        runs, rows = runs + len(page), rows + len(projected)
        for start in range(0, len(projected), _ROWS_A_READ):
            some = projected[start : start + _ROWS_A_READ]
            there = read_records(store, ExecutionLog, {"id": [row.id for row in some]})
            changed = rows_that_differ(some, {row.id: row for row in there})
            write_rows(store, changed)
            written += len(changed)
    return Rebuilt(runs, rows, written, died)


def rows_that_differ(
    rows: Sequence[ExecutionLog], there: Mapping[str, ExecutionLog]
) -> list[ExecutionLog]:
    """Those of the rows by which write_rows would change something.

    Args:
        rows: As they should be.
        there: The rows of the store by id.
    """
    return [row for row in rows if _differs(row, there.get(row.id))]


def _differs(row: ExecutionLog, there: ExecutionLog | None) -> bool:
    if there is None:
        return True
    # A start undoes nothing, and no value is replaced by null.
    return row.status != STARTED and any(
        value is not None and getattr(there, name) != value for name, value in row.to_row().items()
    )
