"""A home for commands that are given in the test's own process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.homes import Home, copied_home


@pytest.fixture
def sample(_sample: Home, home: Path) -> Path:
    """The home of the test with the sample in it."""
    return copied_home(_sample, home).folder
