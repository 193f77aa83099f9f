"""Landings that meet whatever may happen, in any order; tests/endurance draws more orders."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.landing_machine import DATES, SHORT, Landings, temporary_folders


def test_dates_stay_whole_and_rows_true(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Landings.tried.clear()
    with temporary_folders(tmp_path):
        run_state_machine_as_test(Landings, settings=SHORT)
    with capsys.disabled():
        print(f"\nlandings in any order: {dict(Landings.tried)}")  # noqa: T201
    assert set(Landings.tried) >= {
        "landed", "killed", "LockedError", "PublishError",
        "recovered rolled back", "recovered rolled forward",
    }  # fmt: skip


def test_a_lock_that_an_outage_left_alone_is_told_with_its_date(tmp_path: Path) -> None:
    """An order that was drawn once: the reply to the creation of a target's lock was lost."""
    with temporary_folders(tmp_path):
        landings = Landings()
        landings.open_first()
        landings.meet_outage(at=6, biz_dt=DATES[0], dies=False, span=2, when="after")
        landings.start_machine_again()
        landings.each_run_has_one_true_row()
        landings.dates_are_whole_in_a_recovered_copy()
        landings.teardown()
