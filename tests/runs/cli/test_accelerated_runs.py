"""Runs of a home that has an archive of Spark's classes: the one of these tests' own JVMs."""

from __future__ import annotations

import mmap
import os
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from orch_dagster.sample.rows import JOB_NAME
from orch_dagster.toolchain.class_data import ARCHIVE, archive_folder, find_class_data
from orch_dagster.toolchain.find import find_java, find_spark
from tests import class_data
from tests.homes import BIZ_DT, Home, copied_home

pytestmark = pytest.mark.spark

OF_ARCHIVE = "org.apache.spark.SparkContext source: shared objects file (top)"
OF_JARS = "org.apache.spark.SparkContext source: file:"


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


def used_collectors(folder: Path) -> set[str]:
    """Return the collectors of the JVMs; the one of a driver, and the serial one of its script."""
    logs = "".join(log.read_text() for log in folder.glob("collectors-*.txt"))
    return set(re.findall(r"Using (\w+)", logs))


def replaced(archive: Path, before: bytes, after: bytes) -> None:
    """Replace what an archive has once; its size and time stay as its manifest has them."""
    stated = archive.stat()
    with archive.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        place = content.find(before)
        assert place >= 0
        assert content.find(before, place + 1) < 0
        content[place : place + len(before)] = after
    os.utime(archive, ns=(stated.st_atime_ns, stated.st_mtime_ns))


def of_another_java(home: Home, archive: Path) -> None:
    version = find_java(os.environ).version.encode()
    replaced(archive, b"Server VM (" + version, b"Server VM (" + version[:-1] + b"?")


def of_other_jars(home: Home, archive: Path) -> None:
    """The JVM keeps the time and the size of each jar, side by side."""
    (core,) = (find_spark(os.environ).home / "jars").glob("spark-core_*.jar")
    stated = core.stat()
    before, after = (
        struct.pack("=qq", int(time_s), stated.st_size)
        for time_s in (stated.st_mtime, stated.st_mtime + 1)
    )
    replaced(archive, before, after)


def of_the_java_before(home: Home, archive: Path) -> None:
    """Java has another version since, as an update leaves it."""
    before, after = find_java(os.environ), home.folder.parent / "java"
    after.mkdir()
    for part in before.home.iterdir():
        (after / part.name).symlink_to(part)
    (after / "release").unlink(missing_ok=True)
    (after / "release").write_text('JAVA_VERSION="17.0.99"\n')
    home.environ["JAVA_HOME"] = str(after)


@pytest.mark.parametrize(
    ("spoil", "of_doctor", "is_mapped"),
    [
        # Only the JVM can tell, and it does not.
        (of_another_java, "used by each driver", True),
        (of_other_jars, "used by each driver", True),
        (of_the_java_before, "not used: it was built for others: Java was 17.", False),
    ],
)
def test_a_run_with_the_archive_of_others_loads_its_classes_from_the_jars_without_a_word(
    accelerated: Home, spoil: Callable[[Home, Path], None], of_doctor: str, *, is_mapped: bool
) -> None:
    [archive] = archive_folder(accelerated.folder / ".orch").glob(f"*/{ARCHIVE}")
    spoil(accelerated, archive)
    assert of_doctor in " ".join(accelerated.here("doctor", check=False).output.split())

    accelerated.orch("run", JOB_NAME, "--biz-dt", BIZ_DT)

    assert OF_JARS in loaded(accelerated)
    assert OF_ARCHIVE not in loaded(accelerated)
    (row,) = accelerated.log_rows(JOB_NAME)
    assert (row["status"], row["row_count"], row["attempts"]) == ("Completed", 20_000, 1)
    (log,) = (accelerated.folder / "logs").glob("job_*.log")
    lines = log.read_text(encoding="utf-8").splitlines()
    (command,) = [line for line in lines if "[orch] running " in line]
    assert (ARCHIVE in command) == is_mapped
    lines.remove(command)
    words = (ARCHIVE, "shared archive", "[cds", "CDS")
    assert [line for line in lines if any(word in line for word in words)] == []


def test_a_run_maps_its_drivers_classes_and_one_with_a_cut_archive_loads_them(
    accelerated: Home, tmp_path: Path
) -> None:
    # As on a machine that names no collector.
    of_tests = accelerated.environ["JDK_JAVA_OPTIONS"].replace("-XX:+UseSerialGC", "")
    collectors = f" -Xlog:gc:file={tmp_path}/collectors-%p.txt"
    accelerated.environ["JDK_JAVA_OPTIONS"] = of_tests + collectors
    accelerated.orch("run", JOB_NAME, "--biz-dt", BIZ_DT)

    assert OF_ARCHIVE in loaded(accelerated)
    assert used_collectors(tmp_path) == {"Parallel", "Serial"}
    assert OF_JARS not in loaded(accelerated)
    assert "unchanged: " in accelerated.here("accelerate").output
    [archive] = archive_folder(accelerated.folder / ".orch").glob(f"*/{ARCHIVE}")
    # The JVM itself would crash with it.
    os.truncate(archive, archive.stat().st_size // 2)
    accelerated.set_params({"spark.driver.extraJavaOptions": "-XX:+UseG1GC"}, {})

    accelerated.orch("run", JOB_NAME, "--biz-dt", BIZ_DT)

    assert OF_JARS in loaded(accelerated)
    assert used_collectors(tmp_path) == {"Parallel", "Serial", "G1"}
    rows = accelerated.log_rows(JOB_NAME)
    assert [row["status"] for row in rows] == ["Completed", "Completed"]
    assert len({row["row_count"] for row in rows}) == 1
    logs = [log.read_text() for log in (accelerated.folder / "logs").iterdir()]
    assert not [log for log in logs if "[cds" in log or "shared archive" in log]
    assert "and was built with" in accelerated.here("doctor", check=False).output

    removed = accelerated.here("accelerate", "--remove").output
    assert "removed the archive" in removed
    assert "none; `orch accelerate` builds one" in accelerated.here("doctor", check=False).output
