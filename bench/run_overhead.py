"""Compare `dagster job execute` of JOB_1001 with a bare spark-submit of the same job.

    python bench/run_overhead.py [PAIRS]

The bare submit has the command and the environment of the run, without its result channel. Both
are measured in turns, PAIRS (5) times; prints each pair's ratio and the median.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from orch_dagster.bundle.fetch import fetch_bundle
from orch_dagster.bundle.secrets import Secrets
from orch_dagster.control.connect import open_store
from orch_dagster.registry.location import load_location
from orch_dagster.sample.rows import BIZ_DT, JOB_NAME
from orch_dagster.settings import load_settings
from orch_dagster.spark.submit import JobSubmit, prepare_job


def seconds(command: list[str], environment: dict[str, str], folder: str) -> float:
    """Return the wall seconds of a command that must succeed."""
    start = time.perf_counter()
    subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def bare_command(home: Path, job_name: str, biz_dt: str) -> tuple[list[str], dict[str, str]]:
    """Return the submit of a job for a date, built as a run builds it, and its environment."""
    settings = load_settings()
    spec = load_location(settings).registry.jobs[job_name]
    store = open_store(settings.control_url, settings.home)
    bundle = fetch_bundle(store, spec, run_id="bench", wanted=[biz_dt], environment=settings.env)
    store.close()
    params = home / "bench.json"
    params.write_text(bundle.to_json(), encoding="utf-8")
    job = JobSubmit(bundle, Secrets(), params, home / "bench.properties", home / "bench.log")
    command = prepare_job(job, settings, pipes_env={})
    return list(command.argv), {**os.environ, **command.env}


def main() -> None:
    """Measure the given number of pairs."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"ORCH_HOME": folder, "DAGSTER_HOME": f"{folder}/.orch/dagster"}
        subprocess.run(["orch", "init", "--sample"], check=True, capture_output=True)
        bare, bare_environment = bare_command(Path(folder), JOB_NAME, BIZ_DT.isoformat())
        tags = json.dumps({"dagster/partition": BIZ_DT.isoformat()})
        ours = [sys.executable, "-m", "dagster", "job", "execute", "-m", "orch_dagster.definitions"]
        ours += ["-j", JOB_NAME, "--tags", tags]
        seconds(bare, bare_environment, folder)
        ratios: list[float] = []
        for _ in range(pairs):
            in_dagster = seconds(ours, dict(os.environ), folder)
            alone = seconds(bare, bare_environment, folder)
            ratios.append(in_dagster / alone)
            print(f"{in_dagster:.1f} s / {alone:.1f} s = {ratios[-1]:.2f}", flush=True)
        print(f"median of {pairs} pairs: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
