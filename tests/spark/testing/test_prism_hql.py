"""The HQL of examples/prism at its edges."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from framework.errors import EmptyResultError
from orch_dagster.kit import Landing

pytestmark = pytest.mark.spark

JOB = "etl_lnd_prism_claims_t_claim"
DATE = "2010-04-19"
CLAIM: dict[str, str | None] = {
    "ClaimNo": "1",
    "AccidentDate": "2010-02-28",
    "ReportDate": "4/19/2010",
    "Line": "Auto",
    "Type": "PD",
    "ClaimLiability": "False",
    "Limit": "20000.0",
    "Deductible": "1000",
    "TotalPayment": "1234.56789012345678",
    "PaymentDate": "2010-06-01",
    "CloseDate": "12/1/2010",
    "Status": "CLOSED",
    "reportedCount": "1",
    "closedPaidCount": "0",
    "closedUnPaidCount": "1",
    "openCount": "0",
    "Paid": "0.00000000000001",
    "Outstanding": "0",
    "Incurred": "-0.00000000000001",
}


def test_claims_reported_on_the_date_keep_every_decimal(landing: Landing) -> None:
    landed = landing.job(
        JOB,
        biz_dt=DATE,
        row1=[
            CLAIM,
            {**CLAIM, "ClaimNo": "2", "ReportDate": "04/19/2010", "PaymentDate": None, "Paid": ""},
            {**CLAIM, "ClaimNo": "3", "ReportDate": "4/20/2010"},
            {**CLAIM, "ClaimNo": "4", "ReportDate": None},
        ],
    )

    first, second = landed.rows
    assert first == {
        "claim_no": 1,
        "accident_date": date(2010, 2, 28),
        "report_date": date(2010, 4, 19),
        "line": "Auto",
        "type": "PD",
        "claim_liability": False,
        "limit_amt": Decimal("20000.00"),
        "deductible_amt": Decimal("1000.00"),
        "total_payment_amt": Decimal("1234.56789012345678"),
        "payment_date": date(2010, 6, 1),
        "close_date": date(2010, 12, 1),
        "status": "CLOSED",
        "reported_count": 1,
        "closed_paid_count": 0,
        "closed_unpaid_count": 1,
        "open_count": 0,
        "paid_amt": Decimal("0.00000000000001"),
        "outstanding_amt": Decimal(0),
        "incurred_amt": Decimal("-0.00000000000001"),
        "biz_dt": DATE,
    }
    assert second["claim_no"] == 2
    assert second["report_date"] == date(2010, 4, 19)
    assert (second["payment_date"], second["paid_amt"]) == (None, None)
    assert landed.columns["claim_liability"] == "boolean"


def test_a_date_without_claims_is_refused(landing: Landing) -> None:
    with pytest.raises(EmptyResultError, match=DATE):
        landing.job(JOB, biz_dt=DATE, row1=[{**CLAIM, "ReportDate": "4/20/2010"}])


@pytest.mark.parametrize(
    "cells", [{"ReportDate": "19/4/2010"}, {"AccidentDate": "2/28/2010"}, {"Limit": "unlimited"}]
)
def test_what_cannot_be_read_fails_the_job(landing: Landing, cells: dict[str, str]) -> None:
    properties = {"spark.sql.ansi.enabled": "true"}
    with pytest.raises(Exception, match=r"CAST_INVALID_INPUT|CANNOT_PARSE"):
        landing.hql(f"{JOB}.hql", biz_dt=DATE, row1=[{**CLAIM, **cells}], sys_params=properties)
