"""The page of figures: `make bench` gives the command of each, and each tells the load."""

from __future__ import annotations

import re

import pytest

from orch_dagster.settings import REPOSITORY

# The second column of the table.
_COMMAND = re.compile(r"^\|[^|]*\| `(bench/[^`]*)` \|", re.MULTILINE)
_GIVEN = re.compile(r"^\t\$\(BIN\)/python (bench/.*)$", re.MULTILINE)

TABLE = _COMMAND.findall((REPOSITORY / "docs" / "performance.md").read_text(encoding="utf-8"))
GIVEN = _GIVEN.findall((REPOSITORY / "Makefile").read_text(encoding="utf-8"))


def test_make_bench_gives_every_command_of_the_table() -> None:
    assert TABLE
    assert set(TABLE) - set(GIVEN) == set()


@pytest.mark.parametrize("command", GIVEN)
def test_each_prints_the_load_beside_its_figures(command: str) -> None:
    text = (REPOSITORY / command.split()[0]).read_text(encoding="utf-8")
    assert "print(load_text()" in text or "getloadavg()" in text
