"""More orders of what may happen to landings than tests/unit draws, others each time.

ORDERS is how many (150). In CI they are always the same: a build fails by what was changed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.landing_machine import SHORT, Landings, temporary_folders

ORDERS = int(os.environ.get("ORDERS", "150"))
_SAME = "CI" in os.environ


@pytest.mark.timeout(900)
def test_dates_stay_whole_and_rows_true(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    longer = settings(SHORT, max_examples=ORDERS, stateful_step_count=30, derandomize=_SAME)
    Landings.tried.clear()
    with temporary_folders(tmp_path):
        run_state_machine_as_test(Landings, settings=longer)
    with capsys.disabled():
        print(f"\nlandings in any order: {dict(Landings.tried)}")  # noqa: T201
