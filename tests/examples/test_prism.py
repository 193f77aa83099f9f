from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.examples.registries import context_params, read_registry
from tests.sample.local_spark import land

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

REGISTRY = read_registry("prism")
CONTEXT_PARAMS = context_params(REGISTRY, "JOB_3001")
OPEN_DATES = [date.fromisoformat(row["biz_dt"]) for row in REGISTRY["process_control"]]


def iso_date(cell: str) -> date:
    return datetime.strptime(cell, "%Y-%m-%d").date()


def us_date(cell: str) -> date:
    return datetime.strptime(cell, "%m/%d/%Y").date()


# Landed column: source column, and how its text is to be understood.
COLUMNS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "claim_no": ("ClaimNo", int),
    "accident_date": ("AccidentDate", iso_date),
    "report_date": ("ReportDate", us_date),
    "line": ("Line", str),
    "type": ("Type", str),
    "claim_liability": ("ClaimLiability", {"True": True, "False": False}.__getitem__),
    "limit_amt": ("Limit", Decimal),
    "deductible_amt": ("Deductible", Decimal),
    "total_payment_amt": ("TotalPayment", Decimal),
    "payment_date": ("PaymentDate", iso_date),
    "close_date": ("CloseDate", us_date),
    "status": ("Status", str),
    "reported_count": ("reportedCount", int),
    "closed_paid_count": ("closedPaidCount", int),
    "closed_unpaid_count": ("closedUnPaidCount", int),
    "open_count": ("openCount", int),
    "paid_amt": ("Paid", Decimal),
    "outstanding_amt": ("Outstanding", Decimal),
    "incurred_amt": ("Incurred", Decimal),
}


@pytest.fixture(scope="module")
def prism_root(prism_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    target = root / CONTEXT_PARAMS["sources"][0]["path"]
    target.parent.mkdir(parents=True)
    shutil.copyfile(prism_csv, target)
    return root


@pytest.fixture(scope="module")
def claims(prism_csv: Path) -> list[dict[str, str]]:
    with prism_csv.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_the_file_is_the_one_we_know(claims: list[dict[str, str]]) -> None:
    assert len(claims) == 34_244
    assert list(claims[0]) == [source for source, _ in COLUMNS.values()]


@pytest.mark.parametrize("biz_dt", OPEN_DATES, ids=date.isoformat)
def test_counts_and_sums_of_every_column(
    spark: SparkSession, prism_root: Path, claims: list[dict[str, str]], biz_dt: date
) -> None:
    landed = land(spark, CONTEXT_PARAMS, prism_root, biz_dt)
    rows = landed.collect()
    expected = [claim for claim in claims if us_date(claim["ReportDate"]) == biz_dt]

    assert landed.columns == [*COLUMNS, "biz_dt"]
    assert len(rows) == len(expected) > 0
    assert {row["biz_dt"] for row in rows} == {biz_dt.isoformat()}
    for name, (source, understood) in COLUMNS.items():
        wanted = [understood(claim[source]) for claim in expected]
        values = [row[name] for row in rows]
        assert Counter(values) == Counter(wanted), name
        if isinstance(wanted[0], int | Decimal):
            assert sum(values) == sum(wanted), name
