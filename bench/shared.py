"""Compare jobs of a group that share a Spark application with as many bare spark-submits.

    python bench/shared.py [JOBS] [PAIRS]

Measures, in turns, PAIRS (3) times: a chain of three jobs in one `orch run` with spark.share,
against three bare submits in sequence; and JOBS (12) independent jobs of a group, shared and each
in its own submit, against as many bare submits in sequence. The runs are as after
`orch accelerate`, the bare submits without its archive. Prints each ratio of wall and of processor
seconds, the medians, and the machine's load.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from run_overhead import Submit, bare_command, seconds

from framework.contract import variables

BIZ_DT, ROWS = "2024-05-15", 1_000
CHAIN, MANY = "chain", "many"


class Cost(NamedTuple):
    """Wall and processor seconds."""

    wall_s: float
    cpu_s: float


def cost(commands: list[list[str]], environment: dict[str, str], folder: str) -> Cost:
    """Return what commands cost in sequence, each of which must succeed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall_s = sum(seconds(command, environment, folder) for command in commands)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def job_name(system: str, number: int) -> str:
    """Return the name of a job of a group."""
    return f"etl_lnd_bench_{system}_t_{number}"


def write_rows(home: Path, counts: dict[str, int]) -> None:
    """Write the extract, and the rows of the jobs of both groups; those of a chain read another."""
    lines = [f"{number},name {number},{BIZ_DT}" for number in range(ROWS)]
    (home / "in.csv").write_text("\n".join(["id,name,day", *lines, ""]), encoding="utf-8")
    masters: list[dict[str, Any]] = []
    parents: list[dict[str, Any]] = []
    for system, count in counts.items():
        for number in range(count):
            name, source = job_name(system, number), "in.csv"
            if system == CHAIN and number:
                parent = job_name(system, number - 1)
                source = f"out/{parent}/biz_dt={{biz_dt}}"
                parents.append(
                    {"dependent_job_id": name, "dependent_job_name": name,
                     "parent_job_id": parent, "parent_job_name": parent}
                )  # fmt: skip
            format_ = "csv" if source == "in.csv" else "orc"
            options = {"header": "true"} if format_ == "csv" else {}
            sink = {"format": "orc", "path": f"out/{name}", "partition_cols": ["biz_dt"]}
            context = {
                "sources": [{"format": format_, "path": source, "options": options}],
                "sinks": [sink],
            }
            masters.append(
                {"job_id": name, "job_name": name, "script_path": "landing.py",
                 "context_params": context}
            )  # fmt: skip
    keys = {"environment": "DEV", "key_name": "*", "param_type": "spark"}
    rows = {
        "job_master": masters,
        "job_dependency": parents,
        "process_control": [
            {"entity": "BENCH", "source_system": system.upper(), "biz_dt": BIZ_DT}
            for system in counts
        ],
        "sys_params": [{**keys, "param_key": "spark.ui.enabled", "param_value": "false"}],
    }
    apply(home, rows)


def apply(home: Path, rows: dict[str, Any]) -> None:
    """Write rows of control tables."""
    file = home / "rows.yaml"
    file.write_text(json.dumps(rows), encoding="utf-8")
    subprocess.run(["orch", "apply", str(file)], check=True, capture_output=True)


def share(home: Path, value: str) -> None:
    """Set spark.share of every job."""
    row = {"environment": "DEV", "key_name": "*", "param_type": "system"}
    apply(home, {"sys_params": [{**row, "param_key": "spark.share", "param_value": value}]})


def bare_of(home: Path, job: str) -> Submit:
    """Return the submit of a job with a params file of its own, and its environment."""
    command, environment = bare_command(home, job, BIZ_DT)
    params = Path(environment[variables.PARAMS_FILE]).rename(home / f"{job}.json")
    return command, {**environment, variables.PARAMS_FILE: str(params)}


def compare(home: Path, system: str, bare: list[Submit], pairs: int, *, also_apart: bool) -> None:
    """Print what a run of a group costs against bare submits of its jobs in sequence."""
    run = ["orch", "run", f"bench_{system}", "--biz-dt", BIZ_DT]
    name, count = "chain of" if system == CHAIN else "group of", len(bare)
    # Warm, and what the bare submits of a chain read.
    cost([run], dict(os.environ), str(home))
    ratios: dict[str, list[Cost]] = {}
    for _ in range(pairs):
        each = [cost([command], environment, str(home)) for command, environment in bare]
        alone = Cost(sum(one.wall_s for one in each), sum(one.cpu_s for one in each))
        for value in ("group", "off") if also_apart else ("group",):
            share(home, value)
            ours = cost([run], dict(os.environ), str(home))
            ratio = Cost(ours.wall_s / alone.wall_s, ours.cpu_s / alone.cpu_s)
            ratios.setdefault(value, []).append(ratio)
            print(
                f"{name} {count}, spark.share {value}: {ours.wall_s:.1f} s / {alone.wall_s:.1f} s "
                f"= {ratio.wall_s:.2f}, cpu {ours.cpu_s:.0f} s / {alone.cpu_s:.0f} s = "
                f"{ratio.cpu_s:.2f}, load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
    for value, of_value in ratios.items():
        wall, cpu = (statistics.median(column) for column in zip(*of_value, strict=True))
        print(f"{name} {count}, spark.share {value}, medians: {wall:.2f}, cpu {cpu:.2f}")


def main() -> None:
    """Measure the chain, then the group."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ |= {"ORCH_HOME": folder, "DAGSTER_HOME": f"{folder}/.orch/dagster"}
        subprocess.run(["orch", "init"], check=True, capture_output=True)
        counts = {CHAIN: 3, MANY: count}
        write_rows(home, counts)
        bare = {
            system: [bare_of(home, job_name(system, each)) for each in range(of_it)]
            for system, of_it in counts.items()
        }
        subprocess.run(["orch", "accelerate"], check=True, capture_output=True)
        compare(home, CHAIN, bare[CHAIN], pairs, also_apart=False)
        compare(home, MANY, bare[MANY], pairs, also_apart=True)


if __name__ == "__main__":
    main()
