"""Executors that write and read elsewhere: no date is published that the driver does not see.

The session is local, and its master's name is changed. Where its tasks would write to another
machine's disk, the files are moved away after the write.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from framework.errors import PublishError, SharedPathError, SourceGoneError
from framework.land import staging
from framework.params_loader import parse_params
from framework.plan import plan_landing
from framework.read import bad_records
from framework.read.scan_metrics import Scans
from framework.read.seen_files import require_seen_files, require_sources_seen
from framework.storage.driver_listing import listed_by_driver
from framework.storage.filesystem import Usage
from framework.writers import write_dataset
from tests.landing_home import Home, sink
from tests.samples import DATE, document

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

LISTING = "spark.sql.sources.parallelPartitionDiscovery.threshold"


@pytest.fixture
def yarn(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark.sparkContext, "master", "yarn")


def written_elsewhere(root: Path, is_seen: Callable[[int], bool] = lambda _: False) -> Any:
    """A write whose files are on another disk, but for those that are seen."""

    def write(rows: Any, form: str, path: str, **more: Any) -> None:
        write_dataset(rows, form, path, **more)
        files = sorted(each for each in Path(path).rglob("part-*"))
        for number, file in enumerate(files):
            if not is_seen(number):
                shutil.move(file, root / f"elsewhere-{number}")

    return write


@pytest.mark.parametrize("allow_empty", [True, False])
@pytest.mark.parametrize(
    ("form", "cols"),
    [
        ("orc", ("biz_dt",)),
        ("parquet", ("biz_dt", "id")),
        ("csv", ("biz_dt",)),
        ("json", ()),
        ("text", ()),
    ],
)
def test_files_that_the_driver_does_not_see_keep_the_old_date(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    yarn: None,
    form: str,
    cols: tuple[str, ...],
    allow_empty: bool,
) -> None:
    path = "out/t" if cols else "out/t/{biz_dt}"
    hql = "SELECT id FROM row1" if form == "text" else "SELECT id, id AS name FROM row1"
    context = {"sinks": [sink(form, path, *cols)], "hql": hql}
    home.source("id\na\nb\n")
    home.land(**context)
    old = {each: each.read_bytes() for each in (home.root / "out").rglob("*") if each.is_file()}
    monkeypatch.setattr(staging, "write_dataset", written_elsewhere(home.root))
    with pytest.raises(SharedPathError, match="must be shared by all nodes") as refused:
        home.land(allow_empty=allow_empty, **context)
    assert "the executors of yarn wrote" in str(refused.value)
    assert "with 2 rows, of which the driver sees 0 files" in str(refused.value)
    assert "allow_empty" not in str(refused.value)
    kept = {each: each.read_bytes() for each in (home.root / "out").rglob("*") if each.is_file()}
    assert kept == old
    assert home.leftovers() == []


def test_some_files_on_another_disk_are_enough(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where one of several workers runs on the driver's machine."""
    monkeypatch.setattr(home.spark.sparkContext, "master", "spark://box:7077")
    write = written_elsewhere(home.root, lambda number: number == 0)
    monkeypatch.setattr(staging, "write_dataset", write)
    home.source("id\n1\n2\n3\n")
    with pytest.raises(SharedPathError, match="wrote 3 files with 3 rows, of which the driver se"):
        home.land(hql="SELECT id, id AS p, id AS v FROM row1",
                  sinks=[sink("orc", "out/t", "biz_dt", "p")])  # fmt: skip


def test_on_one_machine_it_is_another_process_that_took_them(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "write_dataset", written_elsewhere(home.root))
    home.source("id\n1\n")
    with pytest.raises(PublishError, match="Look for what else deletes files there") as refused:
        home.land(allow_empty=True)
    assert not isinstance(refused.value, SharedPathError)


def test_bad_records_on_another_disk_keep_the_old_date(
    home: Home, monkeypatch: pytest.MonkeyPatch, yarn: None
) -> None:
    monkeypatch.setattr(bad_records, "write_dataset", written_elsewhere(home.root))
    home.source("id\n1\nx\n")
    source = {
        "format": "csv", "path": "in/{biz_dt}.csv", "options": {"header": True},
        "schema": "id INT", "bad_records": {"limit": 5},
    }  # fmt: skip
    with pytest.raises(SharedPathError, match="_rejected"):
        home.land(sources=[source])
    assert list((home.root / "out").rglob("part-*")) == []


