"""Which archive a driver uses, whatever lies where a home keeps it."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orch_dagster.toolchain import class_data
from orch_dagster.toolchain.class_data import (
    ARCHIVE,
    DriverClasses,
    archive_folder,
    building_folder,
    driver_classes,
    find_class_data,
    is_building,
    publish,
    remove_class_data,
)
from orch_dagster.toolchain.errors import ClassDataError
from orch_dagster.toolchain.find import JavaHome, SparkHome


class Machine:
    """A home beside a Java and a Spark, of which an archive knows only the files' facts."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "home" / ".orch"
        self.environ: dict[str, str] = {}
        self.defaults: dict[str, str] = {}
        java, spark = folder / "java", folder / "spark"
        (java / "lib" / "server").mkdir(parents=True)
        (java / "lib" / "server" / "libjvm.so").write_bytes(b"jvm")
        (java / "release").write_text('JAVA_VERSION="17.0.15"')
        (spark / "jars").mkdir(parents=True)
        (spark / "jars" / "spark-core_2.12-3.5.8.jar").write_bytes(b"core")
        self.java = JavaHome(java, "17.0.15", "PATH")
        self.spark = SparkHome(spark, "3.5.8", "pyspark", spark / "bin" / "spark-submit")

    @property
    def classes(self) -> DriverClasses:
        return driver_classes(self.state, self.java, self.spark, self.defaults, self.environ)

    def build(self, content: bytes = b"classes") -> Path:
        built = building_folder(self.state)
        (built / ARCHIVE).write_bytes(content)
        return publish(self.state, built, self.classes)

    def find(self) -> tuple[str, str]:
        found = find_class_data(self.state, self.classes)
        assert bool(found.files) == (found.state == "usable")
        return found.state, found.text


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_archive_is_found_by_who_has_the_same_classes(machine: Machine) -> None:
    assert machine.find()[0] == "missing"

    folder = machine.build()

    assert find_class_data(machine.state, machine.classes).files == (str(folder / ARCHIVE),)
    assert machine.find()[0] == "usable"


def _truncate(machine: Machine, archive: Path) -> None:
    os.truncate(archive, 3)


def _replace_by_foreign(machine: Machine, archive: Path) -> None:
    archive.unlink()
    archive.write_bytes(b"foreign")
    os.utime(archive, (1, 1))


def _delete(machine: Machine, archive: Path) -> None:
    archive.unlink()


def _cut_manifest(machine: Machine, archive: Path) -> None:
    os.truncate(archive.with_name("made_of.json"), 30)


def _write_other_manifest(machine: Machine, archive: Path) -> None:
    archive.with_name("made_of.json").write_text('{"files": [["driver.jsa"]], "parts": 3}')


def _delete_manifest(machine: Machine, archive: Path) -> None:
    archive.with_name("made_of.json").unlink()


def _update_java(machine: Machine, archive: Path) -> None:
    machine.java = replace(machine.java, version="17.0.16")


def _patch_java(machine: Machine, archive: Path) -> None:
    (machine.java.home / "lib" / "server" / "libjvm.so").write_bytes(b"another")


def _add_a_jar(machine: Machine, archive: Path) -> None:
    (machine.spark.home / "jars" / "ojdbc8.jar").write_bytes(b"driver")


def _change_the_class_path(machine: Machine, archive: Path) -> None:
    machine.defaults = {"spark.driver.extraClassPath": "/opt/more.jar"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_truncate, "has 3 bytes and was built with 7"),
        (_replace_by_foreign, "was changed since it was built"),
        (_delete, "can't be read ("),
        (_cut_manifest, "made_of.json can't be read"),
        (_write_other_manifest, "made_of.json can't be read"),
        (_delete_manifest, "made_of.json can't be read"),
        (_update_java, "Java was 17.0.15 at"),
        (_patch_java, "files of Java have changed"),
        (_add_a_jar, "files of Spark have changed"),
        (_change_the_class_path, "the class path was"),
    ],
)
def test_what_no_jvm_may_map_is_not_used_and_doctor_says_why(
    machine: Machine, change: Callable[[Machine, Path], None], words: str
) -> None:
    change(machine, machine.build() / ARCHIVE)

    state, text = machine.find()
    assert state == "stale"
    assert words in text
    assert "orch accelerate" in text

    # The next build replaces it, and it is the only one.
    machine.build()
    assert machine.find()[0] == "usable"
    assert len([each for each in kept(machine) if each != "no_conf"]) == 1


def kept(machine: Machine) -> list[str]:
    return sorted(each.name for each in archive_folder(machine.state).iterdir())


def test_of_two_builds_at_once_both_find_one_archive_whole(machine: Machine) -> None:
    first, second = building_folder(machine.state), building_folder(machine.state)
    (first / ARCHIVE).write_bytes(b"of the first")
    (second / ARCHIVE).write_bytes(b"of the second")
    assert machine.find()[0] == "missing"

    folders = [publish(machine.state, each, machine.classes) for each in (first, second)]

    assert folders[0] == folders[1]
    assert (folders[0] / ARCHIVE).read_bytes() == b"of the first"
    assert machine.find()[0] == "usable"
    assert kept(machine) == [machine.classes.key, "no_conf"]


