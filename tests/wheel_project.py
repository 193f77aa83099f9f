"""A wheel in an environment of its own, and the projects that its user makes: no clone in sight."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from importlib import metadata
from pathlib import Path

from orch_dagster.settings import REPOSITORY
from tests.homes import Home

_SOURCES = ("orch_dagster", "jobs", "hql", "examples/chain", "examples/testing", "docs/kudu")
_FILES = ("pyproject.toml", "setup.py", "README.md", "dagster.yaml", "workspace.yaml")
# What a user calls that other packages bring; here they are run by the environment's own Python.
_COMMANDS = {"dagster": "dagster", "dg": "dagster-dg-cli", "pytest": "pytest"}


def built_wheel(folder: Path) -> Path:
    """The wheel of the repository, built from a copy: setuptools leaves files beside sources."""
    source = folder / "source"
    for name in _SOURCES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, source / name, ignore=ignored)
    for name in _FILES:
        shutil.copyfile(REPOSITORY / name, source / name)
    _pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(source))
    shutil.rmtree(source)
    (wheel,) = folder.glob("*.whl")
    return wheel


def installed(wheel: Path, folder: Path) -> dict[str, str]:
    """Install a wheel into a new environment; return the variables of a user who activated it.

    Its dependencies are those of this interpreter, whose own orch_dagster, an editable one, no
    path names there: only the .pth file of a folder that Python itself knows is read.
    """
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    (packages,) = {folder / Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))}
    _pip("--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    for command, distribution in _COMMANDS.items():
        _write_command(scripts / command, python, command, distribution)
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("ORCH_", "DAGSTER_", "PYTHON"))
    }
    return {**kept, "PATH": os.pathsep.join([str(scripts), kept["PATH"]])}


def project_in(folder: Path, environ: dict[str, str]) -> Home:
    """A project that `orch new` made there; commands in it need no variable."""
    around = Home(folder.parent, environ)
    around.orch("new", folder.name)
    return Home(folder, environ)


def _write_command(script: Path, python: Path, name: str, distribution: str) -> None:
    (entry,) = metadata.distribution(distribution).entry_points.select(
        group="console_scripts", name=name
    )
    called = f"from {entry.module} import {entry.attr}\nsys.exit({entry.attr}())"
    script.write_text(f"#!{python}\nimport sys\n{called}\n", encoding="utf-8")
    script.chmod(0o755)


def _pip(*words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
