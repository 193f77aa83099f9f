"""The commands by which a class-data archive is built and proved, apart from the build itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orch_dagster.spark.class_data_build import output_of
from orch_dagster.toolchain.errors import ClassDataError
from tests.runs.spark.conftest import MARK, Bench

pytestmark = pytest.mark.usefixtures("own_threads")

STARTER = """
    import subprocess, sys
    subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
    print("proof")
    sys.exit(int(sys.argv[1]))
"""


def test_its_output_is_returned_and_nothing_of_it_is_left(bench: Bench, tmp_path: Path) -> None:
    """Under the supervisor, as a run: on Windows that makes what Spark's scripts need."""
    argv = bench.python(STARTER, "0").argv
    assert output_of(argv, tmp_path, {**os.environ, MARK: bench.mark}, what="a test") == "proof"
    bench.assert_nothing_left()


def test_a_failure_has_the_end_of_its_output(bench: Bench, tmp_path: Path) -> None:
    argv = bench.python(STARTER, "3").argv
    with pytest.raises(ClassDataError, match=r"(?s)a test \(exit code 3\).*proof$"):
        output_of(argv, tmp_path, {**os.environ, MARK: bench.mark}, what="a test")
    bench.assert_nothing_left()
