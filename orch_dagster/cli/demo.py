"""orch demo: land the sample for a date and show the result."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from framework.contract.native_paths import with_native_paths
from framework.contract.paths import as_location, resolve
from orch_dagster.cli.accelerate import build_beside
from orch_dagster.cli.output import console, print_rows, say
from orch_dagster.cli.setup import set_up
from orch_dagster.control.connect import opened_store
from orch_dagster.control.tables import EXECUTION_LOG
from orch_dagster.sample import rows as sample_rows
from orch_dagster.settings import Settings, load_settings
from orch_dagster.toolchain.find import find_java
from orch_dagster.toolchain.shell_words import call_text
from orch_dagster.toolchain.windows_tools import path_with_tools

_ROWS_SHOWN = 3
_WIDTH_SHOWN = 24


@click.command()
@click.pass_context
def demo(ctx: click.Context) -> None:
    """Set up the sample, land JOB_1001 for 2024-05-15 with a real spark-submit, and show it."""
    from orch_dagster.cli.run import run

    settings = load_settings()
    set_up(settings, with_sample=True)
    build_beside(settings)
    biz_dt = sample_rows.BIZ_DT.isoformat()
    ctx.invoke(run, job=sample_rows.JOB_NAME, biz_dts=(biz_dt,), is_json=False)
    _show_landing(settings, biz_dt)


def _show_landing(settings: Settings, biz_dt: str) -> None:
    """Print the path of the sample's ORC, its row count, schema and first rows, and its log row."""
    path = _landed_at(settings, biz_dt)
    with console.status("Reading the ORC back …"):
        count, columns = _read_orc(path)
    say("")
    say(f"ORC      {with_native_paths(path)}")
    say(f"Rows     {count:,}")
    print_rows(columns, list(columns[0]), "No columns.")
    with opened_store(settings) as store:
        log = store.read(EXECUTION_LOG, {"job_id": sample_rows.JOB_ID, "biz_dt": biz_dt})
    newest = max(log, key=lambda row: str(row["id"]))
    say("")
    say("execution_log")
    for name, value in newest.items():
        say(f"  {name:<14}{'' if value is None else value}")
    say("")
    say(f"Open Dagit:  {_installed('dagster', 'dev')}     (then http://localhost:3000)")


def _landed_at(settings: Settings, biz_dt: str) -> str:
    """Return the location of the sample's ORC."""
    folder = sample_rows.CONTEXT_PARAMS["sinks"][0]["path"]
    return resolve(as_location(settings.base_dir), f"{folder}/biz_dt={biz_dt}")


def _installed(name: str, *words: str) -> str:
    """Return how to call a command of this environment, which may not be activated."""
    command = shutil.which(name, path=str(Path(sys.executable).parent))
    if command is None or command == shutil.which(name):
        return " ".join((name, *words))
    here = Path.cwd()
    is_below = Path(command).is_relative_to(here)
    return call_text(str(Path(command).relative_to(here)) if is_below else command, *words)


def _read_orc(path: str) -> tuple[int, list[dict[str, object]]]:
    """Return the row count, and each column's type and first values, read in this process."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("JAVA_HOME", str(find_java(os.environ).home))
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    if search_path := path_with_tools(os.environ, needs_library=False):
        os.environ["PATH"] = search_path
    builder: Any = SparkSession.builder
    spark = (
        builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.log.level", "ERROR")
        # As the runs have it.
        .config("spark.sql.session.timeZone", "UTC")
        .appName("orch demo")
        .getOrCreate()
    )
    try:
        frame = spark.read.orc(path)
        # As Spark's texts, since Python would show a time by this machine's zone.
        texts = frame.select([frame[name].cast("string") for name in frame.columns])
        first = [row.asDict() for row in texts.limit(_ROWS_SHOWN).collect()]
        columns = [_shown(name, kind, first) for name, kind in frame.dtypes]
        return frame.count(), columns
    finally:
        spark.stop()


def _shown(name: str, kind: str, rows: list[dict[str, Any]]) -> dict[str, object]:
    values = {f"row {number}": _short(row[name]) for number, row in enumerate(rows, start=1)}
    return {"column": name, "type": kind, **values}


def _short(value: object) -> str:
    """Return the value in one short line; null as Spark writes it."""
    text = "NULL" if value is None else " ".join(str(value).split())
    return text if len(text) <= _WIDTH_SHOWN else text[: _WIDTH_SHOWN - 1] + "…"
