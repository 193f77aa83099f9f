"""A home that the version before made goes on: its store, its runs, its cut-off landing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.homes import Home, home_at
from tests.recorded_home import CHILD, PARENT, unpack


@pytest.fixture
def recorded_home(tmp_path: Path) -> Home:
    """The recorded home, as if it had been made here."""
    unpack(tmp_path / "home")
    return home_at(tmp_path / "home")


def test_a_home_of_the_version_before_goes_on(recorded_home: Home) -> None:
    home = recorded_home
    assert {job["job_name"] for job in home.json("jobs")} == {PARENT, CHILD}
    rows = home.json("log")
    assert [(row["job_name"], row["biz_dt"], row["status"].partition(":")[0]) for row in rows] == [
        (PARENT, "2024-05-16", "Failed"),
        (CHILD, "2024-05-15", "Completed"),
        (PARENT, "2024-05-15", "Completed"),
    ]
    # The events of its runs are read as they were written, and amount to the rows that are there.
    assert home.json("log", "rebuild") == {
        "runs": 2, "rows": 3, "written": 0, "died": [], "unknown": [], "unended": []
    }  # fmt: skip
    assert home.json("log") == rows

    landed = home.folder / "out" / "t_parent" / "biz_dt=2024-05-15"
    assert not landed.exists()
    (recovered,) = home.json("recover")
    assert recovered["outcome"] == "recovered"
    assert [*landed.glob("*.orc")]
    assert home.json("recover") == []

    # The run reads the date that the version before landed, to count the changes since.
    home.orch("run", PARENT, "--biz-dt", "2024-05-16")
    (newest, *older) = home.json("log")
    assert (newest["job_name"], newest["biz_dt"], newest["status"]) == (
        PARENT,
        "2024-05-16",
        "Completed",
    )
    assert older == rows
    log = max((home.folder / "logs").glob("*.log"), key=lambda file: file.name)
    assert "since 2024-05-15 0 rows inserted, 0 updated, 0 deleted, 3 unchanged" in log.read_text(
        encoding="utf-8"
    )
