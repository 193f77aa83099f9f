"""What has to be true of all runs once everything was started again and has settled."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterRunStatus, RunRecord
from rich.table import Table

from orch_dagster.control.connect import open_store
from orch_dagster.control.tables import EXECUTION_LOG, Row
from orch_dagster.defs.partitions import PARTITION_TAG
from tests.endurance.chaos.flights import Flight
from tests.endurance.chaos.small_jobs import content
from tests.endurance.chaos.strikes import JOBS, Plan
from tests.endurance.chaos.world import SILENCE_S, World
from tests.held_landings import UNDOING
from tests.homes import STORE_URL
from tests.waiting import wait_until

_OVER = {
    DagsterRunStatus.NOT_STARTED, DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE,
    DagsterRunStatus.CANCELED,
}  # fmt: skip
_COLUMNS = ("#", "asked for by", "jobs", "victim", "signal", "hit", "Dagster", "rows", "data")
# Steps of publishing up to which nothing of a date has changed.
_BEFORE_COMMIT = {"_acquire", "publication", "staging", *UNDOING}
# Steps from which on its journal promises the new data.
_AFTER_COMMIT = {"apply", "_enter done", "cleanup", "release", "remove_empty_parents"}


@dataclass(frozen=True)
class Ended:
    """What is left of a run.

    Attributes:
        flight: How it went.
        record: Dagster's; None where it was killed before there was one.
        rows: Its rows of execution_log by job.
    """

    flight: Flight
    record: RunRecord | None
    rows: dict[str, list[Row]]

    @property
    def plan(self) -> Plan:
        """What it was to be."""
        return self.flight.plan

    @property
    def status(self) -> DagsterRunStatus | None:
        """Dagster's word."""
        return self.record.dagster_run.status if self.record else None

    @property
    def run_id(self) -> str | None:
        """Dagster's id."""
        return self.record.dagster_run.run_id if self.record else None

    def says(self, job_name: str) -> list[str]:
        """The status of each row of the job."""
        return [str(row["status"]) for row in self.rows.get(job_name, [])]

    def row_faults(self) -> Iterator[str]:
        """What is wrong with its rows: each job that had its turn has one, and no other has."""
        all_before_completed = True
        for job_name in self.plan.job_names:
            said = self.says(job_name)
            canceled = self.status is DagsterRunStatus.CANCELED
            begun = self.status not in (None, DagsterRunStatus.NOT_STARTED)
            wanted = 1 if begun and (all_before_completed or canceled) else 0
            if len(said) != wanted:
                yield f"{job_name}: {len(said)} rows where {wanted} are right: {said}"
            elif said == ["Started"]:
                yield f"{job_name}: its row says Started for ever"
            elif self.status is DagsterRunStatus.SUCCESS and said != ["Completed"]:
                yield f"{job_name}: the run is a success, and its row says {said}"
            all_before_completed &= said == ["Completed"]
        for row in (row for rows in self.rows.values() for row in rows):
            if row["job_name"] not in self.plan.job_names or row["biz_dt"] != self.plan.biz_dt:
                yield f"a row that is not its own: {row}"


def settle(world: World) -> None:
    """Start again what is down, and wait until every run is over."""
    world.mend_kudu(at_once=True)
    wait_until(world.is_kudu_whole, "a whole Kudu", timeout_s=90)
    world.mend_dev()
    unfinished = dg.RunsFilter(statuses=[each for each in DagsterRunStatus if each not in _OVER])
    wait_until(
        lambda: not world.instance.get_runs(unfinished),
        "the end of every run",
        timeout_s=2 * SILENCE_S + 60,
    )


def read_ends(world: World, flights: Sequence[Flight]) -> tuple[list[Ended], list[str]]:
    """What is left of each flight in the order of their launches, and what none of them left."""
    url = world.home.environ.get("ORCH_CONTROL_URL", STORE_URL)
    with closing(open_store(url, world.home.folder)) as store:
        rows = store.read(EXECUTION_LOG)
    of_run: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        of_run[str(row["run_id"])][str(row["job_name"])].append(row)
    records = [*world.instance.get_run_records()]
    ends: list[Ended] = []
    for flight in sorted(flights, key=lambda each: each.began_at):
        (record,) = [one for one in records if _is_of(one, flight)] or [None]
        run_id = record.dagster_run.run_id if record else ""
        ends.append(Ended(flight, record, of_run.pop(run_id, {})))
    known = {end.run_id for end in ends}
    strays = [f"rows of an unknown run {run_id}" for run_id in of_run]
    strays += [
        f"an unknown run {one.dagster_run.run_id}"
        for one in records
        if one.dagster_run.run_id not in known
    ]
    return ends, strays


