"""The rows that staged files give back, by their footers and by Spark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from framework.check.run_checks import StagedSink
from framework.land import row_counts
from framework.params import Sink
from framework.plan import Place, PlannedSink
from framework.storage.local import LocalFileSystem
from tests.samples import DATE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark

ROWS = "VALUES (1, DATE'2024-05-15'), (2, DATE'2024-05-15'), (3, DATE'2024-05-16'), (4, NULL)"


def staged(rows: DataFrame, folder: Path, form: str, *partition_cols: str) -> StagedSink:
    writer = rows.repartition(3).write.format(form).mode("append")
    if partition_cols:
        writer = writer.partitionBy(*partition_cols)
    writer.save(str(folder))
    location = folder.as_posix()
    sink = Sink(form, "out/t", partition_cols=partition_cols)
    return StagedSink(PlannedSink(sink, location, Place(location)), location, rows)


def both_ways(spark: SparkSession, sink: StagedSink) -> tuple[Any, Any]:
    fs = LocalFileSystem()
    by_driver = row_counts._by_driver(spark, fs, sink, fs.usage(sink.folder))
    return by_driver, row_counts._by_executors(spark, sink)


@pytest.mark.parametrize("form", ["orc", "parquet", "ORC"])
def test_the_driver_counts_as_executors_do(spark: SparkSession, tmp_path: Path, form: str) -> None:
    rows = spark.sql(f"SELECT c, 'a/b %=ö' AS `p q`, d AS biz_dt FROM {ROWS} AS t(c, d)")
    folder = tmp_path / "a b%20ö"
    by_driver, by_executors = both_ways(spark, staged(rows, folder, form, "biz_dt", "p q"))
    assert by_driver == by_executors == {DATE: 2, "2024-05-16": 1, None: 1}
    by_driver, by_executors = both_ways(spark, staged(rows, tmp_path / "plain", form))
    assert by_driver == by_executors == {None: 4}
    nothing = staged(rows.where("false"), tmp_path / "none", form, "biz_dt")
    assert both_ways(spark, nothing) == ({}, {})
    no_rows = staged(rows.where("false"), tmp_path / "no rows", form)
    by_driver, by_executors = both_ways(spark, no_rows)
    assert sum(by_driver.values()) == sum(by_executors.values()) == 0


def test_no_job_counts_rows_whose_footers_tell(spark: SparkSession, tmp_path: Path) -> None:
    sink = staged(spark.range(9).selectExpr("id", f"'{DATE}' AS biz_dt"), tmp_path, "orc", "biz_dt")
    fs, context = LocalFileSystem(), spark.sparkContext
    context.setJobGroup("counts", "counts")
    try:
        counts = row_counts.count_by_date(spark, fs, sink, fs.usage(sink.folder))
        jobs = context.statusTracker().getJobIdsForGroup("counts")
    finally:
        context.setLocalProperty("spark.jobGroup.id", None)
    assert (counts, list(jobs)) == ({DATE: 9}, [])


def test_spark_counts_what_the_driver_is_not_to_read(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text, many files, and footers that it can't read, of which Spark then tells the fault."""
    rows = spark.range(9)
    assert both_ways(spark, staged(rows, tmp_path / "j", "json")) == (None, {None: 9})
    sink = staged(rows, tmp_path / "o", "orc")
    next((tmp_path / "o").glob("part-*")).write_bytes(b"ORC no more")
    fs = LocalFileSystem()
    usage = fs.usage(sink.folder)
    assert row_counts._by_driver(spark, fs, sink, usage) is None
    with pytest.raises(Exception, match="part-"):
        row_counts.count_by_date(spark, fs, sink, usage)
    monkeypatch.setattr(row_counts, "_MOST_FOOTERS", 1)
    assert both_ways(spark, staged(rows, tmp_path / "p", "parquet")) == (None, {None: 9})


def test_a_folder_that_changes_meanwhile_is_left_to_spark(
    spark: SparkSession, tmp_path: Path
) -> None:
    sink, fs = staged(spark.range(9), tmp_path, "orc"), LocalFileSystem()
    usage = fs.usage(sink.folder)
    next(tmp_path.glob("part-*")).unlink()
    assert row_counts._by_driver(spark, fs, sink, usage) is None
