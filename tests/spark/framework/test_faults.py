"""A full disk, a sink that may not be written to, a source that goes: by run_landing itself.

Each is said in a line that names the place and what to do, and leaves the old data as it was.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from framework import landing
from framework.errors import FrameworkError, PublishError, SourceGoneError
from framework.storage.local import LocalFileSystem
from orch_dagster.spark.failure_text import exception_line
from tests.samples import DATE, document
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


class Home:
    """A data root whose job has landed a row."""

    def __init__(self, root: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.spark = spark
        self.patch = monkeypatch
        self.source = root / "in" / f"{DATE}.csv"
        self.source.parent.mkdir()
        # The session is shared.
        monkeypatch.setattr(spark, "stop", lambda: None)
        monkeypatch.setattr(landing, "get_spark", lambda: spark)
        monkeypatch.setenv("JOB_BASE_DIR", str(root))
        monkeypatch.setenv("JOB_PARAMS_FILE", str(root / "params.json"))
        self.put_sink("out/t")

    def put_sink(self, path: str) -> None:
        """Where the job lands from now on."""
        sinks = [{"format": "orc", "path": path, "partition_cols": ["biz_dt"]}]
        (self.root / "params.json").write_text(json.dumps(document(sinks=sinks)))
        self.table = self.root / path

    def land(self, *ids: str) -> None:
        self.source.write_text("\n".join(["id", *ids, ""]))
        landing.run_landing()

    def fails(self, error: type[FrameworkError], *ids: str) -> str:
        """Land, and return the line that execution_log gets."""
        with pytest.raises(error) as raised:
            self.land(*ids)
        return exception_line(error.__name__, str(raised.value), ())

    def shown(self) -> dict[str, tuple[bytes, int]]:
        """Each file of the table: anything left beside its date is among them."""
        files = [path for path in self.table.rglob("*") if path.is_file()]
        return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}

    def rows(self) -> list[str]:
        return [row.id for row in self.spark.read.orc(str(self.table)).collect()]


@pytest.fixture
def home(tmp_path: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Home:
    """This file's own: the whole of run_landing, not a date of it."""
    return Home(tmp_path, spark, monkeypatch)


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[None]:
    """A tmpfs of that size on the folder; skips where none can be mounted, which in CI fails."""
    folder.mkdir()
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    options = f"size={size_bytes},mode=777"
    done = subprocess.run(
        [*as_root, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = f"no tmpfs can be mounted here: {done.stderr.strip()}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    try:
        yield
    finally:
        # Lazily: a writer that failed may have left a file open.
        subprocess.run([*as_root, "umount", "--lazy", str(folder)], check=True)


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="tmpfs is Linux's")


@on_linux
def test_a_disk_that_fills_up_while_spark_writes(home: Home) -> None:
    digits = random.Random(5)
    with small_disk(home.root / "small", 1_000_000):
        home.put_sink("small/t")
        home.land("1")
        before = home.shown()
        said = home.fails(PublishError, *(f"{digits.getrandbits(4096):x}" for _ in range(4_000)))
        assert said.startswith(f"PublishError: {home.table}: no space is left to write to (")
        assert "the old data is in place. Free some there" in said
        assert home.shown() == before
        # The writer that failed never closed its file.
        wait_until(lambda: shutil.disk_usage(home.table).free > 500_000, "space on the disk")
        home.land("2")
        assert home.rows() == ["2"]


@on_linux
def test_a_disk_that_is_full_already_keeps_no_lock(home: Home) -> None:
    with small_disk(home.root / "small", 1_000_000):
        home.put_sink("small/t")
        home.land("1")
        before = home.shown()
        ballast = home.root / "small" / "ballast"
        with pytest.raises(OSError, match="No space left"):
            ballast.write_bytes(bytes(2_000_000))
        said = home.fails(PublishError, "2")
        assert said.startswith(f"PublishError: can't prepare the landing at {home.table}/_landing/")
        assert said.endswith("; free some space there and start the job again")
        assert home.shown() == before
        ballast.unlink()
        home.land("3")
        assert home.rows() == ["3"]


class _Capabilities(ctypes.Structure):
    """struct __user_cap_header_struct and two __user_cap_data_struct, of Linux."""

    _fields_ = (
        ("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )  # fmt: skip


@contextmanager
def bound_by_permissions() -> Iterator[None]:
    """For root, who otherwise is not: without CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    held = (_Capabilities * 2)()
    assert libc.capget(header, held) == 0
    before = held[0].effective
    held[0].effective = before & ~0b110
    assert libc.capset(header, held) == 0
    try:
        yield
    finally:
        held[0].effective = before
        assert libc.capset(header, held) == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_sink_folder_that_may_not_be_written_to(home: Home) -> None:
    home.land("1")
    before = home.shown()
    home.table.chmod(0o555)
    try:
        with bound_by_permissions():
            said = home.fails(PublishError, "2")
    finally:
        home.table.chmod(0o755)
    assert said.startswith(f"PublishError: can't prepare the landing at {home.table}/_landing/")
    assert "Permission denied" in said
    assert "; let the user that the job runs as write there" in said
    assert home.shown() == before


def test_a_file_in_the_place_of_the_sinks_folder(home: Home) -> None:
    home.table.parent.mkdir()
    home.table.write_text("not a folder")
    said = home.fails(PublishError, "2")
    assert said.startswith(f"PublishError: can't prepare the landing at {home.table}/_landing/")
    assert "a file is in the place of a folder: move it away" in said
    assert home.table.read_text() == "not a folder"


def test_a_source_that_disappears_while_it_is_read(home: Home) -> None:
    home.land("1")
    before = home.shown()
    real = LocalFileSystem.create_exclusive

    def create_exclusive(self: LocalFileSystem, location: str, data: bytes) -> Any:
        """The lock: Spark has looked at the source and not read it yet."""
        home.source.unlink(missing_ok=True)
        return real(self, location, data)

    with home.patch.context() as patch:
        patch.setattr(LocalFileSystem, "create_exclusive", create_exclusive)
        said = home.fails(SourceGoneError, "2")
    assert said.startswith(
        f"SourceGoneError: {home.source} disappeared while it was read; nothing was"
    )
    assert said.endswith(
        "Deliver it again, keep it until the job has ended, and start the job again."
    )
    assert home.shown() == before
    home.land("3")
    assert home.rows() == ["3"]
