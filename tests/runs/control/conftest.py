from __future__ import annotations

import pytest

from tests.store_places import StorePlace, sqlite_place


@pytest.fixture
def place(request: pytest.FixtureRequest) -> StorePlace:
    """An empty place for SQLite."""
    return sqlite_place(request)
