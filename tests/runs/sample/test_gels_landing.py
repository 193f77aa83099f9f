"""JOB_1001 by `dagster job execute`: every row that it landed, and what Dagster knows of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from orch_dagster.sample.contracts import CONTRACT_PATH, HOLDER_PATH
from orch_dagster.sample.rows import COMPARE_COLS, CONTEXT_PARAMS, JOB_NAME
from tests.expected import expected_rows
from tests.homes import BIZ_DT, Home

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

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


@pytest.mark.spark
def test_the_job_of_a_row_lands_every_row_and_materializes_its_asset(
    sample_home: Home, spark: SparkSession
) -> None:
    done = sample_home.execute(JOB_NAME)
    assert done.returncode == 0, done.stdout + done.stderr

    table = sample_home.folder / CONTEXT_PARAMS["sinks"][0]["path"]
    assert_contracts_landed(spark, table, sample_home.folder, date.fromisoformat(BIZ_DT))
    metadata = materialized(sample_home)
    assert metadata["dagster/partition_row_count"].value == 20_000
    assert Path(str(metadata["path"].value)) == table / f"biz_dt={BIZ_DT}"
    schema = {c.name: c.type for c in metadata["dagster/column_schema"].value.columns}
    assert schema == TYPES
    assert metadata["duration_s"].value > 0
    log = Path(str(metadata["log_file"].value)).read_text(encoding="utf-8")
    assert "[orch]" in log
    assert "[spark]" in log
    assert "[framework.landing]" in log
    # Once on disk: what Dagit shows of the step is the same file.
    storage = sample_home.folder / ".orch" / "dagster" / "storage"
    (shown,) = storage.glob(f"*/compute_logs/{JOB_NAME}.*")
    assert shown.samefile(str(metadata["log_file"].value))
    (row,) = sample_home.log_rows(JOB_NAME)
    assert row["status"] == "Completed"
    assert row["spark_app_id"] == metadata["spark_app_id"].value
    assert row["end_time"] > row["start_time"]


def assert_contracts_landed(spark: SparkSession, table: Path, root: Path, biz_dt: date) -> None:
    """The table holds what the extract under the data root says, for that date, and no more."""
    spark.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    landed = spark.read.orc(str(table))
    assert landed.dtypes == list(TYPES.items())
    # As a timestamp a value would come back in the time zone of this process.
    rows = landed.withColumn(
        "source_update_ts", landed["source_update_ts"].cast("timestamp_ntz")
    ).collect()
    actual = {row["contract_no"]: row.asDict() for row in rows}
    expected = expected_rows(
        root / CONTRACT_PATH.format(biz_dt=biz_dt), root / HOLDER_PATH.format(biz_dt=biz_dt), biz_dt
    )
    assert len(rows) == len(expected) == 20_000
    assert actual.keys() == expected.keys()
    wrong = [(actual[key], expected[key]) for key in expected if actual[key] != expected[key]]
    assert wrong == []


def materialized(home: Home) -> dict[str, dg.MetadataValue]:
    """Metadata of the asset's materialization of the date, as Dagster's instance keeps it."""
    key = dg.AssetKey(["gels", "fpms", JOB_NAME])
    with dg.DagsterInstance.from_config(home.environ["DAGSTER_HOME"]) as instance:
        (found,) = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=key, asset_partitions=[BIZ_DT]), limit=2
        ).records
    assert found.asset_materialization is not None
    return dict(found.asset_materialization.metadata)


def test_compared_columns_are_landed() -> None:
    assert set(COMPARE_COLS) <= TYPES.keys()
