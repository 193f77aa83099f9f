"""The pure unit tests that take longer on Windows than its tier has."""

from __future__ import annotations

import shutil

import pytest

from tests.windows_machine import windows_machine


@pytest.mark.timeout(1800)
@pytest.mark.skipif(shutil.which("wine") is None, reason="wine is not installed")
def test_the_contract_and_the_stores_hold() -> None:
    with windows_machine() as machine:
        machine.check_units(("tests/unit/framework/contract", "tests/unit/control"))
