"""A home whose disk is full, that can't be written, or that loses Dagster's storage under a run.

The disk is real: a small file system in memory, which only an administrator of the machine may
mount. The job's process is real too; Python stands in for Spark (see plain_spark).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.endurance.short_runs import short_job
from tests.homes import BIZ_DT, Home, home_of_job
from tests.plain_spark import plain_spark

JOB = "etl_lnd_ins_sys_t"
CONTEXT = {
    "sources": [{"format": "csv", "path": "in/{biz_dt}.csv"}],
    "hql": "land.hql",
    "sinks": [{"format": "csv", "path": "out", "partition_cols": ["biz_dt"]}],
}
SHORT = Path(str(short_job.__file__)).read_text(encoding="utf-8")
FILL = """
    with (root / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
"""
FILLS = SHORT.replace('    at("work")\n', '    at("work")' + FILL)
DELETES = """
    import shutil
    shutil.rmtree(root / ".orch" / "dagster")
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its spark-submit is of POSIX")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 60 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=60m", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this system lets no test mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def home_on(disk: Path, script: str) -> Home:
    made = home_of_job(disk / "home", JOB, script, CONTEXT, {"land.hql": "SELECT * FROM row1"})
    made.environ["ORCH_SPARK_HOME"] = str(plain_spark(disk.with_name("spark"), "-SE"))
    made.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    return made


def run(home: Home) -> list[str]:
    """Run the job, which fails; return the sentences on stderr that begin with orch."""
    done = home.orch("run", JOB, "--biz-dt", BIZ_DT, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    for word in ("Traceback", "[SQL:", "Exception while"):
        assert word not in done.stdout + done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("orch: ")]


def test_a_disk_that_a_run_fills_keeps_why_it_failed(disk: Path) -> None:
    home = home_on(disk, FILLS)
    (sentence,) = run(home)
    dagster = home.folder / ".orch" / "dagster"
    assert sentence.startswith(f"orch: Dagster's storage ({dagster}) can't be used: ")
    assert "No space left on device; free space on its disk" in sentence
    (home.folder / "filler").unlink()
    # The store's file may have had room for one row more.
    was_written = [row["status"] for row in home.log_rows(JOB)] != ["Started"]

    assert home.json("log", "rebuild")["written"] == int(not was_written)
    (row,) = home.log_rows(JOB)
    assert row["status"].startswith("Failed: exit code 1: OSError: [Errno 28] No space left")
    assert row["spark_app_id"].startswith("local-")
    assert home.json("log", "rebuild")["written"] == 0
    assert list((home.folder / ".orch" / "kept").iterdir()) == []


def test_without_dagsters_storage_a_run_that_landed_says_so(disk: Path) -> None:
    home = home_on(disk, SHORT.replace('    at("work")\n', '    at("work")' + DELETES))
    (sentence,) = run(home)
    assert sentence == (
        f"orch: Dagster's storage ({home.folder / '.orch' / 'dagster'}) can't be used: unable to "
        "open database file; look whether its files are there and may be written"
    )
    (row,) = home.log_rows(JOB)
    assert row["status"] == "Completed"
    assert list((home.folder / "out" / f"biz_dt={BIZ_DT}").iterdir())


def test_a_home_that_cannot_be_written_is_one_sentence_of_each_command(disk: Path) -> None:
    home = home_on(disk, SHORT)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    commands = [
        ["run", JOB, "--biz-dt", BIZ_DT],
        ["due"],
        ["recover"],
        ["log"],
        ["log", "rebuild"],
        ["init"],
        ["apply", "rows.yaml"],
    ]
    for words in commands:
        done = home.orch(*words, check=False)
        assert done.returncode == 1, words
        *warnings, sentence = done.stderr.splitlines()
        assert all(line.startswith("warning: ") for line in warnings), (words, done.stderr)
        assert sentence.startswith("orch: "), (words, done.stderr)
        assert "Read-only file system" in sentence
    found = home.orch("doctor", check=False).stdout
    assert f"nothing can be written in {home.folder}" in found
