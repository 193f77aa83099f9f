"""What orch demo shows of the landing it just made."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from orch_dagster.cli.arguments import connected
from orch_dagster.cli.output import console, print_rows
from orch_dagster.control.tables import EXECUTION_LOG, Row
from orch_dagster.sample.rows import CONTEXT_PARAMS, JOB_ID
from orch_dagster.settings import Settings
from orch_dagster.spark.find import find_java

_ROWS_SHOWN = 5


def show_landing(settings: Settings, biz_dt: str) -> None:
    """Print where the sample's ORC is, its rows, their schema, and its row of execution_log."""
    path = f"{settings.base_dir}/{CONTEXT_PARAMS['sinks'][0]['path']}/biz_dt={biz_dt}"
    with console.status("Reading the ORC back …"):
        count, schema, rows = _read_orc(path)
    console.print(f"\nORC      {path}")
    console.print(f"Rows     {count:,}")
    console.print(f"Schema   {schema}")
    print_rows(rows, list(rows[0]) if rows else [], "No rows.")
    with connected(settings) as store:
        log = store.read(EXECUTION_LOG, {"job_id": JOB_ID, "biz_dt": biz_dt})
    newest = max(log, key=lambda row: str(row["id"]))
    console.print("\nexecution_log")
    for name, value in newest.items():
        console.print(f"  {name:<14}{'' if value is None else value}")
    console.print(f"\nOpen Dagit:  {_installed('dagster')} dev     (then http://localhost:3000)")


def _installed(name: str) -> str:
    """How to call a command of this environment from here, whether it is activated or not."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None or found == shutil.which(name):
        return name
    here = Path.cwd()
    return str(Path(found).relative_to(here) if Path(found).is_relative_to(here) else found)


def _read_orc(path: str) -> tuple[int, str, list[Row]]:
    """Row count, schema and first rows, by a local Spark of this process."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("JAVA_HOME", str(find_java(os.environ).home))
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder: Any = SparkSession.builder
    spark = (
        builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.log.level", "ERROR")
        .appName("orch demo")
        .getOrCreate()
    )
    try:
        frame = spark.read.orc(path)
        first = [row.asDict() for row in frame.limit(_ROWS_SHOWN).collect()]
        return frame.count(), frame.schema.simpleString(), first
    finally:
        spark.stop()
