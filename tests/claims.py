"""The claims of prism.csv as Python reads them, apart from Spark."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from orch_dagster.settings import REPOSITORY

README = REPOSITORY / "examples" / "prism" / "README.md"
JOB = "etl_lnd_prism_claims_t_claim"


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


def read_claims(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        claims = list(csv.DictReader(file, strict=True))
    # The file is the one we know.
    assert len(claims) == 34_244
    assert list(claims[0]) == [source for source, _ in COLUMNS.values()]
    return claims
