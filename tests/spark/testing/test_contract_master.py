"""JOB_1001 on a few rows: what each rule of its HQL does at its edges."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from orch_dagster.kit import Landing
from orch_dagster.sample.rows import JOB_NAME

pytestmark = pytest.mark.spark

DATE = "2024-05-15"
CONTRACT: dict[str, Any] = {
    "contract_no": "C1",
    "holder_id": "H1",
    "product_code": "00417",
    "product_name": "Term",
    "status_code": "IF",
    "currency_code": "EUR",
    "sum_assured": "1000.00",
    "premium": "10.50",
    "outstanding": "-3.25",
    "issue_date": "2020-02-29",
    "effective_date": "01/03/2020",
    "expiry_date": "",
    "agent_code": "A1",
    "remarks": "",
    "revision_no": "1",
    "update_ts": "2024-05-14 10:00:00",
}
HOLDER: dict[str, Any] = {
    "holder_id": "H1",
    "full_name": "Ada",
    "birth_date": "10/12/1815",
    "address": "St James's Sq, London",
    "country_code": "GB",
    "update_ts": "2024-05-01 00:00:00",
}


def contract(**cells: str) -> dict[str, Any]:
    return {**CONTRACT, **cells}


def holder(**cells: str) -> dict[str, Any]:
    return {**HOLDER, **cells}


def rows_of(
    landing: Landing, contracts: list[dict[str, Any]], holders: list[dict[str, Any]] | None = None
) -> list[dict[str, Any]]:
    given = [HOLDER] if holders is None else holders
    return landing.hql(f"{JOB_NAME}.hql", biz_dt=DATE, row1=contracts, row2=given).rows


def test_a_row_is_typed_and_joined_with_its_holder(landing: Landing) -> None:
    landed = landing.job(JOB_NAME, biz_dt=DATE, row1=[CONTRACT], row2=[HOLDER])

    assert landed.rows == [
        {
            "contract_no": "C1",
            "product_code": "00417",
            "product_name": "Term",
            "status_code": "IF",
            "currency_code": "EUR",
            "sum_assured_amt": Decimal("1000.00"),
            "premium_amt": Decimal("10.50"),
            "outstanding_amt": Decimal("-3.25"),
            "issue_date": date(2020, 2, 29),
            "effective_date": date(2020, 3, 1),
            "expiry_date": None,
            "agent_code": "A1",
            "remarks": None,
            "holder_id": "H1",
            "holder_name": "Ada",
            "holder_birth_date": date(1815, 12, 10),
            "holder_address": "St James's Sq, London",
            "holder_country_code": "GB",
            "revision_no": 1,
            "source_update_ts": datetime(2024, 5, 14, 10),
            "biz_dt": DATE,
        }
    ]
    assert landed.columns["premium_amt"] == "decimal(18,2)"


def test_no_value_is_spelt_in_several_ways(landing: Landing) -> None:
    spelt = ["", "  ", "NULL", " NULL ", "\\N"]
    contracts = [
        contract(contract_no=f"C{place}", premium=cell, issue_date=cell, holder_id=cell)
        for place, cell in enumerate(spelt)
    ]
    # Nor is a holder without an id that of a contract without one.
    rows = rows_of(landing, contracts, [HOLDER, holder(holder_id="NULL")])

    names = ("contract_no", "premium_amt", "issue_date", "holder_id", "holder_name")
    assert [[row[name] for name in names] for row in rows] == [
        [f"C{place}", None, None, None, None] for place in range(len(spelt))
    ]


def test_a_word_that_holds_a_token_is_a_value(landing: Landing) -> None:
    (row,) = rows_of(landing, [contract(remarks="NULLIFIED", agent_code="null")])

    assert (row["remarks"], row["agent_code"]) == ("NULLIFIED", "null")


def test_the_newest_row_of_a_contract_wins_wherever_it_stands(landing: Landing) -> None:
    rows = rows_of(
        landing,
        [
            contract(contract_no="C1", status_code="NEW", update_ts="15/05/2024 08:00:00"),
            contract(contract_no=" C1 ", status_code="OLD", update_ts="2024-05-14 23:59:59"),
            # At one time the higher revision wins, as a number: 10 after 9.
            contract(contract_no="C2", status_code="R10", revision_no="10"),
            contract(contract_no="C2", status_code="R9", revision_no="9"),
        ],
    )

    assert [(row["contract_no"], row["status_code"]) for row in rows] == [
        ("C1", "NEW"),
        ("C2", "R10"),
    ]


def test_a_holder_that_is_repeated_multiplies_nothing_and_an_absent_one_loses_nothing(
    landing: Landing,
) -> None:
    rows = rows_of(
        landing,
        [contract(contract_no="C1"), contract(contract_no="C2", holder_id="H2")],
        [holder(address="Old"), holder(address="New", update_ts="02/05/2024 00:00:00")],
    )

    assert [(row["contract_no"], row["holder_id"], row["holder_address"]) for row in rows] == [
        ("C1", "H1", "New"),
        ("C2", "H2", None),
    ]


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param({"premium": "ten"}, id="an amount that is none"),
        pytest.param({"issue_date": "2023-02-29"}, id="a day that there is not"),
        pytest.param({"effective_date": "12/31/2020"}, id="month first"),
        pytest.param({"premium": "99999999999999999.00"}, id="an amount that has no room"),
    ],
)
def test_what_cannot_be_read_fails_the_job(landing: Landing, cells: dict[str, str]) -> None:
    with pytest.raises(Exception, match=r"CAST_INVALID_INPUT|CANNOT_PARSE|NUMERIC_VALUE_OUT"):
        rows_of(landing, [contract(**cells)])


def test_a_row_with_too_few_cells_fails_the_job_and_lands_nothing(landing: Landing) -> None:
    with pytest.raises(Exception, match="MALFORMED_RECORD"):
        landing.job(JOB_NAME, biz_dt=DATE, row1=",".join(CONTRACT) + "\nC1,H1\n", row2=[HOLDER])

    assert not list(landing.root.rglob("*.orc"))
