from __future__ import annotations

import os
from pathlib import Path

import pytest

from framework.contract.paths import (
    as_location,
    base_location,
    for_spark,
    is_local,
    is_within,
    parent,
    resolve,
)

posix_only = pytest.mark.skipif(os.name == "nt", reason="POSIX paths")


@posix_only
@pytest.mark.parametrize(
    ("base", "path", "location"),
    [
        ("/data", "in/a.csv", "/data/in/a.csv"),
        ("/data", "/else/a.csv", "/else/a.csv"),
        ("/data", "file:///else/a b.csv", "/else/a b.csv"),
        ("/data", "file:/else/a.csv", "/else/a.csv"),
        ("/data", "x/../in/./a.csv", "/data/in/a.csv"),
        ("/data", "file:///else/x/../a.csv", "/else/a.csv"),
        ("/data", "hdfs://nn:8020/x/", "hdfs://nn:8020/x"),
        ("hdfs://nn:8020/data", "in/a.csv", "hdfs://nn:8020/data/in/a.csv"),
        ("hdfs://nn:8020/data/", "/land/x", "hdfs://nn:8020/land/x"),
        ("hdfs:///data", "/land/x", "hdfs:///land/x"),
    ],
)
def test_resolve(base: str, path: str, location: str) -> None:
    assert resolve(base, path) == location


@pytest.mark.parametrize(
    ("location", "is_path", "spark"),
    [
        ("/data/a b", True, "file:///data/a b"),
        ("C:/data", True, "file:///C:/data"),
        ("s3a://bucket/x", False, "s3a://bucket/x"),
    ],
)
def test_for_spark(location: str, is_path: bool, spark: str) -> None:
    assert is_local(location) is is_path
    assert for_spark(location) == spark


def test_windows_urls_lose_the_slash_before_the_drive() -> None:
    assert as_location("file:///C:/data/x") == "C:/data/x"


def test_a_url_without_a_drive_is_on_that_of_the_working_folder() -> None:
    assert as_location("file:///data/x") == as_location("file:/data/x") == as_location("/data/x")


def test_the_base_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert base_location() == tmp_path.as_posix()
    monkeypatch.setenv("JOB_BASE_DIR", "data")
    assert base_location() == (tmp_path / "data").as_posix()


@pytest.mark.parametrize(
    ("location", "is_inside"), [("/a/b", True), ("/a/b/c", True), ("/a/bc", False), ("/a", False)]
)
def test_is_within(location: str, is_inside: bool) -> None:
    assert is_within(location, "/a/b") is is_inside


@pytest.mark.parametrize(
    ("location", "is_inside"),
    [
        ("s3a://b/out/../x/a", True),
        ("s3a://b//x", True),
        ("s3a://b/./x/", True),
        ("s3a://b/x/../out", False),
        ("s3a://c/x", False),
    ],
)
def test_is_within_a_url_as_hadoop_reads_it(location: str, is_inside: bool) -> None:
    assert is_within(location, "s3a://b/x") is is_inside


def test_parent() -> None:
    assert parent("hdfs://nn/a/b=1") == "hdfs://nn/a"
