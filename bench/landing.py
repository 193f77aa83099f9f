"""Compare a landing with plain PySpark: rows per second of JOB_1001's job, each in its own submit.

    python bench/landing.py [ROWS] [ROUNDS] [MEMORY]

The plain job reads the same CSV files, runs the same HQL and writes ORC by partition, with dynamic
overwrite: no staging, no count, no swap. It is compared with run_landing without and with checks
(business_keys and compare_cols of the sample, with the previous date landed). All three have the
same Spark settings, on two local cores; plain PySpark has the driver's JVM as spark-submit starts
it, and the landings as a run does, all without an archive of Spark's classes. The files' bytes,
their headers and what was written are looked at in a landing without checks too. The extracts are
the sample's of two days, with each contract repeated until there are ROWS (5,000,000) rows.

Each of ROUNDS (3) rounds runs all in turns, and last a session that starts and stops, whose
seconds are in those of the others; a driver has MEMORY (4g). A fourth landing, without checks,
writes ORC by zstd in place of Spark's own choice, snappy. Prints the seconds of each round and the
size of what landed, the medians of the rounds' ratios, and the ratios of the processor seconds
without those of the start.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from processes import Used, load_text, measure
from run_overhead import Submit, bare_command, run_command

from orch_dagster.sample.contracts import CONTRACT_PATH, HOLDER_PATH
from orch_dagster.sample.rows import BIZ_DT, CSV_OPTIONS, ENTITY, JOB_NAME, SOURCE_SYSTEM

DAYS = (BIZ_DT - timedelta(1), BIZ_DT)
FILES = 8
MEMORY = "4g"
MASTER = "local[2]"
CODEC = "spark.sql.orc.compression.codec"
LANDINGS = ("landing without checks", "landing with checks", "landing by zstd")
START = """
from pyspark.sql import SparkSession

SparkSession.builder.getOrCreate().stop()
"""

PLAIN = """
import json, os, sys
from pathlib import Path
from pyspark.sql import SparkSession

params = json.loads(Path(os.environ["JOB_PARAMS_FILE"]).read_text())
context, biz_dt = params["job_master"]["context_params"], params["metadata"]["biz_dt"]
spark = SparkSession.builder.getOrCreate()
for place, source in enumerate(context["sources"], 1):
    path = os.path.join(os.environ["JOB_BASE_DIR"], source["path"].replace("{biz_dt}", biz_dt))
    rows = spark.read.format(source["format"]).options(**source["options"]).load("file://" + path)
    rows.createOrReplaceTempView(f"row{place}")
spark.conf.set("biz_dt", biz_dt)
spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
hql = Path(os.environ["JOB_SQL_DIR"], context["hql"]).read_text()
result = spark.sql(hql)
result.write.mode("overwrite").partitionBy("biz_dt").orc("file://" + sys.argv[1])
spark.stop()
"""


def widen(home: Path, rows: int) -> None:
    """Replace the extracts of both days by wide ones in several files, with repeated contracts."""
    from pyspark.sql import SparkSession, functions

    # The stubs take the builder for a property of the class.
    new: Any = SparkSession.builder
    builder = new.master("local[2]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.driver.memory", MEMORY).getOrCreate()
    for day in DAYS:
        for path in (CONTRACT_PATH, HOLDER_PATH):
            file = home / path.format(biz_dt=day)
            many = spark.read.options(**CSV_OPTIONS).csv(f"file://{file}")
            if path == CONTRACT_PATH:
                copies = spark.range(-(-rows // many.count())).withColumnRenamed("id", "copy")
                number = functions.concat_ws("-", "contract_no", "copy")
                many = many.crossJoin(copies).withColumn("contract_no", number).drop("copy")
            wide = file.with_name(f"{file.name}.wide")
            writer = many.repartition(FILES).write.options(header=True, escape='"', quoteAll=True)
            writer.csv(f"file://{wide}")
            file.unlink()
            wide.rename(file)
    spark.stop()


def params_file(home: Path, name: str, **changes: object) -> str:
    """Write the job's parameters with other values of the date's process_control row."""
    document = json.loads((home / "bench.json").read_text(encoding="utf-8"))
    row = document["process_control"][0] | changes
    document["process_control"] = [row]
    document["metadata"] |= {"biz_dt": row["biz_dt"], "biz_dts": [row["biz_dt"]]}
    file = home / f"{name}.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return str(file)


def seconds(submit: Submit, params: str) -> Used:
    """Return what a submit used that must succeed."""
    command, environment = submit
    return measure(command, {**environment, "JOB_PARAMS_FILE": params}, str(Path.cwd()))


def on_two_cores(submit: Submit, memory: str) -> Submit:
    """Return the submit with the bench's master and a driver's memory."""
    command, environment = submit
    command[command.index("--master") + 1] = MASTER
    return with_property((command, environment), "spark.driver.memory", memory)


def with_property(submit: Submit, name: str, value: str) -> Submit:
    """Return the submit with a Spark property."""
    (*options, script), environment = submit
    return [*options, "--conf", f"{name}={value}", script], environment


def landed_mb(home: Path) -> float:
    """Return the size of the landed date's files."""
    (folder,) = home.glob(f"out/**/biz_dt={DAYS[1]}")
    return sum(file.stat().st_size for file in folder.rglob("*.orc")) / 1e6


