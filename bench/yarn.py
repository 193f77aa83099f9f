"""Measure what a job on YARN costs beside a bare spark-submit, on a YARN of its own.

    python bench/yarn.py [JOBS] [PAIRS]

Memory: JOBS (20) jobs of one run wait in cluster mode, as the cluster has no node. Their cost is
what the processes of that run have more than those of a run with one waiting job, divided; the
gateway is counted once. Time: a job in cluster mode and a bare spark-submit of it in turns, PAIRS
(3) times; the first after `orch accelerate`, as in bench/run_overhead.py. Nothing is uploaded
but the job's own files: Spark's jars are on the node. Needs Linux and root, as the tests on YARN
do; elsewhere it says so.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from run_overhead import Submit, bare_command

from orch_dagster.spark.deployment import WAIT
from tests.homes import BIZ_DT, Home, home_of_job
from tests.waiting import wait_until
from tests.yarn_cluster import YarnCluster, yarn_cluster

GROUP = "ins_sys"
# A session and a stage of one second, without files.
SCRIPT = """
from framework import get_spark
import time
spark = get_spark()
print(spark.sparkContext.parallelize([1, 2], 2).map(lambda n: time.sleep(1) or n).sum())
"""
CONTEXT = {"entity": "INS", "source_system": "SYS", "sources": [], "sinks": []}


def name_of(number: int) -> str:
    """Return the name of a job."""
    return f"etl_lnd_ins_sys_t_{number}"


def make_home(folder: Path, yarn: YarnCluster, jobs: int) -> Home:
    """Make a home of jobs in cluster mode, which run side by side."""
    home = home_of_job(folder, name_of(0), SCRIPT, CONTEXT)
    home.environ |= {**yarn.environ, "ORCH_MAX_CONCURRENT_JOBS": str(jobs)}
    python = {"spark.pyspark.python": sys.executable}
    home.set_params({**yarn.spark_properties("cluster"), **python}, {})
    rows = [
        {"job_id": f"J{number}", "job_name": name_of(number), "script_path": "job.py",
         "context_params": CONTEXT}
        for number in range(1, jobs)
    ]  # fmt: skip
    (home.folder / "jobs.yaml").write_text(json.dumps({"job_master": rows}))
    home.here("apply", "jobs.yaml")
    return home


def rows_of(home: Home, name: str) -> list[dict[str, Any]]:
    """Return all rows of a job or group."""
    return json.loads(home.here("log", "--job", name, "--json", "--limit", "10000").stdout)


@contextmanager
def waiting_run(home: Home, name: str, jobs: int) -> Generator[subprocess.Popen[bytes]]:
    """Start a run and wait until its jobs are ACCEPTED and no submit is left."""
    before = len(rows_of(home, name))
    run = subprocess.Popen(
        ["orch", "run", name, "--biz-dt", BIZ_DT], env=home.environ, cwd=home.folder,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: _are_waiting(home, name, before + jobs), "the jobs wait", 1200)
        wait_until(lambda: not _submits(run), "the submits have left", 300)
        yield run
    finally:
        run.send_signal(signal.SIGINT)
        run.wait(300)


def _are_waiting(home: Home, name: str, count: int) -> bool:
    rows = rows_of(home, name)
    started = [row for row in rows if row["status"] == "Started"]
    return len(rows) == count and all(row["spark_app_id"] for row in started)


def _submits(run: subprocess.Popen[bytes]) -> list[int]:
    below = psutil.Process(run.pid).children(recursive=True)
    words = [(each.pid, each.as_dict(["cmdline"], ad_value=[])["cmdline"]) for each in below]
    return [pid for pid, of_it in words if any("SparkSubmit" in word for word in of_it)]


def memory_mb(run: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Return the proportional memory of a run's process, and of all below it: the gateway."""
    process = psutil.Process(run.pid)
    below = process.children(recursive=True)
    return _pss_mb(process), sum(map(_pss_mb, below))


def _pss_mb(process: psutil.Process) -> float:
    try:
        return process.memory_full_info().pss / 1e6
    except psutil.NoSuchProcess:
        # The last of a submit that has just left.
        return 0.0


def print_memory(home: Home, jobs: int) -> None:
    """Measure the memory of waiting jobs."""
    with waiting_run(home, name_of(0), 1) as run:
        one, _ = memory_mb(run)
    with waiting_run(home, GROUP, jobs) as run:
        all_of_them, gateway = memory_mb(run)
    each = (all_of_them - one) / (jobs - 1)
    print(
        f"{jobs} waiting jobs: {each:.2f} MB each, a gateway of {gateway:.0f} MB; "
        f"{each + gateway / jobs:.1f} MB for a job with its share of the gateway",
        flush=True,
    )


def bare_submit(home: Home) -> Submit:
    """Return the bare spark-submit of the job, which waits as it does by itself."""
    os.environ.update(home.environ)
    argv, environ = bare_command(home.folder, name_of(0), BIZ_DT)
    return [word.replace(f"{WAIT}=false", f"{WAIT}=true") for word in argv], environ


def to_accepted_s(home: Home, yarn: YarnCluster, row: Mapping[str, Any]) -> float:
    """Return the seconds from a row's submit, as the run's log has it, to its acceptance."""
    log = max((home.folder / "logs").glob("*.log"), key=lambda path: path.stat().st_mtime)
    line = next(each for each in log.read_text().splitlines() if "[orch] running " in each)
    began = datetime.fromisoformat(line.split()[0].replace("Z", "+00:00"))
    return yarn.application(row["spark_app_id"])["startedTime"] / 1000 - began.timestamp()


def print_times(home: Home, yarn: YarnCluster, pairs: int) -> None:
    """Measure a job in cluster mode and its bare submit, in turns."""
    argv, environ = bare_submit(home)
    ratios: list[float] = []
    for _ in range(pairs):
        start_s = time.perf_counter()
        home.orch("run", name_of(0), "--biz-dt", BIZ_DT)
        whole_s = time.perf_counter() - start_s
        row = home.log_rows(name_of(0))[0]
        start_s = time.perf_counter()
        subprocess.run(argv, env=environ, cwd=home.folder, check=True, capture_output=True)
        bare_s = time.perf_counter() - start_s
        ratios.append(row["duration"] / bare_s)
        print(
            f"submit to ACCEPTED {to_accepted_s(home, yarn, row):.1f} s; start to row "
            f"{row['duration']:.1f} s / bare submit {bare_s:.1f} s = {ratios[-1]:.2f}; the command "
            f"`orch run` {whole_s:.1f} s; {load()}",
            flush=True,
        )
    print(f"median of {pairs} pairs: {statistics.median(ratios):.2f}")


def load() -> str:
    """Return the load of the machine, which all times depend on."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def main() -> None:
    """Measure times, then the memory."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    try:
        with tempfile.TemporaryDirectory() as folder, yarn_cluster([Path(folder)]) as yarn:
            home = make_home(Path(folder) / "home", yarn, jobs)
            home.orch("accelerate")
            print_times(home, yarn, pairs)
            yarn.stop("nodemanager")
            print_memory(home, jobs)
            print(load())
    except pytest.skip.Exception as reason:
        print(f"not measured: {reason}")


if __name__ == "__main__":
    main()
