"""Publishing on a real HDFS, by its own rules of renaming, creating and deleting."""

from __future__ import annotations

import gzip
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from pyspark.java_gateway import launch_gateway

from framework import landing
from framework.contract.paths import join
from framework.errors import (
    EmptyResultError,
    HeaderError,
    LockedError,
    PublishError,
    SourceFilesError,
)
from framework.params_loader import parse_params
from framework.plan import Place, plan_landing
from framework.publish import lock
from framework.publish.journal import Journal, journal_location
from framework.publish.processes import LockOwner, psutil_probe, this_process
from framework.publish.publication import publication, recover
from framework.read import file_listing
from framework.storage.filesystem import FileSystem
from framework.storage.hadoop import HadoopFileSystem
from tests.faulty import FaultyFileSystem, Killed
from tests.file_system_contract import FileSystemContract
from tests.hdfs_cluster import HdfsCluster, hdfs_cluster
from tests.homes import home_of_job
from tests.samples import DATE, document

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.yarn, pytest.mark.spark]

JOB, NEIGHBOUR = "job", "biz_dt=2024-05-14"
ME = this_process("run-2", psutil_probe)
DEAD = LockOwner("run-1", ME.host, 2**22 + 1, 1)


@pytest.fixture(scope="module")
def hdfs() -> Iterator[HdfsCluster]:
    with hdfs_cluster() as cluster:
        yield cluster


@pytest.fixture
def fs(spark: SparkSession) -> FileSystem:
    context: Any = spark.sparkContext
    # What a client waits when the data node has not told the name node yet: else 0.4 s a file.
    delay = "dfs.client.block.write.locateFollowingBlock.initial.delay.ms"
    context._jsc.hadoopConfiguration().set(delay, "10")
    return HadoopFileSystem.of_session(spark)


@pytest.fixture
def root(hdfs: HdfsCluster) -> str:
    """A folder of the test's own."""
    return f"{hdfs.url}/{uuid.uuid4().hex}"


class TestFileSystem(FileSystemContract):
    """HDFS is one of them."""


def test_a_journal_that_is_being_written_is_there_already(fs: HadoopFileSystem, root: str) -> None:
    """Until its writer closes it, or is given up by the server, HDFS says so in its own words."""
    location = join(root, "journal.json")
    path, real = fs._open(location)
    writing = real.create(path, False)
    with pytest.raises(FileExistsError, match=r"journal\.json"):
        fs.create_exclusive(location, b"mine")
    assert fs.read_bytes(location) == b""
    # A taker of a torn journal does not wait for the server to give the writer up.
    fs.write_atomic(location, b"mine")
    assert fs.read_bytes(location) == b"mine"
    with pytest.raises(Exception, match=r"journal\.json"):
        writing.close()


