"""NUL and U+FFFD in what lands, as an encoding that is not the source's leaves them behind."""

from __future__ import annotations

import pytest

from framework.errors import DamagedTextError
from tests.landing_home import Home, sink
from tests.samples import DATE

pytestmark = pytest.mark.spark

TEXTS = "SELECT * FROM VALUES (1, 'Jos\ufffd', 'a'), (2, NULL, 'b\\0'), (3, 'x\ufffd', 'c\ufffd')"
REPORT = {"checks.text": "report"}
REFUSE = {"checks.text": "refuse"}


def land(
    home: Home, sinks: list[dict[str, object]], system: dict[str, str] | None = None
) -> object:
    home.source("x\n1\n")
    hql = f"{TEXTS} AS t (id, name, `no.te`)"
    return home.land(hql=hql, sinks=sinks, system=system).damaged_text


@pytest.mark.parametrize(
    "sinks",
    [
        [sink("orc", "out/t", "biz_dt")],
        [sink("parquet", "out/t", "biz_dt", "name"), sink("json", "out/u", "biz_dt")],
    ],
)
def test_they_are_counted_by_column(home: Home, sinks: list[dict[str, object]]) -> None:
    assert land(home, sinks, REPORT) == {"name": 2, "no.te": 2}
    (told,) = home.told("landing")
    assert told["damaged_text"] == {"name": 2, "no.te": 2}


def test_bytes_that_are_no_text_beyond_the_first_ones(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"{number},Zoe\n" for number in range(10_000))
    home.source(f"id,name\n{rows}")
    assert home.land().damaged_text is None
    home.source(f"id,name\n{rows}10000,Zo\xeb\n", encoding="iso-8859-1")
    assert home.land(system={"checks.text": "off"}).damaged_text is None
    assert home.land().damaged_text == {"name": 1}
    assert "csv, line 10002 holds U+FFFD (a character that was lost" in capsys.readouterr().err
    assert home.land(hql="SELECT id FROM row1").damaged_text == {}
    with pytest.raises(DamagedTextError, match=r"name \(1 row\); nothing was"):
        home.land(hql="SELECT * FROM row1", system=REFUSE)


def test_they_are_refused_where_asked(home: Home) -> None:
    home.source("id,name\n1,Zoe\n")
    assert home.land(system=REFUSE).damaged_text == {}
    with pytest.raises(DamagedTextError, match=r"name \(2 rows\), no.te \(2 rows\); nothing was"):
        land(home, [sink("orc", "out/t", "biz_dt")], REFUSE)
    assert home.rows() == [("1", "Zoe", DATE)]
    assert home.leftovers() == []


def test_rows_without_texts_and_no_rows_have_none(home: Home) -> None:
    home.source("x\n1\n")
    assert home.land(hql="SELECT 1 AS id", system=REPORT).damaged_text == {}
    nothing = "SELECT x FROM row1 WHERE x = 2"
    assert home.land(hql=nothing, allow_empty=True, system=REPORT).damaged_text == {}
