"""Which files go, by real files of every age."""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from orch_dagster.run_log import old_logs, old_params, remove

NOW = datetime.now(timezone.utc)
BEFORE = NOW - timedelta(days=30)
OLD = "0a0a0a0a-0000-4000-8000-000000000000"
GOING = "0b0b0b0b-0000-4000-8000-000000000000"
NEW = "0c0c0c0c-0000-4000-8000-000000000000"


def aged(path: Path, days: float) -> Path:
    at = (NOW - timedelta(days=days)).timestamp()
    os.utime(path, (at, at))
    return path


def log(folder: Path, run_id: str, days: float) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"job_2024-05-15_01-02-03_{run_id[:8]}.log"
    path.write_text("x\n")
    return aged(path, days)


def params(folder: Path, run_id: str, days: float, of_folder: float | None = None) -> Path:
    path = folder / run_id
    path.mkdir(parents=True)
    (path / "a.json").write_text("{}")
    aged(path / "a.json", days)
    return aged(path, days if of_folder is None else of_folder)


def test_logs_that_are_old_and_whose_run_is_over(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    old = log(logs, OLD, 31)
    log(logs, NEW, 29)
    log(logs, GOING, 400)
    for name in ("job_mine.log", "job_2024-05-15_01-02-03_0d0d0d0d.log.gz", "notes.txt"):
        (logs / name).write_text("x")
        aged(logs / name, 400)
    folder = logs / "job_2024-05-15_01-02-03_0e0e0e0e.log"
    folder.mkdir()
    aged(folder, 400)

    assert old_logs(logs, BEFORE, {GOING}) == [old]


def test_parameters_that_are_old_and_whose_run_is_over(tmp_path: Path) -> None:
    folder = tmp_path / "params"
    old = params(folder, OLD, 31)
    params(folder, NEW, 29)
    params(folder, GOING, 400)
    # Made long ago, written to of late.
    params(folder, "0d0d0d0d-0000-4000-8000-000000000000", 2, of_folder=400)
    params(folder, "mine", 400)
    (folder / "a.json").write_text("{}")
    aged(folder / "a.json", 400)

    assert old_params(folder, BEFORE, {GOING}) == [old]


def test_before_anything_ran(tmp_path: Path) -> None:
    assert old_logs(tmp_path / "logs", BEFORE, ()) == []
    assert old_params(tmp_path / "params", BEFORE, ()) == []


def test_files_and_folders_are_gone_and_the_rest_stays(tmp_path: Path) -> None:
    files = [log(tmp_path / "logs", OLD, 31), params(tmp_path / "params", OLD, 31)]
    table = files[1] / "job.warehouse" / "t"
    table.mkdir(parents=True)
    (table / "part-0.orc").write_text("")
    stays = log(tmp_path / "logs", NEW, 29)

    removal = remove([*files, tmp_path / "somebody was faster"])
    assert (removal.removed, removal.failed) == (2, {})
    assert [path.exists() for path in files] == [False, False]
    assert stays.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a folder is no lock there")
def test_what_cannot_be_removed_is_named_and_the_rest_goes(tmp_path: Path) -> None:
    stuck = params(tmp_path / "params", OLD, 31)
    (stuck / "somebody's folder").mkdir()
    goes = log(tmp_path / "logs", OLD, 31)

    removal = remove([stuck, goes])
    assert removal.removed == 1
    assert list(removal.failed) == [stuck]
    assert not goes.exists()
