"""Keep one class-data archive of Spark's driver for a home, and tell whether it can be used.

A JVM that maps an archive need not load and verify the classes in it. The JVM itself compares the
archive with its Java and its jars, and goes without it if they differ; but one that was cut short
makes it crash, so what is used here has the size and the time that it was built with.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orch_dagster.files import discard, make_private, put_in_place
from orch_dagster.toolchain.errors import ClassDataError
from orch_dagster.toolchain.find import JavaHome, SparkHome

ARCHIVE = "driver.jsa"
BASE_ARCHIVE = "java.jsa"
"""That of Java's own classes, on which the other stands; only for a Java that came without it."""

OPTION = "-XX:SharedArchiveFile="
OWN_OPTIONS = (OPTION, "-XX:ArchiveClassesAtExit", "-Xshare:")
"""Options by which a job, or Spark's own configuration, has chosen for itself."""

EXTRA_CLASS_PATH = "spark.driver.extraClassPath"
_FOLDER = "class_data"
_MANIFEST = "made_of.json"
_NO_CONF = "no_conf"
_BUILDING = ".building-"
_REMOVING = f".{_FOLDER}-"
# A build ends, or is ended, in half of that.
_ABANDONED_S = 3600.0
_TEMPLATE = ".template"
_LIBRARIES = ("lib/server/libjvm.so", "lib/server/libjvm.dylib", "bin/server/jvm.dll")
_BASES = ("lib/server/classes.jsa", "bin/server/classes.jsa")

State = Literal["usable", "missing", "stale", "impossible"]


@dataclass(frozen=True)
class Part:
    """A part of what an archive is made of: as it is shown, and a digest of all of it."""

    shown: str
    digest: str


@dataclass(frozen=True)
class DriverClasses:
    """The parts that decide which classes a driver has; an archive is good for one of these.

    Attributes:
        parts: Java, Spark and the class path, by name.
        conf_dir: The folder that stands for Spark's own of configuration, '' for that itself.
        fault: Why no archive can be built, '' if one can.
        has_base: Whether Java came with an archive of its own classes.
    """

    parts: Mapping[str, Part]
    conf_dir: str = ""
    fault: str = ""
    has_base: bool = True

    @property
    def key(self) -> str:
        """Return the name of their archive."""
        return _digest(*(part.digest for part in self.parts.values()))


@dataclass(frozen=True)
class ClassData:
    """The archive of a home, as a driver of certain classes finds it.

    Attributes:
        state: Whether it can be used.
        text: The state in a sentence, with its remedy.
        files: The archives, in the order in which the JVM takes them; none unless usable.
        conf_dir: As `DriverClasses.conf_dir`.
    """

    state: State
    text: str
    files: tuple[str, ...] = ()
    conf_dir: str = ""


def archive_folder(state_dir: Path) -> Path:
    """Return the folder of a home's archive."""
    return state_dir / _FOLDER


def driver_classes(
    state_dir: Path,
    java: JavaHome,
    spark: SparkHome,
    spark_defaults: Mapping[str, str],
    environ: Mapping[str, str],
) -> DriverClasses:
    """Return what the classes of a driver on this machine are made of."""
    conf = spark.conf_dir(environ)
    names = sorted(each.name for each in conf.iterdir()) if conf.is_dir() else []
    read = [name for name in names if not name.endswith(_TEMPLATE)]
    # The JVM archives nothing after a folder that has files. Nobody reads templates, which come
    # with Spark, so that an empty folder is as good.
    instead = str(archive_folder(state_dir) / _NO_CONF) if names and not read else ""
    before = spark_defaults.get(EXTRA_CLASS_PATH, "")
    behind = environ.get("SPARK_DIST_CLASSPATH", "")
    fault = ""
    if read:
        fault = (
            f"{conf} holds {', '.join(read[:5])}, and the JVM archives no classes behind a folder "
            "with files on its class path: give their properties as sys_params of param_type "
            "spark, and point SPARK_CONF_DIR at an empty folder"
        )
    jars = "\n".join(_stated(spark.home / "jars"))
    java_text = f"{java.version} at {java.home}"
    shown = f"{spark.version} at {spark.home}"
    path_text = ", ".join(filter(None, (instead or str(conf), before, behind)))
    return DriverClasses(
        {
            "Java": Part(java_text, _digest(java_text, *_java_files(java.home))),
            "Spark": Part(shown, _digest(shown, jars)),
            "the class path": Part(path_text, _digest(path_text, fault)),
        },
        conf_dir=instead,
        fault=fault,
        has_base=any((java.home / name).is_file() for name in _BASES),
    )


