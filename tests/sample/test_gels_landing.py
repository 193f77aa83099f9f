from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orch_dagster.sample.contracts import CONTRACT_PATH, HOLDER_PATH
from orch_dagster.sample.rows import COMPARE_COLS, CONTEXT_PARAMS
from tests.sample.expected import expected_rows
from tests.sample.local_spark import land

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

BIZ_DT = date(2024, 5, 15)
TYPES = {
    "contract_no": "string",
    "product_code": "string",
    "product_name": "string",
    "status_code": "string",
    "currency_code": "string",
    "sum_assured_amt": "decimal(18,2)",
    "premium_amt": "decimal(18,2)",
    "outstanding_amt": "decimal(18,2)",
    "issue_date": "date",
    "effective_date": "date",
    "expiry_date": "date",
    "agent_code": "string",
    "remarks": "string",
    "holder_id": "string",
    "holder_name": "string",
    "holder_birth_date": "date",
    "holder_address": "string",
    "holder_country_code": "string",
    "revision_no": "int",
    "source_update_ts": "timestamp",
    "biz_dt": "string",
}


@pytest.mark.parametrize("ansi", ["true", "false"])
def test_every_row_and_column_is_landed(spark: SparkSession, data_root: Path, ansi: str) -> None:
    spark.conf.set("spark.sql.ansi.enabled", ansi)

    landed = land(spark, CONTEXT_PARAMS, data_root, BIZ_DT)

    assert dict(landed.dtypes) == TYPES
    assert landed.columns == list(TYPES)
    # As a timestamp a value would come back in the time zone of this process.
    rows = landed.withColumn(
        "source_update_ts", landed["source_update_ts"].cast("timestamp_ntz")
    ).collect()
    actual = {row["contract_no"]: row.asDict() for row in rows}
    expected = expected_rows(
        data_root / CONTRACT_PATH.format(biz_dt=BIZ_DT),
        data_root / HOLDER_PATH.format(biz_dt=BIZ_DT),
        BIZ_DT,
    )
    assert len(rows) == len(expected) == 20_000
    assert actual.keys() == expected.keys()
    wrong = [(actual[key], expected[key]) for key in expected if actual[key] != expected[key]]
    assert wrong == []


def test_compared_columns_are_landed() -> None:
    assert set(COMPARE_COLS) <= TYPES.keys()
