"""How long a connection waits for a lock of SQLite."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from orch_dagster.defs.dagster_internals.sqlite_locks import wait_for_sqlite_locks


@pytest.mark.parametrize(
    ("own", "waits_ms"), [({}, 60_000), ({"timeout": 2}, 2_000), ({"timeout": 90}, 90_000)]
)
def test_only_the_drivers_own_time_is_raised(own: dict[str, int], waits_ms: int) -> None:
    wait_for_sqlite_locks()
    wait_for_sqlite_locks()
    engine = sa.create_engine("sqlite://", connect_args=own)
    with engine.connect() as connection:
        assert connection.execute(sa.text("PRAGMA busy_timeout")).scalar() == waits_ms
