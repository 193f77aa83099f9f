"""Write the files of a new project."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template

from orch_dagster.errors import OrchError
from orch_dagster.files import discard
from orch_dagster.shipped import SHIPPED

_FILES = Path(__file__).with_name("files")
_SUFFIX = ".tmpl"
# Files of the clone that a project has too; the guide's commands name the examples.
_OF_CLONE = (
    "dagster.yaml",
    "workspace.yaml",
    "examples/chain/README.md",
    "examples/chain/registry.yaml",
    "examples/testing/conftest.py",
    "examples/testing/test_chain_jobs.py",
)
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class ProjectExistsError(OrchError):
    """A file of a project that is to be made is there already."""


def write_project(folder: Path) -> list[Path]:
    """Write the files of a project into a folder, which may hold others; return their paths.

    Raises:
        ProjectExistsError: If a file is there already; names all, and nothing is written.
    """
    contents = _contents(folder.name)
    if existing := [name for name in contents if os.path.lexists(folder / name)]:
        raise ProjectExistsError(
            f"{folder} has {', '.join(existing)}, which a new project would replace; choose "
            "another folder, or move them away"
        )
    written: list[Path] = []
    try:
        for name, content in contents.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                written.append(path)
                file.write(content)
    except BaseException:
        # Else a second try would be refused.
        for path in written:
            discard(path)
        raise
    return written


def _contents(folder_name: str) -> Mapping[str, str]:
    """Return the text of each file by its path below the project."""
    values = {"name": _NO_NAME.sub("-", folder_name).strip("-._") or "landing"}
    contents = {
        name: Template(path.read_text(encoding="utf-8")).substitute(values)
        if name in ("README.md", "pyproject.toml")
        else path.read_text(encoding="utf-8")
        for name, path in _templates()
    }
    return contents | {name: (SHIPPED / name).read_text(encoding="utf-8") for name in _OF_CLONE}


def _templates() -> Iterator[tuple[str, Path]]:
    for path in sorted(_FILES.rglob(f"*{_SUFFIX}")):
        yield path.relative_to(_FILES).as_posix().removesuffix(_SUFFIX), path
