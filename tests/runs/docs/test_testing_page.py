"""docs/testing.md: its example is the one in examples/, and runs where there is no Dagster."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orch_dagster.settings import REPOSITORY
from tests.commands import commands_of, files_of
from tests.homes import Home

PAGE = REPOSITORY / "docs" / "testing.md"


def test_the_page_shows_the_files_of_the_example() -> None:
    shown = files_of(PAGE)
    assert len(shown) == 2
    for name, content in shown.items():
        assert content == (REPOSITORY / name).read_text(encoding="utf-8"), name


@pytest.mark.spark
def test_the_example_passes_without_dagster(checkout: Home, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    for name in ("dagster", "dagster_pipes"):
        (blocked / name).mkdir(parents=True)
        (blocked / name / "__init__.py").write_text('raise ImportError("jobs run without it")\n')
    path = [str(blocked), checkout.environ["PYTHONPATH"]]
    checkout.environ["PYTHONPATH"] = os.pathsep.join(path)
    (command,) = commands_of(PAGE)

    assert "4 passed" in checkout.line(command).stdout
    left = {each.name for each in checkout.folder.iterdir()}
    assert left.isdisjoint({"out", "data", "params", "logs", "spark-warehouse", "derby.log"})
