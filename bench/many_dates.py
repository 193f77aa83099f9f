"""Measure the savings of many dates in one Spark application, and the memory they cost.

    python bench/many_dates.py [DATES]

Prints the seconds of one `orch run` of a small job for DATES (30) dates, as after
`orch accelerate`, and of as many bare spark-submits (one in turns with it, times their number): the
medians of three rounds. And the live heap of a driver after every tenth of 60 dates, each after a
full collection.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from processes import load_text
from run_overhead import bare_command, seconds

from orch_dagster.settings import REPOSITORY

JOB, ROWS = "etl_lnd_bench_dates_t_small", 1_000
HEAP_DATES, HEAP_EVERY = 60, 10
ROUNDS = 3


def opened(home: Path, count: int) -> list[str]:
    """Write a small job and that many open dates with an extract each; return the dates."""
    days = [(date(2024, 1, 1) + timedelta(days)).isoformat() for days in range(count)]
    (home / "in").mkdir()
    for day in days:
        lines = [f"{number},name {number},{day}" for number in range(ROWS)]
        text = "\n".join(["id,name,day", *lines, ""])
        (home / "in" / f"{day}.csv").write_text(text, encoding="utf-8")
    context = {
        "sources": [{"format": "csv", "path": "in/{biz_dt}.csv", "options": {"header": True}}],
        "sinks": [{"format": "orc", "path": "out/small", "partition_cols": ["biz_dt"]}],
    }
    document = {
        "job_master": [
            {
                "job_id": "JOB_1",
                "job_name": JOB,
                "script_path": "landing.py",
                "context_params": context,
            }
        ],
        "job_dependency": [{"dependent_job_id": "JOB_1", "dependent_job_name": JOB}],
        "process_control": [
            {"entity": "BENCH", "source_system": "DATES", "biz_dt": day} for day in days
        ],
    }
    file = home / "small.yaml"
    file.write_text(json.dumps(document), encoding="utf-8")
    subprocess.run(["orch", "apply", str(file)], check=True, capture_output=True)
    return days


def live_heap_mb(spark: Any) -> float:
    """Return the MB that the driver's JVM holds after a full collection."""
    runtime = spark.sparkContext._jvm.java.lang.Runtime.getRuntime()
    runtime.gc()
    return (runtime.totalMemory() - runtime.freeMemory()) / 2**20


def print_heap(home: Path) -> None:
    """Land many small dates in one driver, and print its heap after every tenth."""
    sys.path.insert(0, str(REPOSITORY / "jobs"))
    from framework.landing import land_date
    from framework.params_loader import parse_params
    from framework.plan import plan_landing
    from framework.session import get_spark, session_of_its_own

    days = [(date(2024, 1, 1) + timedelta(days)).isoformat() for days in range(HEAP_DATES)]
    (home / "in.csv").write_text("id,name\n1,Ada\n2,Bob\n", encoding="utf-8")
    params = parse_params(
        {
            "metadata": {
                "job_id": "1", "job_name": "heap", "run_id": "bench", "biz_dt": days[0],
                "biz_dts": days, "environment": "DEV", "version": 1,
            },
            "job_master": {
                "context_params": {
                    "sources": [
                        {"format": "csv", "path": "in.csv", "options": {"header": True}}
                    ],
                    "sinks": [
                        {"format": "orc", "path": "heap", "partition_cols": ["biz_dt"]}
                    ],
                }
            },
        },
        "bench",
    )  # fmt: skip
    spark = get_spark("heap")
    for number, biz_dt in enumerate(params.biz_dts, start=1):
        land_date(session_of_its_own(spark), params, plan_landing(params, biz_dt, str(home)))
        if number % HEAP_EVERY == 0:
            print(f"{number} dates landed: live heap {live_heap_mb(spark):.0f} MB", flush=True)
    spark.stop()


def main() -> None:
    """Measure the seconds and the heap."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ |= {"ORCH_HOME": folder, "DAGSTER_HOME": f"{folder}/.orch/dagster"}
        subprocess.run(["orch", "init"], check=True, capture_output=True)
        days = opened(home, count)
        bare, environment = bare_command(home, JOB, days[0])
        subprocess.run(["orch", "accelerate"], check=True, capture_output=True)
        ours = ["orch", "run", JOB, "--from", days[0], "--to", days[-1]]
        pairs = [
            (seconds(ours, dict(os.environ), folder), seconds(bare, environment, folder))
            for _ in range(ROUNDS)
        ]
        took, alone = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratio = statistics.median(all_dates / (count * one) for all_dates, one in pairs)
        print(
            f"{count} dates in one backfill {took:.1f} s, {count} bare submits of {alone:.1f} s "
            f"{count * alone:.0f} s: ratio {ratio:.3f}",
            flush=True,
        )
        print_heap(home)
        print(load_text())


if __name__ == "__main__":
    main()
