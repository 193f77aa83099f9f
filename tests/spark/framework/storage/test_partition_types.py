"""What a landing wrote is read back with its types, though folders hold partitions as text."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from framework.errors import PartitionTypesError
from framework.readers import read_orc, read_source
from framework.report import CheckResult
from tests.landing_home import Home, sink
from tests.samples import DATE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark

OTHER = "2024-05-14"
BRANCHES = ["001", "01", "1"]


def put(home: Home, values: str, biz_dt: str = DATE, *, format: str = "orc") -> None:
    """Land rows of `id` and `branch`, given as SQL values."""
    home.source("x\n1\n", biz_dt)
    hql = f"SELECT * FROM VALUES {values} AS t (id, branch)"
    home.land(biz_dt, hql=hql, sinks=[sink(format, "out/t", "biz_dt", "branch")])


def branches(rows: DataFrame) -> list[Any]:
    return [row.branch for row in rows.orderBy("id", "biz_dt").collect()]


def inferring(home: Home) -> SparkSession:
    """A session in which Spark infers the types of partitions, as it does by its own default."""
    session = home.spark.newSession()
    session.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "true")
    return session


def records(home: Home) -> list[Path]:
    return sorted((home.root / "out").rglob("_partition_types-*"))


def forget(home: Home, biz_dt: str) -> None:
    """Leave a date as the version before landed it."""
    for file in (home.root / "out" / "t" / f"biz_dt={biz_dt}").glob("_partition_types-*"):
        file.unlink()


@pytest.fixture
def numbered(home: Home) -> Home:
    put(home, "(1, '001'), (2, '01'), (3, '1')")
    return home


@pytest.mark.parametrize("format", ["orc", "parquet", "json", "csv"])
def test_a_child_gets_the_texts_of_its_parent(home: Home, format: str) -> None:
    put(home, "(1, '001'), (2, '01'), (3, '1')", format=format)
    child = {"format": format, "path": "out/t"}
    landed = home.land(sources=[child], sinks=[sink("orc", "out/child", "biz_dt")])
    assert {each["name"]: each["type"] for each in landed.columns}["branch"] == "string"
    assert sorted(row[1] for row in home.rows("out/child")) == BRANCHES


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("out/t", {}),
        ("out/t/", {}),
        (f"out/t/biz_dt={DATE}", {}),
        (f"out/t/biz_dt={DATE}", {"basePath": "out/t"}),
        ("out/t/biz_dt=2024-05-*", {"basePath": "out/t"}),
        ("out/t/biz_dt=*/branch=*", {"basePath": "out/t"}),
        ("out/{t,u}", {}),
    ],
)
def test_any_path_to_it_gives_its_types(numbered: Home, path: str, options: dict[str, str]) -> None:
    given = {name: f"file://{numbered.root}/{value}" for name, value in options.items()}
    for rows in (
        read_orc(numbered.spark, path, options=given),
        read_source(numbered.spark, "ORC", path, options=given),
    ):
        assert [row.branch for row in rows.orderBy("id").collect()] == BRANCHES
        assert ("biz_dt" in rows.columns) == (path != f"out/t/biz_dt={DATE}" or bool(options))


def test_biz_dt_is_a_text_and_a_date_where_spark_infers(numbered: Home) -> None:
    for session, biz_dt in ((numbered.spark, "string"), (inferring(numbered), "date")):
        assert read_orc(session, "out/t").dtypes == [
            ("id", "int"), ("biz_dt", biz_dt), ("branch", "string")
        ]  # fmt: skip


def test_a_sink_with_the_date_in_its_path(home: Home) -> None:
    home.source("id,branch\n1,001\n")
    home.land(sinks=[sink("parquet", "out/{biz_dt:%Y%m%d}", "branch")])
    for path in ("out/20240515", "out", "out/*"):
        assert [row.branch for row in read_source(home.spark, "parquet", path).collect()] == ["001"]


@pytest.mark.parametrize(
    ("type", "values", "expected"),
    [
        (
            "STRING",
            ["'1e3'", "'2024-05-15'", "' a'", "'A/B'", "'x=y'", "'1.50'", "'true'", "'1d'"],
            ["1e3", "2024-05-15", " a", "A/B", "x=y", "1.50", "true", "1d"],
        ),
        ("TINYINT", ["1", "-2"], [1, -2]),
        ("BIGINT", ["1", "2"], [1, 2]),
        ("DECIMAL(9,2)", ["1.50", "0"], [Decimal("1.50"), Decimal("0.00")]),
        ("FLOAT", ["1.5"], [1.5]),
        ("DOUBLE", ["1e20", "2"], [1e20, 2.0]),
        ("BOOLEAN", ["true", "false"], [True, False]),
        ("DATE", ["'2024-05-15'"], [date(2024, 5, 15)]),
        ("TIMESTAMP_NTZ", ["'2024-05-15 00:00:00'"], [datetime(2024, 5, 15)]),
        ("BINARY", ["'/='", "'%41'"], [bytearray(b"/="), bytearray(b"%41")]),
    ],
)
def test_values_of_each_type_come_back(
    home: Home, type: str, values: list[str], expected: list[Any]
) -> None:
    cells = ", ".join(f"({n}, CAST({value} AS {type}))" for n, value in enumerate(values))
    put(home, f"{cells}, (99, CAST(NULL AS {type}))")
    rows = read_orc(home.spark, "out/t")
    assert dict(rows.dtypes)["branch"] == type.lower()
    assert branches(rows) == [*expected, None]


def test_a_date_whose_values_are_all_null(home: Home) -> None:
    put(home, "(1, CAST(NULL AS STRING)), (2, NULL)")
    assert branches(read_orc(home.spark, "out/t")) == [None, None]
    put(home, "(1, '007')", OTHER)
    assert branches(read_orc(home.spark, "out/t")) == ["007", None, None]
    landed = home.land(
        sources=[{"format": "orc", "path": f"out/t/biz_dt={DATE}"}],
        sinks=[sink("orc", "out/child", "biz_dt", "branch")],
    )
    assert landed.row_count == 2


def test_nulls_of_a_date_that_tells_no_types_can_be_read(home: Home) -> None:
    put(home, "(1, CAST(NULL AS INT))")
    forget(home, DATE)
    rows = read_orc(home.spark, "out/t")
    assert (branches(rows), dict(rows.dtypes)["branch"]) == ([None], "string")


def test_what_tells_no_types_is_a_text_unless_spark_infers(numbered: Home) -> None:
    forget(numbered, DATE)
    assert branches(read_orc(numbered.spark, "out/t")) == BRANCHES
    assert branches(read_orc(inferring(numbered), "out/t")) == [1, 1, 1]


@pytest.mark.parametrize(
    ("earlier", "tells", "later", "expected"),
    [
        ("'001'", False, "'01'", ["001", "01"]),
        ("'A'", False, "7", ["A", "7"]),
        ("7", False, "8", [7, 8]),
        ("7", False, "3000000000", [7, 3000000000]),
        ("1.555", False, "CAST(1.5 AS DECIMAL(5,2))", [1.555, 1.5]),
        ("'001'", True, "1", ["001", "1"]),
        ("7", True, "CAST(8 AS BIGINT)", [7, 8]),
        ("DATE '2024-05-15'", True, "1", ["2024-05-15", "1"]),
        ("CAST(NULL AS INT)", True, "8", [None, 8]),
    ],
)
def test_dates_of_different_types(
    home: Home, earlier: str, tells: bool, later: str, expected: list[Any]
) -> None:
    put(home, f"(1, {earlier})", OTHER)
    if not tells:
        forget(home, OTHER)
    put(home, f"(2, {later})")
    assert branches(read_orc(inferring(home), "out/t")) == expected


def test_a_schema_of_the_users_own_wins(numbered: Home) -> None:
    def read(schema: str) -> list[Any]:
        return branches(read_orc(numbered.spark, "out/t", schema=schema))

    assert read("id INT, branch INT") == [1, 1, 1]
    assert read("id INT, branch BIGINT, biz_dt STRING") == [1, 1, 1]
    assert read("id BIGINT") == BRANCHES


def test_a_date_that_tells_no_types_makes_texts_of_all(home: Home) -> None:
    put(home, "(1, 7)", OTHER)
    put(home, "(2, 8)")
    assert branches(read_orc(home.spark, "out/t")) == [7, 8]
    forget(home, OTHER)
    assert branches(read_orc(home.spark, "out/t")) == ["7", "8"]


def test_a_landing_replaces_the_types_with_the_rows(numbered: Home) -> None:
    before = records(numbered)
    put(numbered, "(1, 7)")
    assert branches(read_orc(numbered.spark, "out/t")) == [7]
    (record,) = records(numbered)
    assert [record] != before
    assert record.parent.name == f"biz_dt={DATE}"


def test_only_further_partition_columns_are_told(home: Home) -> None:
    home.source("id\n1\n")
    home.land()
    home.land(sinks=[sink("orc", "out/{biz_dt}")])
    assert records(home) == []


def test_no_rows_tell_the_types_too(home: Home) -> None:
    home.source("id,branch\n")
    home.land(sinks=[sink("orc", "out/t", "biz_dt", "branch")], allow_empty=True)
    rows = read_orc(home.spark, "out/t")
    assert (rows.count(), dict(rows.dtypes)["branch"]) == (0, "string")


def test_types_that_can_not_be_read_are_named(numbered: Home) -> None:
    (record,) = records(numbered)
    record.write_text("{}")
    with pytest.raises(PartitionTypesError, match=f"{record.name} can't be read .*delete the file"):
        read_orc(numbered.spark, "out/t")


def changes(home: Home, values: str) -> CheckResult:
    home.source("x\n1\n")
    landed = home.land(
        hql=f"SELECT * FROM VALUES {values} AS t (id, branch)",
        keys="id",
        compare="branch",
        sinks=[sink("orc", "out/t", "biz_dt", "branch")],
    )
    return next(each for each in landed.checks if each.name == "changes")


def test_changes_are_counted_against_the_values_that_were_landed(home: Home) -> None:
    put(home, "(1, '001'), (2, '01'), (3, CAST(NULL AS STRING))", OTHER)
    metadata = changes(home, "(1, '001'), (2, '1'), (3, NULL)").metadata
    assert (metadata["unchanged"], metadata["updated"]) == (2, 1)
    # Read as the type of today's column, the texts of the day before would be numbers.
    assert "unchanged" not in changes(home, "(1, 1), (2, 1), (3, NULL)").metadata