def find_class_data(state_dir: Path, classes: DriverClasses) -> ClassData:
    """Find the archive of a home, and say whether a driver of these classes can use it."""
    folder = archive_folder(state_dir) / classes.key
    if classes.fault:
        return ClassData("impossible", f"none is used: {classes.fault}")
    kept = _kept(state_dir)
    if not kept:
        return ClassData(
            "missing",
            "none; `orch accelerate` builds one (about 140 MB), with which a driver starts in two "
            "thirds of the time",
        )
    try:
        manifest = _Manifest.read(folder if folder in kept else kept[0])
    except ClassDataError as error:
        return _stale(str(error))
    if folder not in kept:
        return _stale(f"it was built for others: {'; '.join(manifest.changes(classes))}")
    if damage := manifest.damage(folder):
        return _stale(damage)
    files = tuple(str(folder / name) for name in manifest.files)
    size_mb = sum(size for size, _ in manifest.files.values()) / 1e6
    text = f"{size_mb:.0f} MB at {folder}, used by each driver on this machine"
    return ClassData("usable", text, files, classes.conf_dir)


def _stale(reason: str) -> ClassData:
    return ClassData("stale", f"not used: {reason}; `orch accelerate` builds it again")


def publish(state_dir: Path, built: Path, classes: DriverClasses) -> Path:
    """Put a built archive in the place of the home's, and return its folder.

    A run beside it finds the old one, the new one or none, each whole.

    Args:
        state_dir: The folder of the home's state.
        built: The folder that `building_folder` made, with the archives and nothing else.
        classes: What they were built of.

    Raises:
        OSError: If it can't be written.
    """
    folder = archive_folder(state_dir) / classes.key
    files: dict[str, tuple[int, int]] = {}
    # That of Java first, as the JVM takes them.
    for name in (BASE_ARCHIVE, ARCHIVE):
        file = built / name
        if file.is_file():
            # The JVM leaves it read-only, which Windows would not let anybody remove.
            file.chmod(0o600)
            with file.open("rb+") as opened:
                os.fsync(opened.fileno())
            files[name] = (file.stat().st_size, file.stat().st_mtime_ns)
    _Manifest(files, classes.parts).write(built)
    if _is_whole(folder):
        # Another build was faster; drivers may have its files open.
        discard(built)
    else:
        if folder.exists():
            _remove(folder)
        try:
            put_in_place(built, folder)
        except OSError:
            # Another build may have put its own there a moment before.
            if not _is_whole(folder):
                raise
            discard(built)
    for other in _kept(state_dir):
        if other != folder:
            _remove(other)
    return folder


def building_folder(state_dir: Path) -> Path:
    """Make the folder of one build, and remove those of builds that were cut off.

    Raises:
        OSError: If it can't be made.
    """
    place = archive_folder(state_dir)
    make_private(place)
    (place / _NO_CONF).mkdir(exist_ok=True)
    for left in place.glob(f"{_BUILDING}*"):
        if _is_abandoned(left):
            _remove(left)
    folder = place / f"{_BUILDING}{os.getpid()}-{os.urandom(4).hex()}"
    folder.mkdir()
    return folder


def is_building(state_dir: Path) -> bool:
    """Return whether a build of the home may be under way, or was cut off less than an hour ago."""
    left = archive_folder(state_dir).glob(f"{_BUILDING}[0-9]*")
    return any(not _is_abandoned(each) for each in left)


def _is_abandoned(building: Path) -> bool:
    # Another build may end, or remove it, meanwhile.
    with suppress(FileNotFoundError):
        return time.time() - building.stat().st_mtime > _ABANDONED_S
    return False


def remove_class_data(state_dir: Path) -> int:
    """Remove the home's archive, and what builds and removals left; return the bytes made free.

    Raises:
        ClassDataError: If a program has it open, on Windows.
    """
    place, size = archive_folder(state_dir), 0
    try:
        if place.is_dir():
            # At once, so that no driver finds a part of it.
            place.rename(place.with_name(f"{_REMOVING}{os.urandom(4).hex()}"))
        for aside in state_dir.glob(f"{_REMOVING}*"):
            size += _size(aside)
            shutil.rmtree(aside)
    except OSError as error:
        raise ClassDataError(
            f"{place} can't be removed: {error.strerror}; try again when no job runs"
        ) from error
    return size


