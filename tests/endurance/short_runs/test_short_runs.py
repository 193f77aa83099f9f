"""Many short runs on each store, which goes away and comes back, while processes are killed.

Each run leaves one row of execution_log, and it is true. What is real: Dagster's runs, events and
executor, the step and its parameters, the supervisor, the message file, the stores and the kills.
What is not: Spark, in whose place a Python of the standard library runs the job; and runs share a
worker process, where `orch run` has one for each.

SHORT_RUNS is how many runs (1,000), a third of them on each store; SHORT_SEED repeats a drawing.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRunStatus
from rich.console import Console
from rich.table import Table

from orch_dagster.control.connect import open_store
from orch_dagster.control.tables import EXECUTION_LOG, Row
from tests.endurance.short_runs import short_job
from tests.endurance.short_runs.crew import NUMBER_TAG, Crew, ShortRun, draw_runs
from tests.endurance.short_runs.stores import STORES, restarting
from tests.homes import STORE_URL, Home, home_of_job
from tests.plain_spark import plain_spark
from tests.waiting import wait_until

RUNS = int(os.environ.get("SHORT_RUNS", "1000")) // 3
AT_ONCE = 3
JOB = "etl_lnd_ins_sys_t"
# The least that there is.
_SILENCE_S = 61

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to kill by"),
    pytest.mark.usefixtures("own_signals"),
    pytest.mark.timeout(600 + 2 * RUNS),
]

# One event log for all runs: a file for each costs a second.
_DAGSTER_YAML = """
event_log_storage:
  module: dagster._core.storage.event_log
  class: ConsolidatedSqliteEventLogStorage
  config: {{base_dir: "{folder}"}}
telemetry: {{enabled: false}}
"""


def _home(folder: Path) -> Home:
    context = {
        "sources": [{"format": "csv", "path": "in/{biz_dt}.csv"}],
        "hql": "land.hql",
        "sinks": [{"format": "csv", "path": "out", "partition_cols": ["biz_dt"]}],
    }
    script = Path(str(short_job.__file__)).read_text(encoding="utf-8")
    made = home_of_job(folder, JOB, script, context, {"land.hql": "SELECT * FROM row1"})
    made.environ["ORCH_SPARK_HOME"] = str(plain_spark(folder.with_name("spark"), "-SE"))
    made.environ["ORCH_SILENCE_S"] = str(_SILENCE_S)
    (made.folder / "strikes").mkdir()
    dagster_home = Path(made.environ["DAGSTER_HOME"])
    (dagster_home / "dagster.yaml").write_text(_DAGSTER_YAML.format(folder=dagster_home))
    return made


def _open_dates(home: Home) -> list[str]:
    days = [(date(2024, 6, 1) + timedelta(days=number)).isoformat() for number in range(30)]
    keys = {"entity": "INS", "source_system": "SYS"}
    rows = {"process_control": [{**keys, "biz_dt": day} for day in days]}
    (home.folder / "dates.yaml").write_text(json.dumps(rows))
    for words in (["init"], ["apply", "rows.yaml"], ["apply", "dates.yaml"]):
        home.here(*words)
    # The registry as it is kept for workers that start while the store is away.
    home.orch("jobs")
    return days


@dataclass
class Verdict:
    """What is left of the runs.

    Attributes:
        faults: What must not be.
        ends: How many runs ended in which way.
    """

    faults: list[str] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)


def _verdict(home: Home, runs: Sequence[ShortRun]) -> Verdict:
    url = home.environ.get("ORCH_CONTROL_URL", STORE_URL)
    with closing(open_store(url, home.folder)) as store:
        rows = store.read(EXECUTION_LOG)
    of_run: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        of_run[str(row["run_id"])].append(row)
    with DagsterInstance.from_config(home.environ["DAGSTER_HOME"]) as instance:
        records = [record.dagster_run for record in instance.get_run_records()]
    by_number = {int(run.tags[NUMBER_TAG]): run for run in records}
    verdict = Verdict()
    if len(by_number) != len(records):
        verdict.faults.append(f"{len(records)} runs of {len(by_number)} numbers")
    for run in runs:
        found = by_number.get(run.number)
        own = of_run.pop(found.run_id, []) if found else []
        landed = found is not None and any(home.folder.glob(f"out/*/{found.run_id}"))
        verdict.faults += [
            f"run {run.number} ({run.victim or 'no victim'} {run.moment}): {fault}"
            for fault in _faults(run, found, own, is_landed=landed)
        ]
        verdict.ends[_end(own)] += 1
    verdict.faults += [f"rows of an unknown run: {strays}" for strays in of_run.values()]
    return verdict


def _faults(
    run: ShortRun, found: dg.DagsterRun | None, rows: list[Row], *, is_landed: bool
) -> Iterator[str]:
    """What is wrong with a run's rows."""
    has_begun = found is not None and found.status is not DagsterRunStatus.NOT_STARTED
    if found is None and not run.victim.startswith("orchestrator"):
        yield "Dagster does not know it"
    if len(rows) != has_begun:
        yield f"{len(rows)} rows"
        return
    if found is None or not rows:
        return
    yield from _row_faults(run, found.status, rows[0], is_landed=is_landed)


