from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orch_dagster.sample.contracts import write_extract
from tests.examples.registries import context_params, read_registry
from tests.sample.expected import expected_rows
from tests.sample.local_spark import land

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BIZ_DT = date(2024, 5, 15)
REGISTRY = read_registry("chain")


@pytest.mark.spark
def test_children_add_up_what_the_parent_landed(spark: SparkSession, tmp_path: Path) -> None:
    contracts = expected_rows(*write_extract(tmp_path, BIZ_DT, contract_count=2_000), BIZ_DT)

    parent = land(spark, context_params(REGISTRY, "JOB_2001"), tmp_path, BIZ_DT).collect()
    premiums = land(spark, context_params(REGISTRY, "JOB_2002"), tmp_path, BIZ_DT).collect()
    statuses = land(spark, context_params(REGISTRY, "JOB_2003"), tmp_path, BIZ_DT).collect()

    columns = ("product_code", "status_code", "currency_code", "premium_amt", "biz_dt")
    assert {row["contract_no"]: [row[name] for name in columns] for row in parent} == {
        key: [contract[name] for name in columns] for key, contract in contracts.items()
    }
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
