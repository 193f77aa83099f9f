"""Nothing private of Dagster is reached but through dagster_internals."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import dagster
import pytest
from dagster import DagsterInstance
from dagster._annotations import is_public

import orch_dagster

PACKAGE = Path(orch_dagster.__file__).parent
DOOR = PACKAGE / "defs" / "dagster_internals"
PYPROJECT = PACKAGE.parent / "pyproject.toml"


def test_the_linter_bans_each_private_package() -> None:
    private = {path.stem for path in Path(dagster.__file__).parent.glob("_[a-z]*")}
    banned = PYPROJECT.read_text(encoding="utf-8")
    missing = sorted(name for name in private if f'"dagster.{name}".msg = ' not in banned)
    assert missing == []


def undocumented() -> frozenset[str]:
    """The names of DagsterInstance that its reference leaves out."""
    members = [
        (name, getattr(member, "fget", None) or getattr(member, "__func__", member))
        for of in DagsterInstance.__mro__
        for name, member in vars(of).items()
    ]
    documented = {name for name, member in members if is_public(member)}
    return frozenset(name for name, _ in members) - documented


def uses(path: Path) -> Iterator[tuple[int, str]]:
    """Each attribute that a module takes of something called instance."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            of = node.value
            name = of.id if isinstance(of, ast.Name) else getattr(of, "attr", "")
            if name in ("instance", "_instance"):
                yield node.lineno, node.attr


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if DOOR not in path.parents)


def test_the_rest_uses_an_instance_as_documented() -> None:
    known = undocumented()
    assert {"add_run_tags", "get_runs", "event_log_storage"} <= known
    assert "get_run_records" not in known
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: instance.{name}"
        for path in MODULES
        for line, name in uses(path)
        if name in known
    ]
    assert found == []


@pytest.mark.parametrize("path", sorted(DOOR.glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_each_file_says_what_is_missing_what_it_buys_and_when_it_can_go(path: Path) -> None:
    about = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    about = " ".join(about.split())
    for words in ("Missing: ", "Buys: ", "Can go when "):
        assert words in about
    assert Path(__file__).with_name(f"test_{path.stem}.py").is_file()
