"""The chain's HQL at its edges; examples/testing has its ordinary rows."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orch_dagster.kit import Landing

pytestmark = pytest.mark.spark

DATE = "2024-05-15"
SCHEMA = "product_code STRING, status_code STRING, currency_code STRING, premium_amt DECIMAL(18, 2)"


def test_of_several_rows_of_a_contract_the_newest_is_left(landing: Landing) -> None:
    names = "contract_no,product_code,status_code,currency_code,premium,revision_no,update_ts"
    rows = [
        # By time, in either spelling; then by revision, as a number; blanks do not count.
        "C1,P,old,EUR,1,7,2024-05-14 23:59:59",
        " C1,P,new,EUR,1,1,15/05/2024 00:00:00",
        "C2,P,new,EUR,1,10,15/05/2024 00:00:00",
        "C2 ,P,old,EUR,1,9,2024-05-15 00:00:00",
        "C3,P,only,EUR,,1,2024-05-15 00:00:00",
    ]
    result = landing.hql(
        "etl_lnd_gels_chain_t_contract.hql", biz_dt=DATE, row1="\n".join([names, *rows])
    )

    assert [(row["contract_no"], row["status_code"]) for row in result.rows] == [
        ("C1", "new"),
        ("C2", "new"),
        ("C3", "only"),
    ]
    assert [row["premium_amt"] for row in result.rows] == [1, 1, None]
    assert result.columns["premium_amt"] == "decimal(18,2)"


def test_premiums_by_product_and_currency(landing: Landing) -> None:
    most = Decimal("9999999999999999.99")
    row1 = landing.frame(
        [
            ("P1", "IF", "EUR", Decimal("0.10")),
            ("P1", "IF", "EUR", None),
            ("P1", "IF", "GBP", Decimal("-0.01")),
            ("P2", "IF", None, None),
            # The sum has more digits than any of its parts.
            ("P3", "IF", "JPY", most),
            ("P3", "IF", "JPY", most),
        ],
        SCHEMA,
    )
    file = "etl_lnd_gels_chain_t_product_premium.hql"
    rows = landing.hql(file, biz_dt=DATE, row1=row1).rows

    assert [tuple(row.values()) for row in rows] == [
        ("P1", "EUR", 2, Decimal("0.10"), DATE),
        ("P1", "GBP", 1, Decimal("-0.01"), DATE),
        ("P2", None, 1, None, DATE),
        ("P3", "JPY", 2, 2 * most, DATE),
    ]


def test_contracts_by_status_with_those_that_have_none(landing: Landing) -> None:
    row1 = landing.frame([{"status_code": "IF"}, {"status_code": "IF"}, {}], SCHEMA)
    rows = landing.hql("etl_lnd_gels_chain_t_status_count.hql", biz_dt=DATE, row1=row1).rows

    assert [tuple(row.values()) for row in rows] == [(None, 1, DATE), ("IF", 2, DATE)]
