"""What every run has by default: its time zone, its tables and the level of Spark's log."""

from __future__ import annotations

import json
import os
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orch_dagster.control.tables import TABLES
from orch_dagster.toolchain.find import find_spark
from tests.bad_rows import put_worst
from tests.homes import BIZ_DT, Home, home_of_job

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JOB = "etl_lnd_ins_sys_t"
SCRIPT = """
import sys
from datetime import datetime
from framework import get_logger, get_spark, run_landing
get_spark()
get_logger("job").info("the epoch is %s", datetime.fromtimestamp(0))
for name in ("pyspark.sql", "dagster_pipes"):
    get_logger("job").info("%s is of %s", name, sys.modules[name].__file__)
run_landing()
"""
# Without DROP TABLE: the table of an earlier run, or its folder, would fail it.
HQL = """
SET hivevar:lowest = 1;
CREATE TABLE staged USING orc AS SELECT id, CAST(at AS TIMESTAMP) AS at FROM row1;
SELECT id, at, date_format(at, 'HH:mm') AS hour FROM staged WHERE id >= ${hivevar:lowest};
SET spark.sql.shuffle.partitions = 3;
"""
SINK = {"format": "orc", "path": "out/orc", "partition_cols": ["biz_dt"]}
CONTEXT = {
    "sources": [{"format": "csv", "path": "in.csv", "options": {"header": True}}],
    "sinks": [SINK, {**SINK, "format": "parquet", "path": "out/parquet"}],
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home on a host in Tokyo, whose job has run twice, then beside the worst rows."""
    made = home_of_job(tmp_path_factory.mktemp("tokyo") / "home", JOB, SCRIPT, CONTEXT)
    (made.folder / "hql").mkdir()
    (made.folder / "hql" / "t.hql").write_text(HQL, encoding="utf-8")
    (made.folder / "in.csv").write_text("id,at\n0,\n1,2024-05-15 12:00:00\n", encoding="utf-8")
    made.environ |= {"TZ": "Asia/Tokyo", "ORCH_HQL_DIR": str(made.folder / "hql")}
    rows = json.loads((made.folder / "rows.yaml").read_text(encoding="utf-8"))
    rows["job_master"][0]["context_params"]["hql"] = "t.hql"
    (made.folder / "rows.yaml").write_text(json.dumps(rows), encoding="utf-8")
    made.here("apply", "rows.yaml")
    made.orch("run", JOB, "--biz-dt", BIZ_DT)
    for table in TABLES:
        assert [*put_worst(made.folder / ".orch" / "control.db", table, null_keys=False)]
    made.orch("run", JOB, "--biz-dt", BIZ_DT)
    return made


@pytest.mark.spark
@pytest.mark.parametrize("format", ["orc", "parquet"])
def test_instants_do_not_depend_on_the_host(home: Home, spark: SparkSession, format: str) -> None:
    rows = spark.read.format(format).load(str(home.folder / "out" / format))
    (row,) = rows.select("id", rows["at"].cast("timestamp_ntz").alias("at"), "hour").collect()
    assert tuple(row) == ("1", datetime(2024, 5, 15, 12), "12:00")


@pytest.mark.spark
def test_a_staging_table_is_gone_with_its_run(home: Home) -> None:
    assert [row["status"] for row in home.log_rows(JOB)] == ["Completed", "Completed"]
    left = [*home.folder.rglob("*.warehouse"), *home.folder.rglob("spark-warehouse")]
    assert left == []


@pytest.mark.spark
def test_the_log_has_the_jobs_lines_and_no_chatter_of_spark(home: Home) -> None:
    logs = [file.read_text(encoding="utf-8") for file in (home.folder / "logs").glob("job_*.log")]
    assert len(logs) == 2
    for log in logs:
        assert "[job] the epoch is 1970-01-01 00:00:00" in log
        assert "landed 1 rows" in log
        assert re.findall(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d INFO .*", log) == []
        assert " WARN " in log


@pytest.mark.spark
def test_a_driver_compiles_neither_pyspark_nor_what_travels_with_its_job(home: Home) -> None:
    log = max((home.folder / "logs").glob("job_*.log")).read_text(encoding="utf-8")
    files = dict(re.findall(r"\[job\] (\S+) is of (.+)", log))
    folder = find_spark(os.environ).pyspark_dir
    assert folder is not None
    assert Path(files["pyspark.sql"]) == folder / "pyspark" / "sql" / "__init__.py"
    assert re.search(r"-[0-9a-f]{16}\.zip/dagster_pipes/__init__\.pyc$", files["dagster_pipes"])
