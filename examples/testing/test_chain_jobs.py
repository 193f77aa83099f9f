"""The jobs of examples/chain on a few rows."""

from decimal import Decimal

import pytest

from framework.errors import EmptyResultError
from orch_dagster.kit import Landing

CONTRACTS = """\
contract_no,product_code,status_code,currency_code,premium,revision_no,update_ts
C1,TERM,IF,EUR,10.50,1,2024-05-14 10:00:00
C1 ,TERM,LAPSED,EUR,12.00,2,15/05/2024 08:00:00
C2,LIFE,IF,EUR,,1,2024-05-14 10:00:00
"""


def test_the_newest_row_of_a_contract_is_landed(landing: Landing):
    landed = landing.job("etl_lnd_gels_chain_t_contract", biz_dt="2024-05-15", row1=CONTRACTS)

    assert [(row["contract_no"], row["status_code"]) for row in landed.rows] == [
        ("C1", "LAPSED"),
        ("C2", "IF"),
    ]
    assert landed.rows[0]["premium_amt"] == Decimal("12.00")
    assert landed.columns["premium_amt"] == "decimal(18,2)"


def test_a_child_reads_what_its_parent_landed(landing: Landing):
    landing.job("etl_lnd_gels_chain_t_contract", biz_dt="2024-05-15", row1=CONTRACTS)
    landed = landing.job("etl_lnd_gels_chain_t_status_count", biz_dt="2024-05-15")

    assert landed.rows == [
        {"status_code": "IF", "contract_count": 1, "biz_dt": "2024-05-15"},
        {"status_code": "LAPSED", "contract_count": 1, "biz_dt": "2024-05-15"},
    ]


def test_premiums_are_added_exactly(landing: Landing):
    contracts = landing.frame(
        [("TERM", "EUR", Decimal("0.10"))] * 3,
        "product_code STRING, currency_code STRING, premium_amt DECIMAL(18, 2)",
    )
    file = "etl_lnd_gels_chain_t_product_premium.hql"
    (row,) = landing.hql(file, biz_dt="2024-05-15", row1=contracts).rows

    assert (row["contract_count"], row["premium_amt"]) == (3, Decimal("0.30"))


def test_an_extract_without_contracts_is_refused(landing: Landing):
    header = CONTRACTS.splitlines()[0]
    with pytest.raises(EmptyResultError):
        landing.job("etl_lnd_gels_chain_t_contract", biz_dt="2024-05-15", row1=header)
