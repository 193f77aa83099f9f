"""Landings that meet whatever may happen, in any order; tests/endurance draws more orders."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.landing_machine import SHORT, Landings, temporary_folders


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
