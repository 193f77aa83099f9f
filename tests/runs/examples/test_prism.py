"""Claims that nobody here wrote, by the commands of the README, compared by Python's csv."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.claims import COLUMNS, JOB, README, read_claims, us_date
from tests.commands import commands_of
from tests.homes import Home
from tests.registries import read_registry

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# The first, one in the middle that the README lands, the last.
DATES = [row["biz_dt"] for row in read_registry("prism")["process_control"]][::2]


@pytest.mark.spark
def test_counts_and_sums_of_every_column_and_date(checkout: Home, spark: SparkSession) -> None:
    for command in commands_of(README):
        checkout.line(command)
    by_readme = checkout.log_rows(JOB)[0]["biz_dt"]
    others = sorted(set(DATES) - {by_readme})
    checkout.orch("run", JOB, *(word for biz_dt in others for word in ("--biz-dt", biz_dt)))

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
