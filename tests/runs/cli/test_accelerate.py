"""Builds of an archive of Spark's classes that fail.

One that succeeds is that of these tests' own JVMs: tests/class_data.py.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from orch_dagster.spark.class_data_build import build_class_data
from orch_dagster.spark.process import Command
from orch_dagster.toolchain.class_data import (
    ARCHIVE,
    archive_folder,
    building_folder,
    publish,
)
from orch_dagster.toolchain.errors import ClassDataError
from tests import class_data
from tests.runs.spark.conftest import Bench

pytestmark = pytest.mark.spark


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
