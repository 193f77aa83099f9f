"""Each module of the core alone in its own interpreter: nothing heavy, whoever comes first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orch_dagster.settings import REPOSITORY

HEAVY = {"dagster", "dagster_pipes", "pyspark", "py4j", "jpype", "kudu"}
PACKAGE = REPOSITORY / "orch_dagster"
JOBS = REPOSITORY / "jobs"
# The Dagster adapter is what the core stays free of.
ADAPTER = PACKAGE / "defs"
CORE = sorted(
    path.relative_to(REPOSITORY).with_suffix("").as_posix().replace("/", ".")
    for path in PACKAGE.rglob("*.py")
    if path.name not in ("__init__.py", "__main__.py", "definitions.py")
    and ADAPTER not in path.parents
)


def imported(module: str, path: Path = REPOSITORY, **env: str) -> set[str]:
    """Top-level names in sys.modules after importing one module with nothing else on the path."""
    program = "import importlib, sys; importlib.import_module(sys.argv[1]); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program, module],
        cwd=path,
        env={**os.environ, "PYTHONPATH": str(path), **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_the_modules_are_found() -> None:
    assert {
        "orch_dagster.control.sql",
        "orch_dagster.spark.command",
        "orch_dagster.registry.graph",
    } <= {*CORE}


@pytest.mark.parametrize("module", CORE)
def test_a_module_of_the_core_loads_nothing_heavy(module: str) -> None:
    assert imported(module).isdisjoint(HEAVY)


@pytest.mark.parametrize(
    "module",
    sorted(
        ".".join(path.relative_to(JOBS).with_suffix("").parts).removesuffix(".__init__")
        for path in (JOBS / "framework").rglob("*.py")
    ),
)
def test_a_module_of_the_framework_stands_alone(module: str, tmp_path: Path) -> None:
    # A copy of the folder, as --py-files carries it: nothing of the repository beside it.
    (tmp_path / "framework").symlink_to(REPOSITORY / "jobs" / "framework")
    assert imported(module, tmp_path).isdisjoint(HEAVY | {"orch_dagster"})


def test_the_code_location_reads_not_even_its_settings_on_import(tmp_path: Path) -> None:
    found = imported(
        "orch_dagster.definitions",
        ORCH_HOME=str(tmp_path),
        ORCH_FIRST_BIZ_DT="soon",
        ORCH_CONTROL_URL="nothing",
    )

    assert "dagster" in found
    assert list(tmp_path.iterdir()) == []
