"""Each name that both sides must agree on is spelled in the contract and nowhere else."""

from __future__ import annotations

import ast
from pathlib import Path

from framework.contract import variables
from orch_dagster.control.secret_rows import is_own_variable
from orch_dagster.settings import REPOSITORY

NAMES = {
    value for name, value in vars(variables).items() if name.isupper() and isinstance(value, str)
}


def spelled_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in NAMES
    }


def test_no_other_module_spells_a_variable() -> None:
    assert "JOB_PARAMS_FILE" in NAMES
    assert len(NAMES) == 12
    own = Path(variables.__file__).resolve()
    assert spelled_in(own) == NAMES
    found = {
        file.relative_to(REPOSITORY).as_posix(): names
        for folder in ("orch_dagster", "jobs")
        for file in (REPOSITORY / folder).rglob("*.py")
        if file.resolve() != own and (names := spelled_in(file))
    }
    assert found == {}


def test_no_secret_may_take_the_place_of_a_variable() -> None:
    assert all(is_own_variable(name) for name in NAMES)
