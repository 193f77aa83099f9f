"""Builds of class-data archives at the same time: two in one home, and one in another."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from orch_dagster.sample.rows import JOB_NAME
from orch_dagster.toolchain.class_data import ARCHIVE, archive_folder
from tests import class_data
from tests.homes import BIZ_DT, Home, copied_home
from tests.waiting import wait_until

pytestmark = pytest.mark.spark


@pytest.fixture
def homes(sample_home: Home, tmp_path: Path) -> list[Home]:
    """Two homes of the sample, whose JVMs have no archive but their own."""
    made = [copied_home(sample_home, tmp_path / name) for name in ("first", "second")]
    for home in made:
        home.environ.pop(class_data.VARIABLE, None)
    return made


def kept(home: Home) -> list[str]:
    folder = archive_folder(home.folder / ".orch")
    return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []


def builds(home: Home) -> int:
    return len([name for name in kept(home) if name.startswith(".building-")])


def test_builds_at_once_leave_each_home_one_archive_that_its_runs_map(homes: list[Home]) -> None:
    first, second = homes
    with ExitStack() as started:
        processes = [
            started.enter_context(
                subprocess.Popen(
                    ["orch", "accelerate"],
                    env=home.environ,
                    cwd=home.folder,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
            for home in (first, first, second)
        ]
        wait_until(lambda: (builds(first), builds(second)) == (2, 1), "three builds at once")
        ends = [(process.communicate()[0], process.returncode) for process in processes]

    for output, code in ends:
        assert code == 0, output
        assert "built in " in output
    for home in homes:
        # Nothing of a build beside the archive and its empty folder of configuration.
        (of_classes,) = set(kept(home)) - {"no_conf"}
        assert (archive_folder(home.folder / ".orch") / of_classes / ARCHIVE).is_file()
        log = f"{home.folder.parent}/{home.folder.name}-%p.txt"
        home.environ["JDK_JAVA_OPTIONS"] += f" -Xlog:class+load:file={log}"
        home.orch("run", JOB_NAME, "--biz-dt", BIZ_DT)
        (row,) = home.log_rows(JOB_NAME)
        assert (row["status"], row["row_count"]) == ("Completed", 20_000)
        logs = home.folder.parent.glob(f"{home.folder.name}-*.txt")
        loaded = "\n".join(each.read_text(errors="replace") for each in logs)
        assert "org.apache.spark.SparkContext source: shared objects file (top)" in loaded
        assert "org.apache.spark.SparkContext source: file:" not in loaded
        assert home.processes() == []
