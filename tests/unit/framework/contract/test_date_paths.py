"""The rule on forms of dates, held against all dates one by one."""

from __future__ import annotations

import posixpath
import sys
from datetime import date, timedelta
from typing import Any

import pytest

from framework.contract import date_paths
from framework.contract.business_dates import FIRST_DATE, LAST_DATE
from framework.contract.date_paths import dates_of_one_folder
from framework.contract.placeholders import fill
from tests.both_sides import faults_of_apply, faults_of_run

DAYS = [FIRST_DATE + timedelta(n) for n in range((LAST_DATE - FIRST_DATE).days + 1)]
WINDOW = date(2024, 5, 1)
# Before the field of a number without zeros.
BARE = "%#" if sys.platform == "win32" else "%-"
# The fields that Windows' strftime does not have.
NOT_ON_WINDOWS = {"-d", "-m", "-j", "P"} if sys.platform == "win32" else set[str]()

GOOD = (
    "{biz_dt:%Y%m%d}",
    "{biz_dt:%Y}/{biz_dt:%j}",
    "{biz_dt:%Y}/x/{biz_dt:%m}{biz_dt:%d}",
    "{biz_dt:%d%b%Y}",
    "{biz_dt:%G-W%V-%u}",
    f"{{biz_dt:%Y-{BARE}m-{BARE}d}}",
    "{biz_dt:%y}/{biz_dt:%C}/{biz_dt:%j}",
    "{start_dt}/{biz_dt}/100%",
    "a/../{biz_dt}",
    "{biz_dt:%Y%W%a}",
    "{biz_dt:%A%B}/x1{biz_dt}",
)
SHARED = {
    "out": ("1900-01-01", "1900-01-02"),
    "{start_dt}": ("1900-01-01", "1900-01-02"),
    "out/{biz_dt:%j}": ("1900-01-01", "1901-01-01"),
    "{biz_dt:%A}": ("1900-01-01", "1900-01-08"),
    "{biz_dt:%U-%w}": ("1900-01-02", "1901-01-01"),
    "{biz_dt:%W/%a}": ("1900-01-01", "1901-01-07"),
    "{biz_dt:%y%m%d}": ("1900-01-01", "2000-01-01"),
    "{biz_dt:%Y%m}": ("1900-01-01", "1900-01-02"),
    "{biz_dt:%d%m}/{end_dt:%Y}": ("1900-01-01", "1901-01-01"),
    f"{{biz_dt:%Y{BARE}m{BARE}d}}": ("1900-01-11", "1900-11-01"),
    "{biz_dt:%Y-%V-%u}": ("1900-12-31", "1900-01-01"),
    "{biz_dt:%Y}/{biz_dt:%m}/../{biz_dt:%d}": ("1900-01-01", "1900-02-01"),
    "{biz_dt}/..": ("1900-01-01", "1900-01-02"),
    "{biz_dt:%F/..}": ("1900-01-01", "1900-01-02"),
    "{biz_dt:%Y%m/%d/..}": ("1900-01-01", "1900-01-02"),
    "{biz_dt:%F/}.{start_dt:.}": ("1900-01-01", "1900-01-02"),
    "{biz_dt}/{biz_dt:.%Z.}": ("1900-01-01", "1900-01-02"),
    "{biz_dt:%%Y%%m%%d}": ("1900-01-01", "1900-01-02"),
}  # fmt: skip


def one_by_one(path: str) -> tuple[date, date] | None:
    """The first two dates of one folder, without a word of the rule's own reasoning."""
    seen: dict[str, date] = {}
    for day in DAYS:
        filled = fill(path, {"biz_dt": day, "start_dt": WINDOW, "end_dt": WINDOW})
        earlier = seen.setdefault(posixpath.normpath(filled), day)
        if earlier != day:
            return earlier, day
    return None


@pytest.mark.parametrize("path", GOOD)
def test_a_form_with_a_folder_for_each_date_is_taken(path: str) -> None:
    assert dates_of_one_folder(path) is None
    assert one_by_one(path) is None


@pytest.mark.parametrize("path", SHARED)
def test_a_form_of_which_two_dates_share_a_folder_is_not(path: str) -> None:
    pair = dates_of_one_folder(path)
    assert pair == one_by_one(path)
    assert pair is not None
    assert {each.isoformat() for each in pair} == {*SHARED[path]}


def test_fields_that_are_taken_without_a_look_tell_the_date() -> None:
    """Each has one width on all dates, and some of them together another text on each."""
    for field in date_paths._FIXED_WIDTH:
        assert len({len(day.strftime(f"%{field}")) for day in DAYS[::97]}) == 1, field
    for fields in date_paths._TELLING:
        form = "".join(f"%{field}" for field in sorted(fields))
        assert len({day.strftime(form) for day in DAYS}) == len(DAYS), form


def test_a_folder_that_tells_the_date_needs_no_look_at_all_dates() -> None:
    """Else each of thousands of jobs with a number in such a path costs a tenth of a second."""
    date_paths._first_pair.cache_clear()
    for number in range(1_000):
        path = f"{{biz_dt:%A/%B}}/{number}{{biz_dt}}/{{biz_dt:%#d}}{{biz_dt:{BARE}j}}"
        assert dates_of_one_folder(path) is None
    assert date_paths._first_pair.cache_info().misses == 0
    for form in date_paths._IN_ONE_FOLDER - NOT_ON_WINDOWS:
        assert not any("/" in day.strftime(f"%{form}") for day in DAYS[::97]), form


def test_apply_and_a_run_name_two_dates() -> None:
    sink: dict[str, Any] = {"format": "orc", "path": "out/{biz_dt:%j}"}
    context = {"sources": [{"format": "csv", "path": "in.csv"}], "sinks": [sink]}
    fault = (
        "sinks[0].path: put biz_dt first in partition_cols, or the whole of it, as {biz_dt} is, "
        "into the path 'out/{biz_dt:%j}': else one date would replace another, as 1900-01-01 and "
        "1901-01-01"
    )
    assert faults_of_apply(context, "/data") == (fault,)
    assert faults_of_run(context, "/data", None) == (fault,)
    # A partition of its own tells the date, and a source may be as coarse as it is.
    context["sinks"] = [{**sink, "partition_cols": ["biz_dt"]}]
    context["sources"] = [{"format": "csv", "path": "in/{biz_dt:%Y%m}.csv"}]
    assert faults_of_apply(context, "/data") == ()