def _row_faults(
    run: ShortRun, status: DagsterRunStatus, row: Row, *, is_landed: bool
) -> Iterator[str]:
    message = str(row["error_message"] or "")
    is_completed = row["status"] == "Completed"
    if not is_completed and row["status"] != f"Failed: {message}":
        yield f"its row says {row['status']}, {message}"
    if is_completed and not is_landed:
        yield "its row says Completed, and nothing has landed"
    if status is DagsterRunStatus.SUCCESS and not is_completed:
        yield f"a success whose row says {row['status']}"
    if not run.victim:
        # Then only the store can have kept it from landing, and before its job began.
        if (status is DagsterRunStatus.SUCCESS) != is_completed:
            yield f"Dagster says {status.value}, its row {row['status']}"
        if not is_completed and (is_landed or "control store" not in message):
            yield f"no process was killed, and its row says {row['status']}"
    elif run.victim in ("job", "supervisor") and is_completed:
        yield f"its {run.victim} was killed, and its row says Completed"
    start, end = row["start_time"], row["end_time"]
    # A run that was killed before its step has no start, and made no attempt.
    if (row["attempts"], row["job_id"], row["job_name"]) != (int(start is not None), "J", JOB):
        yield f"its row is another's: {row}"
    if end is None or (start is None and not run.victim.startswith("orchestrator")):
        yield f"it ended at {end} and began at {start}"
    elif start is not None and end < start:  # type: ignore[operator]
        yield f"it ended at {end}, before it began at {start}"


def _end(rows: list[Row]) -> str:
    if not rows:
        return "not begun"
    if str(rows[0]["status"]) == "Completed":
        return "Completed"
    message = str(rows[0]["error_message"])
    for known in ("orchestrator died", "supervisor", "exit code 137", "control store", "unknown"):
        if known in message:
            return f"Failed: … {known} …"
    return message


def _settle(home: Home) -> None:
    """Wait until every run is over, as the rebuild sees it."""
    wait_until(lambda: not home.process_names(), "the end of all processes", 30)
    with DagsterInstance.from_config(home.environ["DAGSTER_HOME"]) as instance:
        unfinished = dg.RunsFilter(
            statuses=[
                DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING,
            ]
        )  # fmt: skip

        def are_over() -> bool:
            home.orch("log", "rebuild")
            return not instance.get_runs(unfinished)

        wait_until(are_over, "the end of every run", timeout_s=3 * _SILENCE_S)


@pytest.mark.parametrize("on", ["sqlite", "postgres", pytest.param("kudu", marks=pytest.mark.kudu)])
def test_each_of_many_runs_leaves_one_true_row(on: str, tmp_path: Path) -> None:
    drawn = 1 if "CI" in os.environ else secrets.randbelow(10**6)
    seed = int(os.environ.get("SHORT_SEED", drawn))
    dice = random.Random(f"{seed} {on}")
    runs = draw_runs(dice, RUNS)
    home = _home(tmp_path / "home")
    with STORES[on](home) as restart:
        crew = Crew(home, JOB, _open_dates(home), AT_ONCE)
        began = time.monotonic()
        with restarting(restart, dice) as outages:
            crew.run_all(runs)
        lasted_s = time.monotonic() - began
        _settle(home)
        verdict = _verdict(home, runs)
        rebuilt = home.json("log", "rebuild")
    victims = Counter(run.victim for run in runs if run.victim)
    table = Table(title=f"short runs on {on}, SHORT_RUNS={3 * RUNS} SHORT_SEED={seed}")
    for column in ("what", "count"):
        table.add_column(column)
    for what, count in [
        ("runs", len(runs)),
        ("seconds", round(lasted_s)),
        ("times that the store was away", len(outages)),
        *((f"killed: {victim}", count) for victim, count in sorted(victims.items())),
        ("worker processes", crew.started),
        *sorted(verdict.ends.items()),
        ("runs without one true row", len(verdict.faults)),
    ]:
        table.add_row(what, str(count))
    Console(width=150).print("\n", table)
    assert verdict.faults == []
    assert rebuilt["written"] == 0, rebuilt
