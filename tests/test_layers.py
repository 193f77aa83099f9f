"""What imports what, seen in a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORE = (
    "import orch_dagster.control.connect, orch_dagster.registry, orch_dagster.bundle, "
    "orch_dagster.fetch, orch_dagster.execution_log, orch_dagster.spark.submit, "
    "orch_dagster.cli.main"
)


def loaded(statement: str, *, home: Path | None = None) -> set[str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "jobs")])}
    if home is not None:
        environ["ORCH_HOME"] = str(home)
    code = f"{statement}\nimport sys\nprint(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("heavy", ["dagster", "pyspark", "jpype", "kudu"])
def test_the_core_loads_nothing_heavy(heavy: str) -> None:
    assert heavy not in loaded(CORE)


@pytest.mark.parametrize("foreign", ["orch_dagster", "dagster", "pyspark"])
def test_the_framework_stands_alone(foreign: str) -> None:
    assert foreign not in loaded("import framework")


def test_the_code_location_reads_nothing_on_import(tmp_path: Path) -> None:
    assert "dagster" in loaded("import orch_dagster.definitions", home=tmp_path)
    assert list(tmp_path.iterdir()) == []
