"""Runs of a home that has an archive of Spark's classes: the one of these tests' own JVMs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from orch_dagster.sample.rows import JOB_NAME
from orch_dagster.toolchain.class_data import ARCHIVE, archive_folder, find_class_data
from tests import class_data
from tests.homes import BIZ_DT, Home, copied_home

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
    """Return where the JVMs of the home's runs say that their classes came from."""
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
