"""A home that the version before made goes on: its store, its runs, its cut-off landing.

It was made by that version in /srv/landing: a chain landed for 2024-05-15; a run of 2024-05-16 that
failed, its file was not there; and a second landing of 2024-05-15 that died in its swap, with the
old folder aside and the new one not yet in.
"""

from __future__ import annotations

import json
import socket
import zipfile
from pathlib import Path

import pytest

from tests.homes import Home, home_at

RECORDED = Path(__file__).parents[1] / "recorded" / "home_of_the_version_before.zip"
MADE_IN = "/srv/landing"
PARENT, CHILD = "etl_lnd_ins_sys_t_parent", "etl_lnd_ins_sys_t_child"
JOURNAL = f"out/t_parent/_landing/{PARENT}/2024-05-15/journal.json"


@pytest.fixture
def recorded_home(tmp_path: Path) -> Home:
    """The recorded home, as if it had been made here."""
    folder = tmp_path / "home"
    with zipfile.ZipFile(RECORDED) as archive:
        archive.extractall(folder)
    for name in (".env", JOURNAL):
        file = folder / name
        text = file.read_text(encoding="utf-8").replace(MADE_IN, folder.as_posix())
        file.write_text(text, encoding="utf-8")
    journal = json.loads((folder / JOURNAL).read_text(encoding="utf-8"))
    journal["owner"]["host"] = socket.gethostname()
    (folder / JOURNAL).write_text(json.dumps(journal), encoding="utf-8")
    return home_at(folder)


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
    assert home.json("log", "rebuild") == {"runs": 2, "rows": 3, "written": 0, "died": []}
    assert home.json("log") == rows

    landed = home.folder / "out" / "t_parent" / "biz_dt=2024-05-15"
    assert not landed.exists()
    (recovered,) = home.json("recover")
    assert recovered["outcome"] == "recovered"
    assert [*landed.glob("*.orc")]
    assert home.json("recover") == []

    # It reads the date that the version before landed, to count the changes since.
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
