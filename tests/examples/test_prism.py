"""Claims that nobody here wrote, by the commands of the README, compared by Python's csv."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orch_dagster.settings import REPOSITORY
from tests.docs.commands import commands_of
from tests.examples.registries import read_registry
from tests.homes import Home

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

README = REPOSITORY / "examples" / "prism" / "README.md"
JOB = "etl_lnd_prism_claims_t_claim"
# The first, one in the middle that the README lands, the last.
DATES = [row["biz_dt"] for row in read_registry("prism")["process_control"]][::2]


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


@pytest.mark.spark
def test_counts_and_sums_of_every_column_and_date(checkout: Home, spark: SparkSession) -> None:
    for command in commands_of(README):
        checkout.line(command)
    by_readme = checkout.log_rows(JOB)[0]["biz_dt"]
    for biz_dt in set(DATES) - {by_readme}:
        checkout.orch("run", JOB, "--biz-dt", biz_dt)

    claims = read_claims(checkout.folder / "data" / "prism" / "prism.csv")
    spark.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
    landed = spark.read.orc(str(checkout.folder / "out/fdm_landing/prism_claims_t_claim"))
    rows = landed.collect()
    assert landed.columns == [*COLUMNS, "biz_dt"]
    assert {row["biz_dt"] for row in rows} == set(DATES)
    for biz_dt in DATES:
        of_date = [row for row in rows if row["biz_dt"] == biz_dt]
        reported = [c for c in claims if us_date(c["ReportDate"]).isoformat() == biz_dt]
        assert len(of_date) == len(reported) > 0
        for name, (source, understood) in COLUMNS.items():
            wanted = [understood(claim[source]) for claim in reported]
            values = [row[name] for row in of_date]
            assert Counter(values) == Counter(wanted), (biz_dt, name)
            if isinstance(wanted[0], int | Decimal):
                assert sum(values) == sum(wanted), (biz_dt, name)


def read_claims(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        claims = list(csv.DictReader(file, strict=True))
    # The file is the one we know.
    assert len(claims) == 34_244
    assert list(claims[0]) == [source for source, _ in COLUMNS.values()]
    return claims
