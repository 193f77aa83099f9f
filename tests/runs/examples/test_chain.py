"""The chain by the commands of its README: order, and every row that its jobs landed."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orch_dagster.sample.contracts import CONTRACT_PATH, HOLDER_PATH
from orch_dagster.settings import REPOSITORY
from tests.commands import commands_of
from tests.expected import expected_rows
from tests.homes import BIZ_DT, Home

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

README = REPOSITORY / "examples" / "chain" / "README.md"
NAMES = ("t_contract", "t_product_premium", "t_status_count")
A, B, C = (f"etl_lnd_gels_chain_{name}" for name in NAMES)


@pytest.mark.spark
def test_the_chain_runs_in_order_and_lands_what_it_should(
    checkout: Home, spark: SparkSession
) -> None:
    assert_runs(checkout, spark)


def assert_runs(checkout: Home, spark: SparkSession) -> None:
    """The README's commands, and what becomes of them."""
    for command in commands_of(README):
        checkout.line(command)

    (a,), (b,), (c,) = (checkout.log_rows(job) for job in (A, B, C))
    assert {row["status"] for row in (a, b, c)} == {"Completed"}
    assert len({row["run_id"] for row in (a, b, c)}) == 1
    assert a["end_time"] <= min(b["start_time"], c["start_time"])
    assert max(b["start_time"], c["start_time"]) < min(b["end_time"], c["end_time"])
    assert_landed(spark, checkout.folder)

    too_soon = checkout.orch("run", B, "--biz-dt", "2024-05-16", check=False)
    assert too_soon.returncode != 0
    row = checkout.log_rows(B)[0]
    assert f"{A} (JOB_2001) has not completed 2024-05-16" in row["error_message"]
    assert row["spark_app_id"] is None


def assert_landed(spark: SparkSession, root: Path) -> None:
    files = (root / path.format(biz_dt=BIZ_DT) for path in (CONTRACT_PATH, HOLDER_PATH))
    contracts = expected_rows(*files, date.fromisoformat(BIZ_DT))
    spark.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
    parent, premiums, statuses = (
        spark.read.orc(str(root / "out" / "fdm_landing" / f"gels_chain_{name}")).collect()
        for name in NAMES
    )

    columns = ("product_code", "status_code", "currency_code", "premium_amt", "biz_dt")
    assert {row["contract_no"]: [row[name] for name in columns] for row in parent} == {
        key: [contract[name] for name in columns] for key, contract in contracts.items()
    }
    assert len(parent) == len(contracts)
    by_product: dict[tuple[str, str], list[Decimal]] = defaultdict(list)
    for contract in contracts.values():
        by_product[contract["product_code"], contract["currency_code"]].append(
            contract["premium_amt"]
        )
    assert {
        (row["product_code"], row["currency_code"]): (row["contract_count"], row["premium_amt"])
        for row in premiums
    } == {key: (len(amounts), sum(amounts)) for key, amounts in by_product.items()}
    assert {row["status_code"]: row["contract_count"] for row in statuses} == Counter(
        contract["status_code"] for contract in contracts.values()
    )
