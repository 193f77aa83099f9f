"""One archive of Spark's jars on Hadoop's file system, so that no submit uploads them."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orch_dagster.files import make_private, scratch_folder
from orch_dagster.spark.yarn.gateway import YarnClient
from orch_dagster.toolchain.errors import SparkError, SparkHomeError
from orch_dagster.toolchain.find import SparkHome

ARCHIVE = "spark.yarn.archive"
JARS = "spark.yarn.jars"
DEFAULT_FOLDER = "spark-jars"
"""The folder of archives, below the user's home folder."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_CHUNK_BYTES = 1 << 20
# Some 300 MB, at a slow network's 1 MB in a second.
_UPLOAD_S = 600.0
_NAME = re.compile(r"spark-(?P<version>.+)-jars-[0-9a-f]{16}\.zip")


class ArchiveError(SparkError):
    """The archive can't be put where the nodes would find it."""


@dataclass(frozen=True)
class SparkJars:
    """The jars of a Spark.

    Attributes:
        folder: Their folder.
        files: The jars, by name.
        name: The name of their archive, which has the hash of their names and contents.
    """

    folder: Path
    files: tuple[Path, ...]
    name: str

    @classmethod
    def of(cls, spark: SparkHome) -> SparkJars:
        """Read the jars of a Spark, all of their bytes.

        Raises:
            SparkHomeError: If it has none.
            OSError: If one can't be read.
        """
        folder = spark.home / "jars"
        files = jars_of(spark)
        if not files:
            raise SparkHomeError(f"{folder} has no jars: install Spark again", home=str(spark.home))
        digest = hashlib.sha256()
        for file in files:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{file.name}\0{content}\n".encode())
        name = f"spark-{spark.version}-jars-{digest.hexdigest()[:16]}.zip"
        return cls(folder, files, name)

    @property
    def size_bytes(self) -> int:
        """The size of all."""
        return sum(file.stat().st_size for file in self.files)


@dataclass(frozen=True)
class PreparedArchive:
    """An archive of Spark's jars on Hadoop's file system.

    Attributes:
        url: Its URL, for spark.yarn.archive.
        is_new: Whether it was uploaded; else it was there.
        older: The URLs of archives of other jars beside it.
    """

    url: str
    is_new: bool
    older: tuple[str, ...] = ()


def jars_of(spark: SparkHome) -> tuple[Path, ...]:
    """Return the jars of a Spark, by name."""
    return tuple(sorted((spark.home / "jars").glob("*.jar")))


def archived_spark(url: str) -> str | None:
    """Return the version of the Spark whose jars an archive of `prepare_archive` holds, or None.

    >>> archived_spark("hdfs://nn/user/me/spark-jars/spark-3.5.8-jars-0123456789abcdef.zip")
    '3.5.8'
    >>> archived_spark("hdfs://nn/share/spark.zip")
    """
    found = _NAME.fullmatch(url.rpartition("/")[2])
    return found["version"] if found else None


def prepare_archive(
    jars: SparkJars, client: YarnClient, folder: str, scratch: Path
) -> PreparedArchive:
    """Upload the archive of a Spark's jars, unless one of the same jars is there.

    Args:
        jars: The jars.
        client: The cluster.
        folder: The folder of archives; a relative one is below the user's home folder.
        scratch: A folder of this machine, for the archive on its way.

    Raises:
        ArchiveError: If the folder is one of this machine.
        YarnError: If Hadoop's file system did not take the archive.
        OSError: If the archive can't be written here.
    """
    base = client.qualified(folder).rstrip("/")
    if base.startswith("file:"):
        raise ArchiveError(
            f"{base} is a folder of this machine, which the nodes don't see: give --folder "
            "hdfs://NAMENODE/FOLDER, or set fs.defaultFS in the core-site.xml of HADOOP_CONF_DIR"
        )
    names = [each.name for each in client.list_files(base) if not each.is_folder]
    older = tuple(f"{base}/{name}" for name in names if _NAME.fullmatch(name) and name != jars.name)
    url = f"{base}/{jars.name}"
    if jars.name in names:
        return PreparedArchive(url, is_new=False, older=older)
    make_private(scratch)
    with scratch_folder(scratch, "spark-jars-") as own:
        archive = own / jars.name
        _write_archive(archive, jars.files)
        is_new = client.upload(archive, url, _UPLOAD_S)
    return PreparedArchive(url, is_new, older)


def _write_archive(target: Path, files: Sequence[Path]) -> None:
    """Write a zip with the files at its root, as Spark wants it."""
    # Stored, as jars are compressed.
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.name, _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.file_size = file.stat().st_size
            with archive.open(entry, "w") as packed, file.open("rb") as jar:
                while chunk := jar.read(_CHUNK_BYTES):
                    packed.write(chunk)
