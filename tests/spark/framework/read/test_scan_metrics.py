"""The rows read, from Spark's own metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from framework.read.scan_metrics import Scans
from tests.landing_home import Home, sink
from tests.samples import DATE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


def test_are_those_of_all_sources_once_each(home: Home) -> None:
    """Neither what is read back nor the second sink's reading of the kept rows counts."""
    home.source("id,n\n" + "".join(f"{number},{number % 7}\n" for number in range(2100)))
    (home.root / "few.json").write_text('{"id": "1"}\n{"id": "2"}\n{"id": "3000"}\n')
    sources = [
        {"format": "csv", "path": "in/{biz_dt}.csv", "options": {"header": True}},
        {"format": "json", "path": "few.json"},
    ]
    sinks = [sink("orc", "out/a", "biz_dt"), sink("parquet", "out/b", "biz_dt")]
    hql = "SELECT n, count(*) AS c FROM row1 LEFT JOIN row2 ON row1.id = row2.id GROUP BY n"
    for _ in range(2):
        landed = home.land(sources=sources, sinks=sinks, hql=hql, keys="n")
        assert (landed.rows_read, landed.row_count) == (2103, 7)
    assert home.land(sources=sources, hql="SELECT 1 AS id").rows_read is None


def test_of_a_table(home: Home) -> None:
    options = {
        "url": f"jdbc:derby:memory:{home.root.name};create=true",
        "driver": "org.apache.derby.jdbc.EmbeddedDriver",
    }
    table = sink("jdbc", "read_from", options=options)
    home.source("id\n1\n2\n")
    assert home.land(sinks=[table]).rows_read == 2
    assert home.land(sources=[table], sinks=[sink("orc", f"out/{DATE}/t", "biz_dt")]).rows_read == 2


def test_are_unknown_where_spark_does_not_tell(
    home: Home, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its metrics are not a public interface: another version may have none of these methods."""
    real: Any = Scans(spark)._store()

    class Renamed:
        def executionsCount(self) -> int:
            return int(real.executionsCountOfAnotherVersion())

    monkeypatch.setattr(Scans, "_store", lambda _: Renamed())
    monkeypatch.setenv("LOG_FILE", str(home.root / "job.log"))
    home.source("id\n1\n")
    landed = home.land()
    assert (landed.row_count, landed.rows_read) == (1, None)
    log = (home.root / "job.log").read_text()
    assert "the number of rows read is unknown: An error occurred while calling" in log