def _size(folder: Path) -> int:
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            # A build that is removed with it writes on.
            with suppress(FileNotFoundError):
                size += Path(parent, name).lstat().st_size
    return size


def _remove(folder: Path) -> None:
    """Remove an archive that no driver may find any more.

    Raises:
        ClassDataError: If a program has it open, on Windows.
    """
    aside = folder.with_name(f"{_BUILDING}old-{os.urandom(4).hex()}")
    try:
        folder.rename(aside)
        shutil.rmtree(aside)
    except FileNotFoundError:
        # Another build did the same.
        return
    except OSError as error:
        raise ClassDataError(
            f"the older archive {folder} can't be removed: {error.strerror}; give `orch "
            "accelerate` again when no job runs"
        ) from error


def _kept(state_dir: Path) -> list[Path]:
    """Return the folders of archives, the newest first."""
    place = archive_folder(state_dir)
    found: list[tuple[int, Path]] = []
    all_there: list[Path] = []
    # It may be removed beside this.
    with suppress(FileNotFoundError, NotADirectoryError):
        all_there += place.iterdir()
    for each in all_there:
        # A build beside this may replace one.
        with suppress(FileNotFoundError):
            if each.name != _NO_CONF and not each.name.startswith("."):
                found.append((each.stat().st_mtime_ns, each))
    return [folder for _, folder in sorted(found, reverse=True)]


@dataclass(frozen=True)
class _Manifest:
    """The record of a build: size and time of its files, and the parts that they are made of."""

    files: Mapping[str, tuple[int, int]]
    parts: Mapping[str, Part]

    @classmethod
    def read(cls, folder: Path) -> _Manifest:
        """Read that of a folder.

        Raises:
            ClassDataError: If it can't be read.
        """
        file = folder / _MANIFEST
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            files = {name: (int(size), int(time_ns)) for name, size, time_ns in content["files"]}
            parts = {
                name: Part(str(shown), str(digest)) for name, shown, digest in content["parts"]
            }
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ClassDataError(f"{file} can't be read ({error})") from error
        if ARCHIVE not in files:
            raise ClassDataError(f"{file} names no {ARCHIVE}")
        return cls(files, parts)

    def write(self, folder: Path) -> None:
        files = [[name, *stated] for name, stated in self.files.items()]
        parts = [[name, part.shown, part.digest] for name, part in self.parts.items()]
        text = json.dumps({"files": files, "parts": parts}, indent=2)
        (folder / _MANIFEST).write_text(text, encoding="utf-8")

    def damage(self, folder: Path) -> str | None:
        """Return why the files are not as they were built, None if they are."""
        for name, (size, time_ns) in self.files.items():
            file = folder / name
            try:
                found = file.stat()
            except OSError as error:
                return f"{file} can't be read ({error.strerror})"
            if found.st_size != size:
                return f"{file} has {found.st_size:,} bytes and was built with {size:,}"
            if found.st_mtime_ns != time_ns:
                return f"{file} was changed since it was built"
        return None

    def changes(self, classes: DriverClasses) -> Iterator[str]:
        """Yield what is different from what the archive was built of."""
        for name, part in classes.parts.items():
            before = self.parts.get(name)
            if before is None or before.digest == part.digest:
                continue
            if before.shown == part.shown:
                yield f"files of {name} have changed ({part.shown})"
            else:
                yield f"{name} was {before.shown} and is {part.shown}"


def _is_whole(folder: Path) -> bool:
    try:
        return _Manifest.read(folder).damage(folder) is None
    except ClassDataError:
        return False


def _java_files(home: Path) -> Iterator[str]:
    release = home / "release"
    if release.is_file():
        yield release.read_text(encoding="utf-8", errors="replace")
    for name in (*_LIBRARIES, *_BASES):
        if (home / name).is_file():
            found = (home / name).stat()
            yield f"{name} {found.st_size} {found.st_mtime_ns}"


def _stated(folder: Path) -> list[str]:
    """Return name, size and time of the files of a folder, which the JVM compares too."""
    with os.scandir(folder) as entries:
        return sorted(f"{each.name} {_facts(each)}" for each in entries)


def _facts(entry: os.DirEntry[str]) -> str:
    try:
        stat = entry.stat()
    except FileNotFoundError:
        # A link to nothing, which Java leaves out.
        return "missing"
    return f"{stat.st_size} {stat.st_mtime_ns}"


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
