"""The full names of formats, as Spark itself resolves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from py4j.protocol import Py4JJavaError

from framework.contract.formats import FORMATS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Their classes come with jars that are not Spark's own.
_ELSEWHERE = {
    *("avro", "kudu", "delta", "excel", "hudi", "iceberg", "xml"),
    *("bigquery", "cobol", "deltaSharing", "es", "geoparquet"),
    *("kafka", "mongodb", "redshift", "snowflake"),
}


@pytest.mark.spark
def test_full_names_are_those_of_the_short_one(spark: SparkSession) -> None:
    source = spark._jvm.org.apache.spark.sql.execution.datasources.DataSource  # pyright: ignore
    conf = spark._jsparkSession.sessionState().conf()

    def is_of(name: str, short: str) -> bool:
        try:
            found = source.lookupDataSource(name, conf).getName().rpartition(".")[2]
        except Py4JJavaError:
            return False
        # The file format that a newer data source of the same name falls back to.
        return found.lower().startswith(short.lower())

    assert [
        name
        for each in FORMATS
        if each.name not in _ELSEWHERE
        for name in (each.name, *each.classes)
        if not is_of(name, each.name)
    ] == []