def test_a_folder_that_fills_while_it_is_removed_stays(
    fs: HadoopFileSystem, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = join(root, "folder")
    fs.create_exclusive(join(folder, "file"), b"x")
    path, real = fs._open(folder)

    class Early:
        """Looked at the folder before another landing's file was there."""

        def listStatus(self, path: Any) -> list[Any]:
            return []

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    monkeypatch.setattr(fs, "_open", lambda _: (path, Early()))
    assert not fs.remove_empty_dir(folder)
    monkeypatch.undo()
    assert fs.names(folder) == ["file"]


class Table:
    """A date of a table on HDFS, published without Spark, and its neighbour."""

    def __init__(self, fs: FileSystem, root: str, day: str = DATE) -> None:
        self.fs = fs
        self.root = root
        self.day = day
        self.folder = f"biz_dt={day}"
        self.place = Place(join(root, self.folder), self.folder)
        self.journal = journal_location(self.place.target, JOB, day)
        self.fill(self.place.target, b"old")
        if not fs.exists(join(root, NEIGHBOUR)):
            self.fill(join(root, NEIGHBOUR), b"neighbour")
        self.before = self.others()

    def fill(self, folder: str, text: bytes) -> None:
        self.fs.create_exclusive(join(folder, "part-0"), text)

    def land(self, fs: FileSystem, owner: LockOwner, text: bytes = b"new") -> None:
        with publication(fs, [self.place], JOB, self.day, owner, psutil_probe) as current:
            self.fill(join(current.staging[0], self.folder), text)
            current.commit()

    def content(self) -> list[bytes]:
        names = self.fs.names(self.place.target)
        return [self.fs.read_bytes(join(self.place.target, name)) for name in names]

    def others(self) -> tuple[list[str], bytes, Any]:
        """What lies beside the date, with content and modification time of the neighbour.

        Without the folders that landings replaced.
        """
        file = join(self.root, NEIGHBOUR, "part-0")
        ours = (self.folder, "_replaced")
        beside = [name for name in self.fs.names(self.root) if name not in ours]
        return beside, self.fs.read_bytes(file), self.fs.modified(file)


def test_a_crash_at_any_operation_is_recovered_to_old_or_new_whole(
    fs: FileSystem, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before each operation, which is after the one before it, and within the lock's creation."""
    monkeypatch.setattr(lock, "TORN_AFTER", timedelta(0))
    counting = FaultyFileSystem(-1, Killed, "before", real=fs)
    Table(fs, root).land(counting, ME)
    points = [("before", at) for at in range(1, counting.count + 1)]
    torn = [("torn", at) for at in range(1, 4)]
    seen: set[bytes] = set()
    for number, (when, at) in enumerate([*points, *torn]):
        table = Table(fs, root, (date(2024, 1, 1) + timedelta(number)).isoformat())
        faulty = FaultyFileSystem(at, Killed, when, span=None, real=fs)
        with pytest.raises(Killed):
            table.land(faulty, DEAD)
        if number % 2:
            recover(fs, table.journal, ME, psutil_probe)
            seen |= {*table.content()}
            assert table.content() in ([b"old"], [b"new"]), faulty.hit
        else:
            table.land(fs, ME, b"next")
            assert table.content() == [b"next"], faulty.hit
        assert table.others() == table.before, faulty.hit
    assert seen == {b"old", b"new"}
    assert len(points) > 10


def test_a_replaced_folder_is_kept_unless_data_nodes_sync_what_is_closed(
    fs: HadoopFileSystem, root: str
) -> None:
    table = Table(fs, root)
    kept = join(root, "_replaced", f"_{JOB}", f"_{DATE}", "_old-0", "part-0")
    for before, text in ((b"old", b"one"), (b"one", b"two")):
        table.land(fs, ME, text)
        assert table.content() == [text]
        assert fs.read_bytes(kept) == before
    option = "dfs.datanode.synconclose"
    fs._conf.setBoolean(option, True)
    try:
        table.land(fs, ME, b"three")
    finally:
        fs._conf.unset(option)
    assert table.content() == [b"three"]
    assert fs.read_bytes(kept) == b"one"
    assert fs.names(root) == ["_replaced", NEIGHBOUR, table.folder]


def test_a_second_landing_of_the_date_is_refused_naming_the_first(
    fs: FileSystem, root: str
) -> None:
    table = Table(fs, root)
    child = psutil.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        other = LockOwner("run-9", ME.host, child.pid, int(child.create_time() * 1000), "app-9")
        fs.create_exclusive(table.journal, Journal(JOB, DATE, other).encode())
        named = f"run run-9, process {child.pid} on {ME.host}, application app-9"
        with pytest.raises(LockedError, match=f"being landed by {named}"):
            table.land(fs, ME)
        with pytest.raises(LockedError, match=named):
            recover(fs, table.journal, ME, psutil_probe)
        assert table.content() == [b"old"]
    finally:
        child.communicate(b"\n")
    table.land(fs, ME)
    assert table.content() == [b"new"]
    assert table.others() == table.before


def test_a_jvm_that_dies_in_the_swap_leaves_the_way_to_finish_it(fs: FileSystem, root: str) -> None:
    """The python that lands goes on without it, and cannot reach HDFS any more."""
    table = Table(fs, root)
    gateway: Any = launch_gateway()

    class Dying(HadoopFileSystem):
        def rename(self, source: str, target: str) -> None:
            super().rename(source, target)
            gateway.proc.kill()
            gateway.proc.wait()

    dying = Dying(gateway, gateway.jvm.org.apache.hadoop.conf.Configuration())
    with pytest.raises(PublishError) as raised:
        table.land(dying, DEAD)
    said = str(raised.value)
    assert said.startswith(f"{JOB} {DATE}: unknown whether published.")
    assert "the driver's JVM is gone" in said
    assert f"finishes it from {table.journal}" in said
    assert fs.names(table.root) == ["_landing", NEIGHBOUR]
    assert recover(fs, table.journal, ME, psutil_probe) == (
        f"{JOB} {DATE}: rolled forward, its new data is in place"
    )
    assert table.content() == [b"new"]
    assert table.others() == table.before


def test_a_job_lands_replaces_and_lands_nothing_when_it_may(
    spark: SparkSession, fs: FileSystem, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = join(root, "in", f"{DATE}.csv")

    def land(text: bytes, **context: Any) -> int:
        fs.delete(source)
        fs.create_exclusive(source, text)
        params = parse_params(document(**context), "p.json")
        plan = plan_landing(params, params.biz_dt, root)
        return landing.land_date(spark, params, plan).row_count

    def rows() -> list[str]:
        return [row.id for row in spark.read.orc(join(root, "out/t")).orderBy("id").collect()]

    assert land(b"id\n1\n2\n") == 2
    assert rows() == ["1", "2"]
    assert land(b"id\n3\n") == 1
    assert rows() == ["3"]
    with pytest.raises(EmptyResultError):
        land(b"id\n")
    assert rows() == ["3"]
    assert land(b"id\n", allow_empty=True) == 0
    assert rows() == []
    assert fs.names(join(root, "out/t")) == ["_replaced", f"biz_dt={DATE}"]


@pytest.mark.parametrize("listed", [256, 2])
def test_first_bytes_and_headers_of_every_file(
    spark: SparkSession, fs: FileSystem, root: str, monkeypatch: pytest.MonkeyPatch, listed: int
) -> None:
    """Whether the landing lists all files itself, or leaves most of them to Spark's listing."""
    monkeypatch.setattr(file_listing, "_MOST_FILES_ELSEWHERE", listed)
    given: dict[str, Any] = {"format": "csv", "path": "in", "options": {"header": True}}
    given["schema"] = "id STRING, name STRING"

    def land(**files: bytes) -> list[tuple[str, str]]:
        for name, data in files.items():
            location = join(root, "in", name.replace("_", "."))
            fs.delete(location)
            fs.create_exclusive(location, data)
        params = parse_params(document(sources=[given]), "p.json")
        landing._land_checked(spark, params, plan_landing(params, params.biz_dt, root), {})
        rows = spark.read.orc(join(root, "out/t")).orderBy("id").collect()
        return [(row.id, row.name) for row in rows]

    text = b"id,name\n%d,Ann\n"
    good = {f"{name}_csv": text % number for number, name in enumerate("abcd")}
    packed = gzip.compress(text % 9)
    assert land(**good, e_csv_gz=packed) == [(str(n), "Ann") for n in (0, 1, 2, 3, 9)]
    with pytest.raises(SourceFilesError) as refused:
        land(c_csv=packed, d_csv="id,name\n3,Bö\n".encode("utf-16"))
    assert refused.value.faults == (
        f"row1: {root}/in/c.csv is gzip, which its name does not say: name it .gz",
        f"row1: {root}/in/d.csv is UTF-16LE: give the source the options encoding: UTF-16 and "
        "multiLine: true",
    )
    with pytest.raises(HeaderError, match=r"/in/d\.csv and 1 more: name, id\n"):
        land(c_csv=text % 2, d_csv=b"name,id\nAnn,3\n", e_csv_gz=gzip.compress(b"name,id\n"))


KILLING = """
import os, signal
from pathlib import Path
from framework import run_landing
from framework.storage.routed import RoutedFileSystem

def rename(self, source, target, real=RoutedFileSystem.rename):
    real(self, source, target)
    if Path(__file__).with_name("kill").exists():
        os.kill(os.getppid(), signal.SIGKILL)

RoutedFileSystem.rename = rename
run_landing()
"""


def test_a_run_lands_on_hdfs_and_recover_finishes_one_whose_driver_was_killed(
    spark: SparkSession, fs: FileSystem, root: str, tmp_path: Path
) -> None:
    job, table = "etl_lnd_ins_sys_t", join(root, "out/t")
    context = document()["job_master"]["context_params"]
    home = home_of_job(tmp_path / "home", job, KILLING, context)
    home.environ["ORCH_DATA_ROOT"] = root

    def run(text: bytes, *, check: bool) -> None:
        source = join(root, f"in/{DATE}.csv")
        fs.delete(source)
        fs.create_exclusive(source, text)
        home.orch("run", job, "--biz-dt", DATE, check=check)

    def landed() -> list[str]:
        return [row.id for row in spark.read.orc(table).collect()]

    run(b"id\n1\n", check=True)
    assert landed() == ["1"]
    (home.folder / "jobs" / "kill").touch()
    run(b"id\n2\n", check=False)
    # The old data is aside and the new not yet in its place.
    assert fs.names(table) == ["_landing"]
    (done,) = home.json("recover", job)
    assert done == {
        "job_name": job,
        "biz_dt": DATE,
        "outcome": "recovered",
        "text": f"{job} {DATE}: rolled forward, its new data is in place",
    }
    assert landed() == ["2"]
    assert fs.names(table) == ["_replaced", f"biz_dt={DATE}"]