def script_of(submit: Submit, file: Path, text: str, *arguments: str) -> Submit:
    """Return the submit with a script of that text in place of its own."""
    file.write_text(text, encoding="utf-8")
    command, environment = submit
    return [*command[:-1], str(file), *arguments], environment


def print_ratios(costs: dict[str, list[Used]]) -> None:
    """Print the medians of the ratios of rows per second, plain PySpark's being 1."""
    starts, plains = costs["start"], costs["plain"]
    start = statistics.median(each.cpu_s for each in starts)
    plain = statistics.median(each.cpu_s for each in plains)
    print(f"start alone: {start:.1f} s of processor, in the {plain:.1f} s of plain PySpark too")
    for name in LANDINGS:
        rounds = list(zip(plains, costs[name], starts, strict=True))
        wall = statistics.median(one.wall_s / other.wall_s for one, other, _ in rounds)
        cpu = statistics.median(one.cpu_s / other.cpu_s for one, other, _ in rounds)
        rows = statistics.median(
            (one.cpu_s - start.cpu_s) / (other.cpu_s - start.cpu_s) for one, other, start in rounds
        )
        print(f"{name}: {wall:.2f}, by processor seconds {cpu:.2f}, without the start {rows:.2f}")


def main() -> None:
    """Measure the given number of rounds."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    memory = sys.argv[3] if len(sys.argv) > 3 else MEMORY
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ |= {"ORCH_HOME": folder, "DAGSTER_HOME": f"{folder}/.orch/dagster"}
        subprocess.run(["orch", "init", "--sample"], check=True, capture_output=True)
        days = [day.isoformat() for day in DAYS]
        sample = ["orch", "sample", ENTITY, SOURCE_SYSTEM, "--from", days[0], "--to", days[1]]
        subprocess.run(sample, check=True, capture_output=True)
        widen(home, rows)
        run = on_two_cores(run_command(home, JOB_NAME, days[1]), memory)
        bare = on_two_cores(bare_command(home, JOB_NAME, days[1]), memory)
        plain = script_of(bare, home / "plain.py", PLAIN, str(home / "plain"))
        start = script_of(bare, home / "start.py", START)
        without = {"business_keys": None, "compare_cols": None}
        seconds(run, params_file(home, "before", biz_dt=days[0], **without))
        variants = {
            "plain": (plain, params_file(home, "plain")),
            LANDINGS[0]: (run, params_file(home, "without", **without)),
            LANDINGS[1]: (run, params_file(home, "with")),
            LANDINGS[2]: (with_property(run, CODEC, "zstd"), params_file(home, "zstd", **without)),
            "start": (start, params_file(home, "start")),
        }
        costs: dict[str, list[Used]] = {name: [] for name in variants}
        for _ in range(rounds):
            for name, (submit, params) in variants.items():
                used = seconds(submit, params)
                costs[name].append(used)
                size = f", {landed_mb(home):.0f} MB" if name in LANDINGS else ""
                print(
                    f"{name}: {used.wall_s:.1f} s, {used.cpu_s:.1f} s of processor{size}",
                    flush=True,
                )
        print(f"{rows:,} rows, medians of {rounds} rounds, rows per second against plain PySpark")
        print_ratios(costs)
        print(load_text())


if __name__ == "__main__":
    main()
