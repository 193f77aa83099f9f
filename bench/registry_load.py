"""Measure how long a registry of N generated jobs takes to load, and one of them to start its step.

    python bench/registry_load.py 1000 10000

Prints, for each N, the seconds of one process from its start to the location's snapshot (import,
definitions, snapshot); until a new code server has answered with the whole location, as
`dagster dev` requests it, the first time and when the load before has kept what it keeps; and from
the start of `dagster job execute` of one job to its STEP_START. A registry of one job is measured
in turns with it, as the time of Dagster alone. Last come the processor seconds of the parts of such
a load, by whose code they are.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from processes import load_text

from orch_dagster.control.connect import open_store
from orch_dagster.control.tables import JOB_DEPENDENCY, JOB_MASTER, PROCESS_CONTROL, Row

JOBS_A_SOURCE = 100
CHAIN = 10

# In one process, started for it.
SNAPSHOT = """
import sys
from orch_dagster.definitions import defs
from orch_dagster.defs.dagster_internals.location_snapshot import snapshot
snapshot(defs)
"""

# The same, part by part: whose code takes the processor's time.
PARTS = """
import gc, time
# As a load pauses it.
gc.disable()
from orch_dagster.definitions import defs, use_location
from orch_dagster.defs.dagster_internals import location_snapshot as dagster
from orch_dagster.defs.dagster_internals.repository_content import repository_content
from orch_dagster.defs.snapshot_texts import SnapshotTexts
from orch_dagster.registry.location import load_location
from orch_dagster.settings import load_settings

seen = 0.0
def part(name):
    global seen
    now = time.process_time()
    print(f"PART {now - seen:.2f} {name}")
    seen = now

part("imports")
location = load_location(load_settings())
use_location(location)
part("registry read and checked (orch_dagster)")
for spec in location.registry.jobs.values():
    spec.context
part("their context_params read, which the checks kept do not have (orch_dagster)")
assets = defs.assets_defs_by_key
part("assets made, each with its op (Dagster's constructors)")
jobs = defs.get_all_jobs()
part("listed jobs and the asset graph made (Dagster's constructors)")
defs.load_all_definitions()
part("ids of snapshots, of the listed jobs as kept from the load before (orch_dagster)")
content = repository_content(defs)
# The load has it already.
seen = time.process_time()
kept = SnapshotTexts(location.settings.state_dir)
text = kept.get(content) or dagster.snapshot_text(dagster.snapshot(defs))
part(f"its text, {len(text):,} characters (orch_dagster keeps it, Dagster makes it)")
dagster.read_snapshot(text)
part("that read again, in the process that asked (Dagster)")
job_texts = [kept.get(job.get_job_snapshot_id()) for job in jobs]
texts = [text or dagster.job_text(job) for text, job in zip(job_texts, jobs)]
size, count = sum(map(len, texts)), len(jobs) - job_texts.count(None)
part(f"texts of the listed jobs, {size:,} characters, {count} kept (orch_dagster), others made")
read = [dagster.read_job(text) for text in texts]
part("these read again, in the process that asked (Dagster)")
for each in read:
    each.job.snapshot_id
part("their ids computed anew, in that process too (Dagster)")
"""

# Requests of the code server what `dagster dev` does, in a separate process.
SERVE = """
import sys, time
start = time.perf_counter()
import dagster as dg
from orch_dagster.defs.dagster_internals.location_snapshot import served_job_count
with dg.DagsterInstance.get() as instance:
    jobs = served_job_count(instance, "orch_dagster.definitions", "orch_dagster")
