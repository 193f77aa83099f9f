"""Rows of execution_log that say Started although Dagster no longer has their run.

Such a run was deleted, or its DAGSTER_HOME was. Its events are gone, so only its process can be
judged, by the file that it left beside its parameters. A run without one is of another home or of
an older version: nobody here knows whether it still runs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import dagster as dg
from dagster import DagsterInstance

from orch_dagster.control.records import FAILED_PREFIX, STARTED, ExecutionLog, read_records
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import from_micros
from orch_dagster.defs.runs.dead_applications import ApplicationEnder, with_unended
from orch_dagster.defs.runs.liveness import HEARTBEAT_TAG, is_process_gone, read_process
from orch_dagster.errors import UnknownRunError
from orch_dagster.execution_log import write_rows

RUN_DELETED = "the run was deleted in Dagster before its end was recorded, and its process is gone"
DECLARED_GONE = (
    "the run was deleted in Dagster before its end was recorded, and was declared gone by "
    "`orch log rebuild --gone`"
)

_RUNS_A_READ = 500
# A look reads the status of every row, so that it takes at most this part of the time.
_SHARE_OF_TIME = 0.01


@dataclass(frozen=True)
class DeletedRuns:
    """The runs of Started rows that Dagster does not have.

    Attributes:
        ended: The rows that were ended, as the process of their run is gone.
        unknown: Started rows of runs of which nothing here tells whether they still run.
    """

    ended: Sequence[ExecutionLog] = ()
    unknown: Sequence[ExecutionLog] = ()


def end_deleted_runs(
    instance: DagsterInstance,
    store: ControlStore,
    params_dir: Path,
    heartbeat_timeout_s: float = math.inf,
    *,
    since: datetime | None = None,
    gone: Collection[str] = (),
) -> DeletedRuns:
    """End the Started rows whose run Dagster does not have and whose process is gone.

    Args:
        instance: The instance of the runs.
        store: The store of execution_log.
        params_dir: ``params/``, where runs of this home named their process.
        heartbeat_timeout_s: As for is_process_gone.
        since: The earliest creation of a run; by default all.
        gone: Ids of runs, or their first characters, that somebody knows to be over.

    Raises:
        UnknownRunError: If `gone` names a run that has no such row, several, or one that lives.
        StoreError: If the store can't be read or written; a second call is safe.
    """
    rows = _started_rows(store, since)
    missing = {row.run_id for row in rows if row.run_id} - _existing(instance, rows)
    processes = {run_id: read_process(params_dir, run_id) for run_id in sorted(missing)}
    declared = {_declared(start, processes, heartbeat_timeout_s) for start in gone}
    over = {
        run_id
        for run_id, tags in processes.items()
        if run_id in declared or (tags and is_process_gone(tags, heartbeat_timeout_s))
    }
    unknown = [row for row in rows if row.run_id and processes.get(row.run_id, {}) is None]
    ended: list[ExecutionLog] = []
    if over:
        # Read again, as a process may have written its end after the first read.
        where = {"run_id": sorted(over), "status": STARTED}
        with ApplicationEnder() as applications:
            unended = {each: applications.end_deleted(each, params_dir) for each in over}
        ended = [
            _ended(row, processes[str(row.run_id)], str(row.run_id) in declared, unended)
            for row in read_records(store, ExecutionLog, where)
        ]
        write_rows(store, ended)
    return DeletedRuns(ended, [row for row in unknown if row.run_id not in over])


def _started_rows(store: ControlStore, since: datetime | None) -> list[ExecutionLog]:
    columns = ["run_id", "job_name", "biz_dt"]
    rows = read_records(store, ExecutionLog, {"status": STARTED}, columns)
    return [row for row in rows if since is None or _created_at(row) >= since]


def _created_at(row: ExecutionLog) -> datetime:
    """Return when the run of a row was created, by the row's id; the earliest time if unknown."""
    micros = row.id.partition("_")[0]
    try:
        return from_micros(int(micros))
    except (ValueError, OverflowError):
        return from_micros(0)


