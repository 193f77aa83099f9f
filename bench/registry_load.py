"""How long a registry of N generated jobs takes to load, and one of its jobs to start its step.

    python bench/registry_load.py 1000 10000

Prints, for each N: seconds until the code server answered with the whole location, as `dagster
dev` asks for it; and seconds from the start of `dagster job execute` of one job to its STEP_START.
Every job's script exits at once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from orch_dagster.control.connect import open_store
from orch_dagster.control.tables import JOB_DEPENDENCY, JOB_MASTER, PROCESS_CONTROL, Row

JOBS_A_SOURCE = 100
CHAIN = 10

# Asks the code server what `dagster dev` asks, in a process of its own.
SERVE = """
import sys, time
start = time.perf_counter()
import dagster as dg
from dagster._core.workspace.load_target import ModuleTarget
from dagster._core.workspace.context import WorkspaceProcessContext
with dg.DagsterInstance.get() as instance:
    target = ModuleTarget(
        module_name="orch_dagster.definitions", attribute=None, working_directory=None,
        location_name="orch_dagster")
    with WorkspaceProcessContext(instance, target) as process:
        context = process.create_request_context()
        location = context.get_code_location("orch_dagster")
        jobs = len(location.get_repository("orch_dagster").repository_snap.job_refs)
        print(f"LOADED {time.perf_counter() - start:.1f} {jobs}")
"""


def write_registry(home: Path, jobs: int) -> str:
    """Write N jobs in sources of 100, in chains of ten; returns the last job's name."""
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


def seconds_to_load(environment: dict[str, str]) -> str:
    """Seconds until the server's answer was in, and how many jobs it named."""
    done = subprocess.run(
        [sys.executable, "-c", SERVE], env=environment, capture_output=True, text=True, check=True
    )
    return next(line for line in done.stdout.splitlines() if line.startswith("LOADED"))


def seconds_to_step(environment: dict[str, str], job: str) -> float:
    """Seconds from the start of the command to the line that says STEP_START."""
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


def main() -> None:
    """Measure each N given."""
    for jobs in map(int, sys.argv[1:] or ["1000", "10000"]):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            dagster_home = home / ".orch" / "dagster"
            environment = {**os.environ, "ORCH_HOME": folder, "DAGSTER_HOME": str(dagster_home)}
            subprocess.run(["orch", "init"], env=environment, check=True, capture_output=True)
            last = write_registry(home, jobs)
            for again in ("first", "second"):
                _, seconds, listed = seconds_to_load(environment).split()
                print(f"{jobs:>6} jobs: {again} load {seconds} s, {listed} jobs listed", flush=True)
            for _ in range(3):
                took = seconds_to_step(environment, last)
                print(f"{jobs:>6} jobs: STEP_START after {took:.1f} s", flush=True)


if __name__ == "__main__":
    main()
