from __future__ import annotations

from datetime import date

import pytest

from framework.contract.placeholders import fill

DATES: dict[str, date | None] = {
    "biz_dt": date(2024, 5, 15), "start_dt": date(2024, 5, 1), "end_dt": None
}  # fmt: skip


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("in/{biz_dt}.csv", "in/2024-05-15.csv"),
        ("in/{biz_dt:%Y%m%d}/{start_dt:%d.%m.}.csv", "in/20240515/01.05..csv"),
        ("in/{{a,b}}/*.csv", "in/{a,b}/*.csv"),
        ("plain", "plain"),
    ],
)
def test_fill(template: str, filled: str) -> None:
    assert fill(template, DATES) == filled


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{bizdt}", r"unknown placeholder \{bizdt\}.*known: \{biz_dt\}"),
        ("{biz_dt!r}", r"unknown placeholder \{biz_dt!r\}"),
        ("{biz_dt.year}", r"unknown placeholder \{biz_dt.year\}"),
        ("{}", r"unknown placeholder \{\}"),
        ("{end_dt}", r"\{end_dt\} in '\{end_dt\}' has no value"),
        ("{biz_dt", "expected '}'"),
    ],
)
def test_fill_refuses(template: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        fill(template, DATES)