def _existing(instance: DagsterInstance, rows: Iterable[ExecutionLog]) -> set[str]:
    wanted = sorted({row.run_id for row in rows if row.run_id})
    pages = (wanted[at : at + _RUNS_A_READ] for at in range(0, len(wanted), _RUNS_A_READ))
    return {
        record.dagster_run.run_id
        for page in pages
        for record in instance.get_run_records(dg.RunsFilter(run_ids=page))
    }


def _declared(
    start: str, processes: dict[str, dict[str, str] | None], heartbeat_timeout_s: float
) -> str:
    """Return the run whose id starts so, if it may be declared gone."""
    matches = [run_id for run_id in processes if start and run_id.startswith(start.lower())]
    if len(matches) != 1:
        what = f"{len(matches)} runs have" if matches else "no run has"
        raise UnknownRunError(
            f"--gone {start}: {what} an id that starts so among the Started rows of runs that "
            f"Dagster does not have; `orch log rebuild` lists them"
        )
    tags = processes[matches[0]]
    if tags and not is_process_gone(tags, heartbeat_timeout_s):
        raise UnknownRunError(
            f"--gone {start}: the process of run {matches[0]} lives; it writes its own end"
        )
    return matches[0]


def _ended(
    row: ExecutionLog,
    process: dict[str, str] | None,
    is_declared: bool,
    unended: Mapping[str, str | None],
) -> ExecutionLog:
    """Return the row with the end that is known: the last time at which its process lived."""
    message = DECLARED_GONE if is_declared and process is None else RUN_DELETED
    message = with_unended(message, unended.get(str(row.run_id)))
    ended = replace(row, status=FAILED_PREFIX + message, error_message=message)
    if process is None or HEARTBEAT_TAG not in process:
        return ended
    lived_at = datetime.fromtimestamp(float(process[HEARTBEAT_TAG]), tz=timezone.utc)
    # A step may have begun since the last heartbeat.
    started_at = row.start_time or lived_at
    lived_at = max(lived_at, started_at)
    return replace(ended, end_time=lived_at, duration=(lived_at - started_at).total_seconds())


class DeletedRunsWatch:
    """Ends the rows of deleted runs from time to time, and names the unknown ones once.

    Args:
        params_dir: As for end_deleted_runs.
        heartbeat_timeout_s: As for end_deleted_runs.
        clock: Seconds of a monotonic clock.
    """

    def __init__(
        self,
        params_dir: Path,
        heartbeat_timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._params_dir = params_dir
        self._heartbeat_timeout_s = heartbeat_timeout_s
        self._clock = clock
        self._next_s = -math.inf
        self._named: set[str] = set()

    def look(self, instance: DagsterInstance, store: ControlStore) -> list[str]:
        """End such rows, unless the last look was just now.

        Returns:
            A sentence for each row that was ended, and for each unknown one the first time.
        """
        began_s = self._clock()
        if began_s < self._next_s:
            return []
        found = end_deleted_runs(instance, store, self._params_dir, self._heartbeat_timeout_s)
        now_s = self._clock()
        self._next_s = now_s + (now_s - began_s) / _SHARE_OF_TIME
        new = [row for row in found.unknown if row.id not in self._named]
        self._named = {row.id for row in found.unknown}
        return [*map(ended_text, found.ended), *map(unknown_text, new)]


def ended_text(row: ExecutionLog) -> str:
    """Return a sentence on a row that was ended."""
    return f"ended the row of {row.job_name} {row.biz_dt}, run {row.run_id}: {row.error_message}"


def unknown_text(row: ExecutionLog) -> str:
    """Return a sentence on a row of which nobody here knows whether its run lives."""
    return (
        f"{row.job_name} {row.biz_dt} is Started by run {row.run_id}, which this instance of "
        f"Dagster does not have, and nothing in this home names its process: it is unknown whether "
        f"it still runs elsewhere. If you know that it is over: "
        f"orch log rebuild --gone {row.run_id}"
    )
