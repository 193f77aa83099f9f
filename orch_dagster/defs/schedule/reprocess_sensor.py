"""reprocess_dt: the sensor that requests business dates again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from functools import cache
from itertools import takewhile
from zoneinfo import ZoneInfo

import dagster as dg
from dagster import DagsterRunStatus, RunRecord

from framework.contract.causes import LOCKED
from framework.contract.visible import visible
from orch_dagster.control.completions import completed
from orch_dagster.control.connect import opened_store
from orch_dagster.control.group import GroupKey
from orch_dagster.control.records import (
    COMPLETED,
    FAILED_PREFIX,
    ExecutionLog,
    ProcessControl,
    read_records,
)
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import PROCESS_CONTROL
from orch_dagster.defs.dagster_internals.asset_jobs import IMPLICIT_ASSET_JOB_NAME
from orch_dagster.defs.dagster_internals.previews import is_preview, tick_log
from orch_dagster.defs.open_partitions import add_open_dates
from orch_dagster.defs.partitions import dates_of_one_run, run_key_of, tags_of
from orch_dagster.defs.schedule.dated_runs import DatedRuns, ended_at
from orch_dagster.defs.schedule.reprocess_runs import (
    REPROCESS_TAG,
    Requested,
    completed_by,
    is_settled,
    reprocess_tags,
    requested_rows,
    runs_of_group,
)
from orch_dagster.defs.translator import asset_key
from orch_dagster.registry.jobs import Group, JobSpec
from orch_dagster.registry.location import Location
from orch_dagster.schedule.reprocess import Attempt, downstream, due_rows, why_not_now
from orch_dagster.schedule.schedules import time_zones

REPROCESS_SENSOR = "reprocess"

_RUNS_A_TICK = 50


def reprocess_sensor(location: Location, jobs: Sequence[dg.JobDefinition]) -> dg.SensorDefinition:
    """Build the sensor that requests the dates whose reprocess_dt is today or earlier.

    Args:
        location: The registry and the settings.
        jobs: The jobs of the groups, and Dagster's implicit job of all assets.
    """
    settings = location.settings

    @dg.sensor(
        name=REPROCESS_SENSOR,
        jobs=jobs,
        minimum_interval_seconds=60,
        # It runs only what somebody wrote into a row.
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Requests the business dates whose reprocess_dt in process_control is today or "
        "earlier, with all jobs of the group and those that wait for them.",
    )
    def reprocess(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        with opened_store(settings) as store:
            requests, reasons = _Tick(location, context, store).requests()
        yield from requests
        if not requests:
            yield dg.SkipReason("; ".join(reasons) or "No reprocess_dt is due")

    return reprocess


class _Tick:
    def __init__(
        self, location: Location, context: dg.SensorEvaluationContext, store: ControlStore
    ) -> None:
        self._location = location
        self._instance = context.instance
        self._is_preview = is_preview(context)
        self._log = tick_log(context)
        self._store = store
        self._runs = DatedRuns(context.instance)
        self._now = datetime.now(timezone.utc)

    def requests(self) -> tuple[list[dg.RunRequest], list[str]]:
        """Return a request for each group with dates to run, and why other dates are not run."""
        columns = [*PROCESS_CONTROL.keys, "reprocess_dt", "run_id"]
        stored = self._store.read_stored(PROCESS_CONTROL, columns=columns)
        rows = [ProcessControl.from_row(row) for row in stored.rows]
        groups = {group.key: group for group in self._location.registry.groups.values()}
        today = self._today(groups.values())
        due, warnings = due_rows(rows, today)
        for warning in [*warnings, *map(str, stored.bad)]:
            self._log.warning(visible(warning))
        opened_of: dict[GroupKey, list[str]] = defaultdict(list)
        for row in rows:
            opened_of[row.group].append(row.biz_dt)
        requests: list[dg.RunRequest] = []
        reasons: list[str] = []
        for key in dict.fromkeys(row.group for row in due):
            group = groups[key]
            opened = opened_of[key]
            of_group = [row for row in due if row.group == key]
            attempts = self._attempts(group, of_group)
            ready: list[ProcessControl] = []
            for row in of_group:
                reason = (
                    _lies_ahead(row, today[key])
                    or why_not_now(row, attempts[row.biz_dt], self._now)
                    or self._runs_beside(group, row.biz_dt, opened)
                )
                if reason:
                    reasons.append(f"{group.name} {row.biz_dt}: {reason}")
                else:
                    ready.append(row)
            if ready and len(requests) < _RUNS_A_TICK:
                requests.append(self._request(group, ready, attempts, opened_of))
        return requests, reasons

    def _today(self, groups: Iterable[Group]) -> dict[GroupKey, str]:
        """Return today's date in each group."""
        zone_of = time_zones(self._location)
        zones = {group.key: ZoneInfo(zone_of(group.key_names)) for group in groups}
        return {key: self._now.astimezone(zone).date().isoformat() for key, zone in zones.items()}

    def _attempts(
        self, group: Group, due: Sequence[ProcessControl]
    ) -> Mapping[str, Sequence[Attempt]]:
        """Return the runs that hold the due dates, and those that their rows requested, by date."""
        attempts: dict[str, list[Attempt]] = {row.biz_dt: [] for row in due}
        for each in self._runs.unfinished:
            if self._runs.plans(each.run, group.job_names):
                for biz_dt in each.biz_dts & attempts.keys():
                    attempts[biz_dt].append(Attempt(each.run.run_id, is_over=False))
        values = {row.biz_dt: row.reprocess_dt for row in due}
        over = [
            (record, biz_dt, asked)
            for record in runs_of_group(self._instance, group)
            for biz_dt, asked in requested_rows(record.dagster_run).items()
            if record.dagster_run.is_finished and values.get(biz_dt) == asked.reprocess_dt
        ]

        @cache
        def failures() -> Mapping[tuple[str, str], Sequence[str]]:
            return self._failures([record for record, _, _ in over], group, [*attempts])

        for record, biz_dt, asked in over:
            attempt = self._requested(record, group, biz_dt, asked, failures)
            attempts[biz_dt].append(attempt)
        return attempts

    def _requested(
        self,
        record: RunRecord,
        group: Group,
        biz_dt: str,
        asked: Requested,
        failures: Callable[[], Mapping[tuple[str, str], Sequence[str]]],
    ) -> Attempt:
        run = record.dagster_run
        # First what costs nothing to know.
        settled = is_settled(run, biz_dt)
        was_held = not settled and (
            biz_dt in self._runs.held_up(record) or self._parents_came_later(record, group, biz_dt)
        )
        was_held = was_held and not completed_by(self._store, group, biz_dt, [run.run_id])
        has_failed = run.status is DagsterRunStatus.FAILURE
        is_locked = not settled and not was_held and has_failed
        if is_locked:
            # On the date's lock, and on nothing else.
            statuses = failures().get((run.run_id, biz_dt), ())
            found_locked = f"{FAILED_PREFIX}{LOCKED}: "
            is_locked = bool(statuses) and all(each.startswith(found_locked) for each in statuses)
        return Attempt(
            run_id=run.run_id,
            is_over=True,
            reprocess_dt=asked.reprocess_dt,
            row_run_id=asked.row_run_id,
            is_settled=settled,
            was_held=was_held,
            locked_at=ended_at(record) if is_locked else None,
        )

    def _failures(
        self, records: Sequence[RunRecord], group: Group, biz_dts: Sequence[str]
    ) -> Mapping[tuple[str, str], Sequence[str]]:
        """Return how jobs of the group failed, by run and date; one read for all failed runs."""
        runs = [each.dagster_run for each in records]
        where = {
            "run_id": sorted({r.run_id for r in runs if r.status is DagsterRunStatus.FAILURE}),
            "biz_dt": biz_dts,
            "job_id": list(group.job_ids),
        }
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        columns = ["run_id", "biz_dt", "status"]
        for row in read_records(self._store, ExecutionLog, where, columns):
            if (row.status or "").startswith(FAILED_PREFIX):
                found[str(row.run_id), str(row.biz_dt)].append(str(row.status))
        return found

    def _parents_came_later(self, record: RunRecord, group: Group, biz_dt: str) -> bool:
        """Tell whether a failed run had to do without parents of other groups, which came since."""
        outer = {id_ for spec in group.jobs for id_ in spec.parents} - set(group.job_ids)
        if record.dagster_run.status is not DagsterRunStatus.FAILURE or not outer:
            return False
        where = {"job_id": sorted(outer), "biz_dt": biz_dt, "status": COMPLETED}
        first: dict[str | None, datetime] = {}
        for row in read_records(self._store, ExecutionLog, where, ["job_id", "end_time"]):
            if row.end_time:
                first[row.job_id] = min(row.end_time, first.get(row.job_id, row.end_time))
        return first.keys() == outer and max(first.values()) > ended_at(record)

    def _runs_beside(self, group: Group, biz_dt: str, opened: Sequence[str]) -> str | None:
        """Return why the date waits for a run of other dates of the group, or None.

        The changes of a date are counted against the date before, which must not be replaced
        meanwhile.
        """
        for each in self._runs.unfinished:
            if each.run.tags.get(REPROCESS_TAG) == group.name:
                return f"run {each.run.run_id}, which reprocesses the group, has not ended"
        before = max((day for day in opened if day < biz_dt), default=biz_dt)
        after = min((day for day in opened if day > biz_dt), default=biz_dt)
        holders = self._runs.holders(group.job_names, {before, after}, begun_only=True)
        return next(
            (f"run {run_id} of the date beside it has not ended" for run_id in holders), None
        )

    def _request(
        self,
        group: Group,
        rows: Sequence[ProcessControl],
        attempts: Mapping[str, Sequence[Attempt]],
        opened_of: Mapping[GroupKey, Collection[str]],
    ) -> dg.RunRequest:
        """Request the group's chain for the oldest dates, with the downstream jobs of other groups.

        Those are the ones that completed the date before. A date with other ones of them than the
        oldest date waits until this run is over.

        Args:
            group: The group.
            rows: The rows of its dates, oldest first.
            attempts: The runs of each date.
            opened_of: The open dates of each group.
        """
        behind = self._completed_downstream(group, [row.biz_dt for row in rows])
        first = behind[rows[0].biz_dt]
        of_run = list(takewhile(lambda row: behind[row.biz_dt] == first, rows))
        specs = (*group.jobs, *first)
        opened = {key: opened_of.get(key, ()) for key in {spec.group for spec in specs}}
        days = dates_of_one_run(
            [row.biz_dt for row in of_run],
            set.intersection(*map(set, opened.values())),
            self._location.settings.dates_per_run,
        )
        of_run = of_run[: len(days)]
        if not self._is_preview:
            for key, biz_dts in opened.items():
                add_open_dates(self._instance, key, biz_dts)
        return dg.RunRequest(
            run_key=_run_key(group, of_run, attempts),
            job_name=IMPLICIT_ASSET_JOB_NAME if first else group.name,
            partition_key=days[0] if len(days) == 1 else None,
            asset_selection=[asset_key(spec) for spec in specs] if first else None,
            tags={**tags_of(days), **reprocess_tags(group, of_run, days)},
        )

    def _completed_downstream(
        self, group: Group, biz_dts: Sequence[str]
    ) -> Mapping[str, tuple[JobSpec, ...]]:
        """Return the downstream jobs of other groups that completed each date."""
        behind = list(downstream(self._location.registry, group))
        done = completed(self._store, {spec.job_id for spec in behind}, biz_dts)
        return {
            day: tuple(spec for spec in behind if (spec.job_id, day) in done) for day in biz_dts
        }


def _lies_ahead(row: ProcessControl, today: str) -> str | None:
    return f"after today, {today}, so not yet requested" if row.biz_dt > today else None


def _run_key(
    group: Group, rows: Sequence[ProcessControl], attempts: Mapping[str, Sequence[Attempt]]
) -> str:
    """Return a key that a new request has for itself."""
    # A run that another one held up may have left the row as it was.
    others = [
        text
        for row in rows
        for text in (
            row.reprocess_dt or "",
            row.run_id or "",
            *(each.run_id for each in attempts[row.biz_dt] if each.is_tried_again),
        )
    ]
    return run_key_of(group.name, [row.biz_dt for row in rows], *others)
