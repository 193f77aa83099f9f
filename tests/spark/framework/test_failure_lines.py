"""What execution_log gets of a failed landing: the deepest cause, before what Spark opens with."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import functions

from orch_dagster.spark.failure_text import exception_line
from orch_dagster.text import clip_utf8
from tests.landing_home import Home, sink
from tests.samples import DATE

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.spark

ANSI = "spark.sql.ansi.enabled"
WRITTEN = "; SparkException: [TASK_WRITE_FAILED] Task failed while writing rows to file:"
PREAMBLE = ("An error occurred while calling", "Job aborted", "Lost task", "Py4JJavaError")


@pytest.fixture
def ansi(home: Home) -> Iterator[None]:
    before = home.spark.conf.get(ANSI)
    home.spark.conf.set(ANSI, "true")
    yield
    home.spark.conf.set(ANSI, str(before))


def failure(home: Home, **context: Any) -> str:
    """Return the error_message of a landing that fails."""
    with pytest.raises(Exception, match=r"\w") as raised:
        home.land(**context)
    line = clip_utf8(exception_line(type(raised.value).__name__, str(raised.value), ()))
    assert not [words for words in PREAMBLE if words in line]
    return line


@pytest.mark.usefixtures("ansi")
@pytest.mark.parametrize(
    ("hql", "starts", "has"),
    [
        (
            "SELECT CAST(id AS INT) AS id FROM row1",
            "SparkNumberFormatException: [CAST_INVALID_INPUT] The value 'x' of the type",
            "CAST(id AS INT)",
        ),
        (
            "SELECT 1 / (LENGTH(name) - 2) AS n FROM row1",
            "SparkArithmeticException: [DIVIDE_BY_ZERO] Division by zero.",
            "1 / (LENGTH(name) - 2)",
        ),
        (
            "SELECT CAST(raise_error(CONCAT(id, ' has not ended')) AS INT) AS id FROM row1",
            "RuntimeException: x has not ended",
            "",
        ),
    ],
)
def test_a_value_that_the_hql_can_not_compute(home: Home, hql: str, starts: str, has: str) -> None:
    home.source("id,name\nx,''\n")
    line = failure(home, hql=hql)
    assert line.startswith(starts)
    assert has in line
    assert WRITTEN in line


def test_a_malformed_record_is_shown(home: Home) -> None:
    home.source("id,name\n1,a\nx,b\n")
    options = {"header": True, "mode": "FAILFAST"}
    source = {"format": "csv", "path": "in/{biz_dt}.csv", "options": options}
    line = failure(home, sources=[{**source, "schema": "id INT, name STRING"}])
    assert line.startswith('NumberFormatException: For input string: "x"; SparkException: [MALFORM')
    assert "Malformed records are detected in record parsing: [null,b]" in line


@pytest.mark.parametrize(
    ("format", "starts"),
    [
        ("parquet", "RuntimeException: file:"),
        ("orc", "FileFormatException: Malformed ORC file file:"),
    ],
)
def test_a_file_of_another_format_is_named(home: Home, format: str, starts: str) -> None:
    (home.root / "in").mkdir()
    (home.root / "in" / f"x.{format}").write_bytes(b"nothing like it")
    source = {"format": format, "path": f"in/x.{format}", "schema": "id INT"}
    line = failure(home, sources=[source])
    assert line.startswith(starts)
    assert f"/in/x.{format}" in line


def test_a_broken_gzip(home: Home) -> None:
    (home.root / "in").mkdir()
    whole = gzip.compress(b"id\n" + b"".join(b"%d\n" % n for n in range(20_000)))
    (home.root / "in" / f"{DATE}.csv.gz").write_bytes(whole[: len(whole) // 2])
    source = {"format": "csv", "path": "in/{biz_dt}.csv.gz", "schema": "id INT"}
    line = failure(home, sources=[source])
    assert line.startswith("EOFException: Unexpected end of input stream")


def test_a_date_of_the_year_1(home: Home) -> None:
    home.source("id\n1\n")
    line = failure(
        home,
        hql="SELECT DATE '0001-01-01' AS d FROM row1",
        sinks=[sink("parquet", "out/t", "biz_dt")],
    )
    assert line.startswith("SparkUpgradeException: [INCONSISTENT_BEHAVIOR_CROSS_VERSION.WRITE_ANC")
    assert "writing dates before 1582-10-15" in line
    assert WRITTEN in line


def test_a_function_of_python(home: Home) -> None:
    def branch(name: str) -> str:
        raise ValueError(f"no branch {name}")

    home.spark.udf.register("branch_of", functions.udf(branch))
    home.source("id\n1\n")
    line = failure(home, hql="SELECT branch_of(id) AS b FROM row1")
    assert line.startswith("ValueError: no branch 1; SparkException: [TASK_WRITE_FAILED]")


def test_a_service_that_does_not_answer_and_a_class_that_is_missing(home: Home) -> None:
    home.source("id\n1\n")

    def of_sink(**options: str) -> str:
        return failure(home, sinks=[sink("jdbc", "t", options=options)])

    line = of_sink(url="jdbc:derby:memory:absent;create=false")
    assert line.startswith("ERROR XJ004: Database 'memory:absent' not found")
    line = of_sink(url="jdbc:foo://x", driver="com.foo.Driver")
    assert line.startswith("ClassNotFoundException: com.foo.Driver")
