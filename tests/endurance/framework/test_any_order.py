"""More orders of what may happen to landings than tests/unit draws, others each time."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.landing_machine import SHORT, Landings, temporary_folders


@pytest.mark.timeout(900)
def test_dates_stay_whole_and_rows_true(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    longer = settings(SHORT, max_examples=150, stateful_step_count=30, derandomize=False)
    Landings.tried.clear()
    with temporary_folders(tmp_path):
        run_state_machine_as_test(Landings, settings=longer)
    with capsys.disabled():
        print(f"\nlandings in any order: {dict(Landings.tried)}")  # noqa: T201
