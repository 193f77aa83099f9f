"""Tables that an HQL would write on each executor's own disk."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from framework import hql_text
from framework.contract.native_paths import with_native_paths
from framework.contract.paths import as_location
from framework.errors import SharedPathError
from framework.hql import Script
from framework.read.local_tables import require_tables_seen

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOCAL = "file:/orch/work/spark-warehouse"
CTAS = "CREATE TABLE t USING orc AS SELECT * FROM row1"
LAKE = {"spark__sql__catalog__lake": "org.x.C"}


class Conf(dict[str, str]):
    """Stands for a session's settings."""


def require(text: str, shared: tuple[str, ...] = (), **given: str) -> None:
    master = given.pop("master", "yarn")
    settings = {name.replace("__", "."): value for name, value in given.items()}
    conf = Conf({"spark.sql.warehouse.dir": LOCAL, **settings})
    spark = SimpleNamespace(sparkContext=SimpleNamespace(master=master), conf=conf)
    require_tables_seen(cast("SparkSession", spark), Script("x.hql", hql_text.split(text)), shared)


@pytest.mark.parametrize(
    ("text", "line", "location"),
    [
        (f"SET a = 1;\n-- a copy\n{CTAS};\nSELECT * FROM t", 2, "/orch/work/spark-warehouse"),
        ("create or replace table if not exists `d`.t (a int) stored as orc", 1,
         "/orch/work/spark-warehouse"),
        ("CREATE EXTERNAL TABLE t USING csv OPTIONS (header true) AS SELECT 1", 1,
         "/orch/work/spark-warehouse"),
        ("CREATE TABLE t USING orc LOCATION 'file:///tmp/t' AS SELECT 1", 1, "/tmp/t"),
        ("CREATE TABLE t USING orc LOCATION 'sub/t' AS SELECT 1", 1, "/orch/work/spark-warehouse"),
        (f"USE d; {CTAS}", 1, "/orch/work/spark-warehouse"),
        ("CREATE TABLE d.t_${hivevar:day} AS SELECT 1", 1, "/orch/work/spark-warehouse"),
        ("INSERT OVERWRITE DIRECTORY 'file:/tmp/d' USING orc SELECT 1", 1, "/tmp/d"),
        ("INSERT OVERWRITE LOCAL DIRECTORY '/tmp/d' STORED AS orc SELECT 1", 1, "/tmp/d"),
    ],
)  # fmt: skip
def test_what_executors_elsewhere_would_write_on_their_own_disks_is_refused(
    text: str, line: int, location: str
) -> None:
    """Such a table was empty, and what was joined with it landed with nulls."""
    # On Windows with the drive of the working folder.
    location = as_location(location)
    with pytest.raises(SharedPathError) as refused:
        require(text)
    assert refused.value.location == location
    refusal = f"{with_native_paths(location)}: x.hql:{line} writes rows there, which the executors"
    assert refusal in str(refused.value)


@pytest.mark.parametrize(
    ("text", "given"),
    [
        (CTAS, {"spark__sql__warehouse__dir": "hdfs://nn/w"}),
        (CTAS, {"master": "local[2]"}),
        (CTAS, {"master": "spark://127.0.0.1:7077"}),
        (CTAS, {"master": "spark://me:7077", "spark__driver__host": "me"}),
        # Whose tables are where their database is.
        (CTAS, {"spark__sql__catalogImplementation": "hive"}),
        (CTAS, {"spark__sql__defaultCatalog": "lake"}),
        (CTAS, {"spark__sql__catalog__spark_catalog": "org.x.Catalog"}),
        ("CREATE TABLE lake.t USING orc AS SELECT 1", {"spark__sql__catalog__lake": "org.x.C"}),
        ("CREATE TABLE lake.d.t USING orc AS SELECT 1", {}),
        (f"CREATE DATABASE d LOCATION 'hdfs://nn/d'; USE d; {CTAS}", {}),
        (f"CREATE NAMESPACE d LOCATION 'hdfs://nn/d'; USE d; {CTAS}", {}),
        (f"ALTER DATABASE default SET LOCATION 'hdfs://nn/d'; {CTAS}", {}),
        # In the catalog that is used, or in one that a variable may name.
        (f"USE lake; {CTAS}", LAKE),
        (f"USE NAMESPACE `lake`.d; {CTAS}", LAKE),
        (f"SET CATALOG lake; {CTAS}", LAKE),
        (f"USE ${{hivevar:lake}}; {CTAS}", {}),
        ("CREATE TABLE lake . t USING orc AS SELECT 1", LAKE),
        ("CREATE TABLE ${hivevar:lake}.t USING orc AS SELECT 1", {}),
        ("CREATE TABLE ${spark.own.table} USING orc AS SELECT 1", {}),
        ("CREATE TABLE t USING ${hivevar:format} AS SELECT 1", {}),
        ("CREATE TABLE t USING orc LOCATION 'hdfs://nn/t' AS SELECT 1", {}),
        # On Hadoop's default file system, or a variable's.
        ("CREATE TABLE t USING orc LOCATION '/t' AS SELECT 1", {}),
        ("CREATE TABLE t USING orc LOCATION '${hivevar:a}/t' AS SELECT 1", {}),
        ("CREATE TABLE t USING orc OPTIONS (path 'hdfs://nn/t') AS SELECT 1", {}),
        ("CREATE TABLE t USING kudu OPTIONS ('kudu.table' 't')", {}),
        ("CREATE TEMPORARY VIEW t AS SELECT 1; SELECT 'create table t', * FROM t", {}),
        ("INSERT OVERWRITE DIRECTORY 'hdfs://nn/d' USING orc SELECT 1", {}),
    ],
)
def test_other_tables_are_taken(text: str, given: dict[str, str]) -> None:
    require(text, (), **given)


def test_folders_that_every_node_has_are_taken() -> None:
    require(CTAS, (as_location("/orch/work"),))
    with pytest.raises(SharedPathError):
        require(CTAS, (as_location("/orch/other"),))
