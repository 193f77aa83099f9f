"""Runs of a home that has an archive of Spark's classes, and builds of one that fail.

The archive is the one of these tests' own JVMs, which `tests/class_data.py` had the product build.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from orch_dagster.sample.rows import JOB_NAME
from orch_dagster.spark.class_data_build import build_class_data
from orch_dagster.spark.process import Command
from orch_dagster.toolchain.class_data import (
    ARCHIVE,
    archive_folder,
    building_folder,
    find_class_data,
    publish,
)
from orch_dagster.toolchain.errors import ClassDataError
from tests import class_data
from tests.homes import BIZ_DT, Home, copied_home
from tests.runs.spark.conftest import Bench

pytestmark = pytest.mark.spark


@pytest.fixture
def accelerated(sample_home: Home, tmp_path: Path, request: pytest.FixtureRequest) -> Home:
    """A home of the sample, with the archive, under a path of many signs."""
    assert request.config.cache is not None
    of_tests = request.config.cache.mkdir("class_data")
    if find_class_data(of_tests, class_data.classes_for(of_tests)[2]).state != "usable":
        class_data.archive_options(of_tests)
    home = copied_home(sample_home, tmp_path / "a home %;&='+$!@~^() ü")
    shutil.copytree(archive_folder(of_tests), archive_folder(home.folder / ".orch"))
    # Else all JVMs of these tests have it.
    home.environ.pop(class_data.VARIABLE, None)
    home.environ["JDK_JAVA_OPTIONS"] += f" -Xlog:class+load:file={tmp_path}/classes-%p.txt"
    return home


def loaded(home: Home) -> str:
    """What the JVMs of the home's runs say of where their classes came from."""
    logs = home.folder.parent.glob("classes-*.txt")
    return "\n".join(log.read_text(errors="replace") for log in logs)


def test_a_run_maps_its_drivers_classes_and_one_with_a_cut_archive_loads_them(
    accelerated: Home,
) -> None:
    of_archive = "org.apache.spark.SparkContext source: shared objects file (top)"
    of_jars = "org.apache.spark.SparkContext source: file:"

    accelerated.orch("run", JOB_NAME, "--biz-dt", BIZ_DT)

    assert of_archive in loaded(accelerated)
    assert of_jars not in loaded(accelerated)
    assert "usable" not in accelerated.here("accelerate").output
    assert "unchanged: " in accelerated.here("accelerate").output
    [archive] = archive_folder(accelerated.folder / ".orch").glob(f"*/{ARCHIVE}")
    # The JVM itself would crash with it.
    os.truncate(archive, archive.stat().st_size // 2)

    accelerated.orch("run", JOB_NAME, "--biz-dt", BIZ_DT)

    assert of_jars in loaded(accelerated)
    rows = accelerated.log_rows(JOB_NAME)
    assert [row["status"] for row in rows] == ["Completed", "Completed"]
    assert len({row["row_count"] for row in rows}) == 1
    logs = [log.read_text() for log in (accelerated.folder / "logs").iterdir()]
    assert not [log for log in logs if "[cds" in log or "shared archive" in log]
    assert "and was built with" in accelerated.here("doctor", check=False).output

    removed = accelerated.here("accelerate", "--remove").output
    assert "removed the archive" in removed
    assert "none; `orch accelerate` builds one" in accelerated.here("doctor", check=False).output


class Broken:
    """A landing that leaves something else than a whole archive."""

    def __init__(self, bench: Bench, source: str) -> None:
        self._bench = bench
        self._source = source

    def __call__(self, home: Path, java_options: str, environ: Mapping[str, str]) -> Command:
        return self._bench.python(self._source, str(home.parent / "files" / ARCHIVE))


@pytest.fixture
def programs(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


FULL_DISK = """
    import errno, os
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
"""
CUT_OFF = """
    import sys
    from pathlib import Path
    Path(sys.argv[1]).write_bytes(b"\\xf0" * 100_000)
"""
NOTHING = "print('done')"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (FULL_DISK, "No space left on device"),
        (NOTHING, "failed (exit code 0)"),
        (CUT_OFF, "a driver does not take the one that was written"),
    ],
)
def test_a_build_that_fails_says_why_and_leaves_what_was_there(
    tmp_path: Path, programs: Bench, source: str, words: str
) -> None:
    state = tmp_path / "home" / ".orch"
    java, spark, classes = class_data.classes_for(state)
    stale = building_folder(state)
    (stale / ARCHIVE).write_bytes(b"of the Java before")
    kept = publish(state, stale, class_data.classes_for(state)[2])
    os.truncate(kept / ARCHIVE, 3)

    with pytest.raises(ClassDataError) as refused:
        build_class_data(state, java, spark, classes, Broken(programs, source))

    assert words in str(refused.value)
    assert (kept / ARCHIVE).read_bytes() == b"of "
    assert sorted(each.name for each in archive_folder(state).iterdir()) == sorted(
        [kept.name, "no_conf"]
    )


def test_a_disk_without_the_space_is_refused_before_a_landing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / ".orch"
    java, spark, classes = class_data.classes_for(state)
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    def landing(*_: object) -> Command:
        raise AssertionError("a landing was prepared")

    with pytest.raises(ClassDataError, match="has 1 MB free, and a build needs 400 MB"):
        build_class_data(state, java, spark, classes, landing)