print(f"LOADED {time.perf_counter() - start:.1f} {jobs}")
"""


def write_registry(home: Path, jobs: int) -> str:
    """Write N jobs in groups of 100, in chains of ten; return the name of the last chain's root."""
    store = open_store("sqlite:///.orch/control.db", home)
    names = [f"etl_lnd_e{i // JOBS_A_SOURCE}_bench_t_{i}" for i in range(jobs)]
    masters: list[Row] = []
    edges: list[Row] = []
    for number, name in enumerate(names):
        context = {
            "sources": [{"format": "csv", "path": f"data/{name}/{{biz_dt}}.csv"}],
            "sinks": [{"format": "orc", "path": f"out/{name}", "partition_cols": ["biz_dt"]}],
        }
        masters.append(
            {
                "job_id": f"JOB_{number}",
                "job_name": name,
                "context_params": json.dumps(context),
                "script_path": "landing.py",
                "comments": "generated",
            }
        )
        is_root = number % CHAIN == 0
        edges.append(
            {
                "dependent_job_id": f"JOB_{number}",
                "dependent_job_name": name,
                "parent_job_id": "" if is_root else f"JOB_{number - 1}",
                "parent_job_name": "" if is_root else names[number - 1],
                "dependency_level": number % CHAIN,
            }
        )
    store.upsert(JOB_MASTER, masters)
    store.upsert(JOB_DEPENDENCY, edges)
    store.upsert(
        PROCESS_CONTROL,
        [
            {"entity": f"E{number}", "source_system": "BENCH", "biz_dt": "2024-05-15"}
            for number in range(-(-jobs // JOBS_A_SOURCE))
        ],
    )
    store.close()
    return names[(jobs - 1) // CHAIN * CHAIN]


def seconds_to_snapshot(environment: dict[str, str]) -> float:
    """Return the seconds of a process that builds all definitions and their snapshot."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", SNAPSHOT], env=environment, check=True)
    return time.perf_counter() - start


def print_parts(environment: dict[str, str]) -> None:
    """Print the processor seconds of each part of a load, in one process without a server."""
    done = subprocess.run(
        [sys.executable, "-c", PARTS], env=environment, capture_output=True, text=True, check=True
    )
    for line in done.stdout.splitlines():
        if line.startswith("PART "):
            _, seconds, name = line.split(" ", 2)
            print(f"  {seconds} s of processor: {name}", flush=True)


def seconds_to_answer(environment: dict[str, str]) -> tuple[float, int]:
    """Return the seconds until the server's answer, and the number of jobs in it."""
    done = subprocess.run(
        [sys.executable, "-c", SERVE], env=environment, capture_output=True, text=True, check=True
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("LOADED"))
    _, seconds, listed = line.split()
    return float(seconds), int(listed)


def seconds_to_step(environment: dict[str, str], job: str) -> float:
    """Return the seconds from the start of the command to its line STEP_START."""
    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "orch_dagster.definitions"]
    start = time.perf_counter()
    with subprocess.Popen(
        [*command, "-j", job, "--tags", json.dumps({"dagster/partition": "2024-05-15"})],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "STEP_START" in line:
                took = time.perf_counter() - start
                process.terminate()
                break
        else:
            raise SystemExit(f"{job} did not start its step")
        process.stdout.read()
    return took


@contextmanager
def registry_of(jobs: int) -> Generator[tuple[dict[str, str], str]]:
    """Create a home with that many jobs; yield its environment and the name of one job."""
    with tempfile.TemporaryDirectory() as folder:
        dagster_home = str(Path(folder) / ".orch" / "dagster")
        environment = {**os.environ, "ORCH_HOME": folder, "DAGSTER_HOME": dagster_home}
        subprocess.run(["orch", "init"], env=environment, check=True, capture_output=True)
        yield environment, write_registry(Path(folder), jobs)


def main() -> None:
    """Measure each given N in turns with a registry of one job, and print medians of three."""
    for jobs in map(int, sys.argv[1:] or ["1000", "10000"]):
        with registry_of(1) as (alone, only_job), registry_of(jobs) as (environment, last):
            pairs = [(seconds_to_snapshot(alone), seconds_to_snapshot(environment)) for _ in "123"]
            show(f"{jobs} jobs: import, definitions, snapshot", pairs)
            first, listed = seconds_to_answer(environment)
            print(f"{jobs} jobs: the server's first answer {first:.1f} s", flush=True)
            answers = [(seconds_to_answer(alone), seconds_to_answer(environment)) for _ in "123"]
            pairs = [(of_one[0], of_all[0]) for of_one, of_all in answers]
            show(f"{jobs} jobs: the server's answer, {listed} jobs listed", pairs)
            pairs = [
                (seconds_to_step(alone, only_job), seconds_to_step(environment, last))
                for _ in "123"
            ]
            show(f"{jobs} jobs: STEP_START", pairs)
            print_parts(environment)
            print(load_text(), flush=True)


def show(what: str, pairs: list[tuple[float, float]]) -> None:
    """Print the medians of the pairs (one job, all jobs)."""
    of_one, of_all = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(every / one for one, every in pairs)
    print(f"{what}: {of_all:.1f} s (of one job {of_one:.1f} s), {ratio:.2f} times", flush=True)


if __name__ == "__main__":
    main()