def test_what_is_seen_is_published_in_every_mode(home: Home, yarn: None) -> None:
    home.source("id\n1\n2\n")
    for sinks in (
        [sink("orc", "out/t", "biz_dt")],
        [sink("csv", "out/c", "biz_dt", "_p"), sink("json", "out/j/{biz_dt}")],
    ):
        assert home.land(hql="SELECT id, id AS _p FROM row1", sinks=sinks).row_count == 2
    home.source("id\n")
    assert home.land(allow_empty=True).row_count == 0


def test_rows_of_columnar_files_that_do_not_come_back_are_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lossy(rows: Any, *args: Any, **more: Any) -> None:
        write_dataset(rows, *args, **more)
        write_dataset(rows.limit(1), *args, mode="overwrite", **more)

    real = Scans._since

    def first_only(self: Any, before: int, counted: Any) -> Any:
        found = list(real(self, before, counted))
        if counted.written:
            counted.written = replace(counted.written, rows=2)
        return iter(found)

    monkeypatch.setattr(staging, "write_dataset", lossy)
    monkeypatch.setattr(Scans, "_since", first_only)
    home.source("id\n1\n2\n")
    with pytest.raises(PublishError, match="2 rows were written and 1 are read back"):
        home.land()


def test_unknown_counts_are_refused_only_where_executors_may_be_elsewhere(
    home: Home, yarn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = Usage(1, 10)
    with pytest.raises(SharedPathError, match="Spark does not tell how many files"):
        require_seen_files(home.spark, "/data/t", None, usage)
    require_seen_files(home.spark, "/data/t", None, usage, ["/data"])
    require_seen_files(home.spark, "hdfs://nn/data/t", None, usage)
    monkeypatch.setattr(home.spark.sparkContext, "master", "local[2]")
    require_seen_files(home.spark, "/data/t", None, usage)


def test_a_source_file_that_executors_do_not_find(
    home: Home, monkeypatch: pytest.MonkeyPatch, yarn: None
) -> None:
    """The stand-in: the file goes after Spark has listed it, and is there again for the driver."""
    home.source("id\n1\n")
    file, away = home.root / "in" / f"{DATE}.csv", home.root / "away"

    def without_file(rows: Any, *args: Any, **more: Any) -> None:
        file.rename(away)
        try:
            write_dataset(rows, *args, **more)
        finally:
            away.rename(file)

    monkeypatch.setattr(staging, "write_dataset", without_file)
    with pytest.raises(SharedPathError, match="an executor of yarn does not find the file"):
        home.land(allow_empty=True)
    monkeypatch.setattr(home.spark.sparkContext, "master", "local[2]")
    with pytest.raises(SourceGoneError):
        home.land(allow_empty=True)


def test_sources_whose_missing_files_would_be_skipped_are_refused(home: Home, yarn: None) -> None:
    def check(**options: Any) -> None:
        source = {"format": "csv", "path": "in/{biz_dt}.csv", "options": options}
        params = parse_params(document(sources=[source]), "p.json")
        plan = plan_landing(params, params.biz_dt, home.root.as_posix())
        require_sources_seen(home.spark, plan.sources)

    check()
    with pytest.raises(SharedPathError, match="row1 is read with ignoreMissingFiles"):
        check(ignoreMissingFiles=True)
    home.spark.conf.set("spark.sql.files.ignoreMissingFiles", "true")
    try:
        with pytest.raises(SharedPathError, match="leaves out, without a word"):
            check()
    finally:
        home.spark.conf.unset("spark.sql.files.ignoreMissingFiles")


def test_the_driver_lists_local_folders_itself_where_executors_may_see_none(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above 32 folders Spark has executors list, which leave out what they don't have."""
    before = home.spark.conf.get(LISTING)
    with listed_by_driver(home.spark, "/data"):
        assert home.spark.conf.get(LISTING) == before
    monkeypatch.setattr(home.spark.sparkContext, "master", "yarn")
    with listed_by_driver(home.spark, "hdfs://nn/data"):
        assert home.spark.conf.get(LISTING) == before
    with listed_by_driver(home.spark, "/data"):
        assert home.spark.conf.get(LISTING) == "2147483647"
    assert home.spark.conf.get(LISTING) == before