def _is_of(record: RunRecord, flight: Flight) -> bool:
    run = record.dagster_run
    if flight.run_id:
        return run.run_id == flight.run_id
    assert flight.over_at is not None
    is_meanwhile = flight.began_at <= record.create_timestamp <= flight.over_at
    asked = {key.path[-1] for key in run.asset_selection or ()} or {*JOBS.get(run.job_name, ())}
    return (
        is_meanwhile
        and run.tags.get(PARTITION_TAG) == flight.plan.biz_dt
        and asked == {*flight.plan.job_names}
    )


def file_faults(world: World, ends: Sequence[Ended]) -> Iterator[str]:
    """What the landed files say against the rows.

    A date holds what its newest Completed run landed, or what a later run landed, or may have, that
    did not live to say so.
    """
    of_date: dict[tuple[str, str], list[Ended]] = defaultdict(list)
    for end in ends:
        for job_name in end.plan.job_names:
            of_date[job_name, end.plan.biz_dt].append(end)
    for (job_name, biz_dt), asked in of_date.items():
        # A run that waited for a daemon may have begun after one that was asked for later.
        runs = sorted(
            (end for end in asked if end.rows.get(job_name)),
            key=lambda end: str(end.rows[job_name][0]["end_time"]),
        )
        right = {""}
        for end in runs:
            match end.says(job_name) == ["Completed"] or _has_landed(end, job_name):
                case True:
                    right = {str(end.run_id)}
                case None:
                    right.add(str(end.run_id))
                case False:
                    pass
        if (found := content(world.home, job_name, biz_dt)) not in right:
            yield f"{job_name} {biz_dt}: holds {found or 'nothing'}, right is one of {right}"


def _has_landed(end: Ended, job_name: str) -> bool | None:
    """Whether a run has landed that did not complete; None where that is not known."""
    strike = end.plan.strike
    if strike is None or not strike.is_of_the_run or strike.job_name != job_name:
        return None
    if end.flight.hit in _BEFORE_COMMIT:
        return False
    return True if end.flight.hit in _AFTER_COMMIT else None


def table_of(world: World, ends: Sequence[Ended]) -> Table:
    """A line for each run."""
    table = Table(title=f"chaos on {'Kudu' if world.on_kudu else 'SQLite'}")
    for column in _COLUMNS:
        table.add_column(column, overflow="fold")
    for end in sorted(ends, key=lambda each: each.plan.number):
        plan, strike = end.plan, end.plan.strike
        told = [
            f"{name.rsplit('_')[-1]} {', '.join(end.says(name)) or '-'}" for name in plan.job_names
        ]
        mine = [content(world.home, name, plan.biz_dt) == end.run_id for name in plan.job_names]
        table.add_row(
            str(plan.number),
            plan.origin,
            str(len(plan.job_names)),
            strike.victim if strike else "-",
            strike.number.name if strike else "-",
            end.flight.hit or ("missed" if strike else "-"),
            end.status.value if end.status else "-",
            "\n".join(told),
            ", ".join("its own" if each else "another's" for each in mine),
        )
    return table


def hits_of(ends: Sequence[Ended]) -> str:
    """How many strikes met whom, and where."""
    met = [end for end in ends if end.flight.hit and "no victim" not in end.flight.hit]
    victims = Counter(end.plan.strike.victim for end in met if end.plan.strike)
    steps = Counter(
        str(end.flight.hit) if end.plan.strike and end.plan.strike.step else "by time"
        for end in met
    )
    whom = ", ".join(f"{name} {count}" for name, count in sorted(victims.items()))
    where = ", ".join(f"{name} {count}" for name, count in sorted(steps.items()))
    return f"{len(met)} of {len(ends)} runs struck: {whom}; at: {where}"
