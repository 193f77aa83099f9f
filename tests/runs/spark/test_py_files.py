"""The archives of a job, in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from orch_dagster.spark.py_files import framework_archive, pipes_archive
from tests.unit.spark.test_py_files import make_framework


def test_archives_can_be_imported_from(tmp_path: Path) -> None:
    paths = [framework_archive(make_framework(tmp_path), tmp_path / "c"), pipes_archive(tmp_path)]
    code = f"import sys; sys.path[:0] = {[str(p) for p in paths]}; import framework, dagster_pipes"
    code += "; assert '.zip' in dagster_pipes.__file__ and framework.X == 1"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