def test_of_two_builds_that_end_in_one_moment_the_second_keeps_what_the_first_has_put_there(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = building_folder(machine.state), building_folder(machine.state)
    (first / ARCHIVE).write_bytes(b"of the first")
    (second / ARCHIVE).write_bytes(b"of the second")

    def after_the_first(built: Path, folder: Path) -> None:
        monkeypatch.undo()
        publish(machine.state, first, machine.classes)
        # Without the wait of Windows for a program that may have it open.
        built.replace(folder)

    monkeypatch.setattr(class_data, "put_in_place", after_the_first)

    folder = publish(machine.state, second, machine.classes)

    assert (folder / ARCHIVE).read_bytes() == b"of the first"
    assert machine.find()[0] == "usable"
    assert kept(machine) == [machine.classes.key, "no_conf"]


def test_two_homes_never_see_one_another(machine: Machine, tmp_path: Path) -> None:
    machine.build()
    here, machine.state = machine.state, tmp_path / "other" / ".orch"

    assert machine.find()[0] == "missing"
    machine.build(b"of the other")
    remove_class_data(here)

    assert machine.find()[0] == "usable"


def test_a_build_that_was_cut_off_is_removed_by_a_later_one_and_a_new_one_is_not(
    machine: Machine,
) -> None:
    assert not is_building(machine.state)
    old = building_folder(machine.state)
    assert is_building(machine.state)
    os.utime(old, (1, 1))
    assert not is_building(machine.state)

    new = building_folder(machine.state)
    building_folder(machine.state)

    assert not old.exists()
    assert new.exists()
    assert is_building(machine.state)


@pytest.mark.skipif(os.name != "posix", reason="the rights of a folder")
def test_the_folders_of_a_build_are_their_owners_alone(machine: Machine) -> None:
    building_folder(machine.state)
    folders = (machine.state, archive_folder(machine.state))
    assert [folder.stat().st_mode & 0o077 for folder in folders] == [0, 0]


def test_removal_leaves_nothing_and_says_how_much(machine: Machine) -> None:
    assert remove_class_data(machine.state) == 0
    machine.build(b"x" * 5000)

    assert remove_class_data(machine.state) >= 5000
    assert list(machine.state.iterdir()) == []
    assert machine.find()[0] == "missing"


def test_a_removal_that_was_cut_off_is_finished_by_the_next(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.build(b"x" * 5000)

    def refuse(folder: Path) -> None:
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", refuse)
        with pytest.raises(ClassDataError, match="can't be removed: Directory not empty"):
            remove_class_data(machine.state)
    assert machine.find()[0] == "missing"

    assert remove_class_data(machine.state) >= 5000
    assert list(machine.state.iterdir()) == []


def test_one_that_is_removed_while_a_run_looks_for_it_is_missing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.build()
    classes, place, iterdir = machine.classes, archive_folder(machine.state), Path.iterdir

    def after_removal(folder: Path) -> Iterator[Path]:
        if folder == place:
            shutil.rmtree(place)
        return iterdir(folder)

    monkeypatch.setattr(Path, "iterdir", after_removal)

    assert find_class_data(machine.state, classes).state == "missing"


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_a_jar_that_is_a_link_to_nothing_is_no_fault(machine: Machine) -> None:
    """Java leaves it out of the class path."""
    (machine.spark.home / "jars" / "hive.jar").symlink_to(machine.spark.home / "gone.jar")
    machine.build()
    assert machine.find()[0] == "usable"


def test_a_home_that_was_copied_with_its_times_keeps_its_archive(
    machine: Machine, tmp_path: Path
) -> None:
    machine.build()
    shutil.copytree(machine.state, tmp_path / "copy")
    machine.state = tmp_path / "copy"

    assert machine.find()[0] == "usable"


def test_a_conf_folder_of_templates_alone_is_stood_in_for(machine: Machine) -> None:
    (machine.spark.home / "conf").mkdir()
    (machine.spark.home / "conf" / "spark-env.sh.template").touch()

    assert machine.classes.conf_dir == str(archive_folder(machine.state) / "no_conf")
    assert not machine.classes.fault
    machine.build()
    found = find_class_data(machine.state, machine.classes)
    assert found.conf_dir == machine.classes.conf_dir
    assert list(Path(found.conf_dir).iterdir()) == []


def test_a_conf_folder_with_files_of_its_own_forbids_an_archive(machine: Machine) -> None:
    machine.build()
    (machine.spark.home / "conf").mkdir()
    (machine.spark.home / "conf" / "hive-site.xml").touch()

    state, text = machine.find()
    assert state == "impossible"
    assert "hive-site.xml" in text
    assert machine.classes.conf_dir == ""
