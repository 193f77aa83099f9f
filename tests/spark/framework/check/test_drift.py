"""Columns that are others than those of the last landing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from framework.errors import SchemaDriftError
from tests.landing_home import Home, sink
from tests.samples import DATE

if TYPE_CHECKING:
    pass

pytestmark = pytest.mark.spark

BEFORE, AFTER = "2024-05-14", "2024-05-16"
HQL = "SELECT CAST(id AS INT) AS id, name, region FROM row1"
OTHER = "SELECT CAST(id AS BIGINT) AS Id, region, DATE '2024-01-01' AS since FROM row1"


@pytest.fixture
def home(home: Home) -> Home:
    for biz_dt in (BEFORE, DATE, AFTER):
        home.source("id,name,region\n1,a,01\n", biz_dt)
    return home


@pytest.mark.parametrize("format", ["orc", "parquet"])
@pytest.mark.parametrize("setting", ["report", "refuse"])
def test_is_reported_or_refused(home: Home, format: str, setting: str) -> None:
    """Against the date before; the partition columns are no part of it, nor is the case."""
    sinks = [sink("csv", "out/c/{biz_dt}"), sink(format, "out/t", "biz_dt", "region")]
    system = {"schema.drift": setting}
    assert home.land(BEFORE, sinks=sinks, hql=HQL).drift is None
    assert home.land(AFTER, sinks=sinks, hql=OTHER).drift is not None
    same = home.land(sinks=sinks, hql=HQL, system=system).drift
    assert same is not None
    assert (same.against, same.added, same.missing, same.changed) == (BEFORE, (), (), ())
    if setting == "refuse":
        with pytest.raises(SchemaDriftError) as refused:
            home.land(sinks=sinks, hql=OTHER, system=system)
        assert (
            "other columns than on 2024-05-14: since date is new, name string is missing, "
            "Id was int, is bigint; nothing was published"
        ) in str(refused.value)
        stays = home.spark.read.format(format).load(str(home.root / f"out/t/biz_dt={DATE}"))
        assert stays.columns == ["id", "name", "region"]
        assert home.leftovers() == []
        return
    drift = home.land(sinks=sinks, hql=OTHER, system=system).drift
    assert drift is not None
    assert drift.added == ({"name": "since", "type": "date"},)
    assert drift.missing == ({"name": "name", "type": "string"},)
    assert drift.changed == ({"name": "Id", "from": "int", "to": "bigint"},)


def test_without_a_date_before_the_newest_after_it_is_the_last_landing(home: Home) -> None:
    """The date's own old rows are none: else what is wrong with them could not be put right."""
    home.land(hql=HQL)
    assert home.land(hql=OTHER).drift is None
    home.land(AFTER, hql=HQL)
    drift = home.land(hql=OTHER, system={"schema.drift": "report"}).drift
    assert drift is not None
    assert (drift.against, len(drift.changed)) == (AFTER, 1)


def test_a_format_without_columns_is_not_compared(home: Home) -> None:
    sinks = [sink("csv", "out/c", "biz_dt"), sink("json", "out/j", "biz_dt")]
    home.land(BEFORE, sinks=sinks, hql=HQL)
    assert home.land(sinks=sinks, hql=OTHER, system={"schema.drift": "refuse"}).drift is None
