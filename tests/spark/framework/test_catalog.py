"""Tables of one date or test, and the next one's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from framework.catalog import tables_of_its_own
from framework.session import has_tables_of_run

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

    from tests.landing_home import Home

pytestmark = pytest.mark.spark


def create_and_fail(spark: SparkSession) -> None:
    with tables_of_its_own(spark):
        for statement in (
            "CREATE DATABASE own_db",
            "CREATE TABLE own_db.t (x INT) USING orc",
            "CREATE TABLE own_table USING orc AS SELECT 1 x",
            "CREATE VIEW own_view AS SELECT x FROM own_table",
            "CREATE FUNCTION own_function AS 'org.apache.hadoop.hive.ql.udf.generic.X'",
            "CREATE GLOBAL TEMPORARY VIEW own_global AS SELECT 1 x",
            "CACHE TABLE own_table",
            "INSERT INTO kept_table VALUES (7)",
        ):
            spark.sql(statement)
        raise LookupError


def test_what_a_block_creates_is_dropped_and_nothing_else(spark: SparkSession) -> None:
    spark.sql("CREATE TABLE kept_table (x INT) USING orc")
    try:
        with pytest.raises(LookupError):
            create_and_fail(spark)
        assert [row.namespace for row in spark.sql("SHOW DATABASES").collect()] == ["default"]
        tables = {row.tableName for row in spark.sql("SHOW TABLES").collect()}
        assert not tables & {"own_table", "own_view"}
        assert spark.sql("SHOW USER FUNCTIONS LIKE 'own*'").collect() == []
        assert spark.sql("SHOW TABLES IN global_temp LIKE 'own*'").collect() == []
        assert [row.x for row in spark.table("kept_table").collect()] == [7]
        # Neither the table, nor its folder, nor its cached rows are left.
        spark.sql("CREATE TABLE own_table USING orc AS SELECT 2 x")
        assert [row.x for row in spark.table("own_table").collect()] == [2]
    finally:
        spark.sql("DROP TABLE IF EXISTS own_table")
        spark.sql("DROP TABLE kept_table")


def test_each_of_several_dates_has_tables_of_its_own(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import contextlib

    from framework import landing
    from framework.params_loader import parse_params
    from tests.samples import document

    days = ("2024-05-14", "2024-05-15")
    for day in days:
        home.source(f"id\n{day[-2:]}\n", day)
    hql = "CREATE TABLE of_a_date USING orc AS SELECT id FROM row1; SELECT id FROM of_a_date"
    (tmp_path / "x.hql").write_text(hql)
    monkeypatch.setattr(landing, "_session", lambda: contextlib.nullcontext(home.spark))
    landing._land_all(parse_params(document(biz_dts=days, hql="x.hql"), "p.json"))  # pyright: ignore[reportPrivateUsage]
    assert home.rows() == [("14", days[0]), ("15", days[1])]
    assert not home.spark.catalog.tableExists("of_a_date")


def test_a_warehouse_that_the_job_sets_keeps_its_tables(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert has_tables_of_run(spark)
    warehouse = str(spark.conf.get("spark.sql.warehouse.dir"))
    monkeypatch.setenv("JOB_WAREHOUSE_DIR", "/params of/run/" + warehouse.rpartition("/")[2])
    assert has_tables_of_run(spark)
    monkeypatch.setenv("JOB_WAREHOUSE_DIR", "/params of/run/job.warehouse")
    assert not has_tables_of_run(spark)
