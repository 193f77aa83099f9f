"""Which date lies in a sink before another."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from framework.check.previous_date import History, Landed
from framework.params_loader import parse_params
from framework.plan import plan_landing
from framework.storage.local import LocalFileSystem
from tests.samples import document

DAY = date(2024, 5, 15)


def history(root: Path, path: str, *cols: str) -> History:
    sink: dict[str, Any] = {"format": "orc", "path": path, "partition_cols": list(cols)}
    params = parse_params(document(sinks=[sink]), "p.json")
    return History(LocalFileSystem(), plan_landing(params, DAY, root.as_posix()).sinks[0], DAY)


def put(root: Path, *folders: str) -> None:
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / "part-0").write_text("x")


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("out/100%_t", "out/100%_t/biz_dt=%Y-%m-%d"),
        ("out/{biz_dt}", "out/%Y-%m-%d"),
        ("out/{biz_dt:%Y}/{biz_dt:%Y%m%d}", "out/%Y/%Y%m%d"),
        ("out/x{biz_dt:%Y/%m/%d}y/t", "out/x%Y/%m/%dy/t"),
        ("out/{biz_dt:%Y-%j}", "out/%Y-%j"),
    ],
)
def test_the_nearest_before_and_the_newest_after(tmp_path: Path, path: str, form: str) -> None:
    def folder(day: date) -> str:
        return day.strftime(form.replace("100%_", "100%%_"))

    cols = ["biz_dt"] if "biz_dt=" in form else []
    held = [date(2019, 12, 31), date(2024, 2, 29), DAY, date(2024, 6, 1), date(2025, 1, 1)]
    put(tmp_path, *[folder(day) for day in held[2:]])
    found = history(tmp_path, path, *cols)
    assert found.before() is None
    assert found.last() == Landed(held[4], (tmp_path / folder(held[4])).as_posix(), 1)
    put(tmp_path, *[folder(day) for day in held])
    # Without a data file it is no landing.
    (tmp_path / folder(date(2024, 5, 14))).mkdir(parents=True)
    found = history(tmp_path, path, *cols)
    assert found.before() == found.last()
    assert found.before() == Landed(held[1], (tmp_path / folder(held[1])).as_posix(), 1)


def test_paths_that_hold_other_dates_have_no_history(tmp_path: Path) -> None:
    put(tmp_path, "out/2024-05-14/2024-05-01")
    assert history(tmp_path, "out/{biz_dt}/{start_dt}").last() is None


def test_nothing_has_landed_yet(tmp_path: Path) -> None:
    assert history(tmp_path, "out/t", "biz_dt").last() is None
    (tmp_path / "out" / "t" / "_landing").mkdir(parents=True)
    assert history(tmp_path, "out/t", "biz_dt").last() is None
