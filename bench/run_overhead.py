"""Compare `orch run` and `dagster job execute` of JOB_1001 with a bare spark-submit of its script.

    python bench/run_overhead.py [ROUNDS] [--plain]

The bare submit has the command and the environment of the run, without its result channel, without
the archive of Spark's classes and without Java options for the start: what a user of spark-submit
has. In each of ROUNDS (5) it comes first, then each way and the submit of such a run alone: by
default as after `orch accelerate`, then with `spark.profile: small` as well. With --plain the runs
have no archive. Prints the medians of each beside the bare submit of its round, and last the
seconds from the start of `orch run` to its spark-submit beside those of `import dagster`.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from processes import Used, load_text, measure, ratio_text

from orch_dagster.bundle.fetch import fetch_bundle
from orch_dagster.bundle.secrets import Secrets
from orch_dagster.control.connect import open_store
from orch_dagster.control.tables import SYS_PARAMS
from orch_dagster.registry.location import load_location
from orch_dagster.sample.rows import BIZ_DT, JOB_NAME
from orch_dagster.settings import load_settings
from orch_dagster.spark.command import SubmitCommand
from orch_dagster.spark.job_submit import JobSubmit, job_request, prepare_job
from orch_dagster.spark.submit import write_command
from orch_dagster.toolchain.find import find_spark

DAY = BIZ_DT.isoformat()
BARE = "bare"
# A command and its environment.
Submit = tuple[list[str], dict[str, str]]
SUBMIT = """#!/bin/sh
date +%s.%N > "$ORCH_BENCH_SUBMITTED"
exit 1
"""


def seconds(command: list[str], environment: dict[str, str], folder: str) -> float:
    """Return the wall seconds of a command that must succeed."""
    return measure(command, environment, folder).wall_s


def run_command(home: Path, job_name: str, biz_dt: str) -> Submit:
    """Return the submit of a job for a date, as a run has it, and its environment."""
    settings = load_settings()
    return _with_environment(prepare_job(_job_of(home, job_name, biz_dt), settings, pipes_env={}))


def bare_command(home: Path, job_name: str, biz_dt: str) -> Submit:
    """Return the same submit without what orch_dagster adds for its start, and its environment."""
    request = job_request(_job_of(home, job_name, biz_dt), load_settings(), pipes_env={})
    bare = replace(
        request,
        driver_options="",
        launcher_options="",
        class_data=(),
        conf_dir="",
        pyspark_dir="",
        direct_start=None,
    )
    return _with_environment(write_command(bare, os.environ))


def _job_of(home: Path, job_name: str, biz_dt: str) -> JobSubmit:
    settings = load_settings()
    spec = load_location(settings).registry.jobs[job_name]
    store = open_store(settings.control_url, settings.home)
    bundle = fetch_bundle(store, spec, run_id="bench", wanted=[biz_dt], environment=settings.env)
    store.close()
    params = home / "bench.json"
    params.write_text(bundle.to_json(), encoding="utf-8")
    return JobSubmit(bundle, Secrets(), params, home / "bench.properties", home / "bench.log")


def _with_environment(command: SubmitCommand) -> Submit:
    return list(command.argv), {**os.environ, **command.env}


def ways() -> Mapping[str, list[str]]:
    """Return the commands that run the job through Dagster, by name."""
    tags = json.dumps({"dagster/partition": DAY})
    dagster = [sys.executable, "-m", "dagster", "job", "execute", "-m", "orch_dagster.definitions"]
    orch = [sys.executable, "-m", "orch_dagster.cli", "run", JOB_NAME, "--biz-dt", DAY]
    return {"orch run": orch, "dagster job execute": [*dagster, "-j", JOB_NAME, "--tags", tags]}


def set_profile(profile: str) -> None:
    """Set the profile of all jobs."""
    settings = load_settings()
    store = open_store(settings.control_url, settings.home)
    key = {"param_key": "spark.profile", "environment": settings.env, "key_name": "*"}
    store.upsert(SYS_PARAMS, [{**key, "param_value": profile, "param_type": "system"}])
    store.close()


def seconds_to_submit(folder: str) -> float:
    """Return the seconds from the start of `orch run` to the start of its spark-submit."""
    spark, submitted = Path(folder, "spark"), Path(folder, "submitted")
    if not spark.is_dir():
        (spark / "bin").mkdir(parents=True)
        (spark / "jars").symlink_to(find_spark(os.environ).home / "jars")
        submit = spark / "bin" / "spark-submit"
        submit.write_text(SUBMIT, encoding="utf-8")
        submit.chmod(0o755)
    own = {"ORCH_SPARK_HOME": str(spark), "ORCH_BENCH_SUBMITTED": str(submitted)}
    start = time.time()
    command = ways()["orch run"]
    subprocess.run(command, env={**os.environ, **own}, capture_output=True, check=False)
    return float(submitted.read_text(encoding="utf-8")) - start


def print_start(rounds: int, folder: str) -> None:
    """Print how long `orch run` takes until its submit, beside `import dagster`."""
    imported = [sys.executable, "-c", "import dagster"]
    environment = dict(os.environ)
    found = [
        (seconds_to_submit(folder), seconds(imported, environment, folder)) for _ in range(rounds)
    ]
    to_submit, to_import = (statistics.median(side) for side in zip(*found, strict=True))
    more = statistics.median(submit - of_import for submit, of_import in found)
    print(f"orch run to its submit {to_submit:.2f} s, import dagster {to_import:.2f} s: {more:.2f}")
    print(load_text())


def measured_rounds(count: int, bare: Submit, folder: str) -> list[dict[str, Used]]:
    """Measure the bare submit, then each way with each profile, in rounds; return those by name.

    A first round, in which files are read from the disk, is not returned.
    """
    rounds: list[dict[str, Used]] = []
    for _ in range(1 + count):
        used = {BARE: measure(*bare, folder)}
        for profile in ("default", "small"):
            set_profile(profile)
            commands = {name: (command, dict(os.environ)) for name, command in ways().items()}
            commands["its spark-submit alone"] = run_command(Path(folder), JOB_NAME, DAY)
            for name, (command, environment) in commands.items():
                used[f"{name}, profile {profile}"] = measure(command, environment, folder)
        rounds.append(used)
    return rounds[1:]


def main() -> None:
    """Measure the given number of rounds."""
    counts = [int(each) for each in sys.argv[1:] if each.isdigit()]
    count = counts[0] if counts else 5
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"ORCH_HOME": folder, "DAGSTER_HOME": f"{folder}/.orch/dagster"}
        subprocess.run(["orch", "init", "--sample"], check=True, capture_output=True)
        bare = bare_command(Path(folder), JOB_NAME, DAY)
        if "--plain" not in sys.argv:
            subprocess.run(["orch", "accelerate"], check=True, capture_output=True)
        rounds = measured_rounds(count, bare, folder)
        for name in rounds[0]:
            if name != BARE:
                found = [(used[name], used[BARE]) for used in rounds]
                print(f"{name} / bare spark-submit: {ratio_text(found)}", flush=True)
        print(load_text(), flush=True)
        # With the profile small, no script of Spark is called that could say when.
        set_profile("default")
        print_start(count, folder)


if __name__ == "__main__":
    main()
