"""Which executors run elsewhere, and which paths they then don't see."""

from __future__ import annotations

from typing import Any

import pytest

from framework.contract.context_params import read_context_params
from framework.contract.shared_paths import runs_elsewhere, standalone_addresses, unshared_paths
from framework.contract.system_settings import PATHS_SHARED
from framework.contract.validation import Node

HOSTS = frozenset({"box", "10.0.0.7"})


@pytest.mark.parametrize(
    ("master", "is_elsewhere"),
    [
        ("", False),
        ("local", False),
        ("local[4,2]", False),
        ("local-cluster[2,1,512]", False),
        ("yarn", True),
        (" yarn ", True),
        ("k8s://https://h:6443", True),
        ("mesos://h:5050", True),
        ("spark://spark1:7077", True),
        ("spark://localhost:7077", False),
        ("spark://127.0.1.1:7077", False),
        ("spark://[::1]:7077", False),
        # Its workers may be anywhere, which the name does not tell.
        ("spark://BOX:7077", False),
        ("spark://10.0.0.7:7077", False),
        ("spark://127.0.0.1:7077,spark2:7077", True),
        ("spark://127.example.com:7077", True),
    ],
)
def test_a_master_starts_executors_here_or_elsewhere(master: str, is_elsewhere: bool) -> None:
    assert runs_elsewhere(master, HOSTS) is is_elsewhere


def test_the_addresses_of_masters_in_standby() -> None:
    assert standalone_addresses("spark://a:1, b:2") == ["a:1", "b:2"]


TABLE = {"format": "kudu", "path": "t"}


def of(shared: tuple[str, ...] = (), base: str = "/srv/orch", **context: Any) -> list[str]:
    faults: list[str] = []
    every = {"sources": [TABLE], "sinks": [TABLE], **context}
    node = Node({"entity": "A", "source_system": "B", **every}, "", faults)
    params = read_context_params(node, is_row=True)
    assert faults == []
    return [str(each) for each in unshared_paths(params, base, shared)]


ORC = {"format": "orc", "path": "out/t", "partition_cols": ["biz_dt"]}
BAD = {
    "format": "csv",
    "path": "hdfs://nn/in/{biz_dt}.csv",
    "schema": "id INT",
    "bad_records": {"limit": 1, "path": "file:///bad"},
}


def test_local_sources_sinks_and_folders_of_bad_records_are_named_with_both_spellings() -> None:
    sources = [{"format": "csv", "path": "in/{biz_dt}.csv"}, BAD, {"format": "jdbc", "path": "t"}]
    assert of(sources=sources, sinks=[ORC, {"format": "kudu", "path": "t"}]) == [
        "sources[0].path is 'in/{biz_dt}.csv', which is /srv/orch/in/{biz_dt}.csv",
        "sources[1].bad_records.path is 'file:///bad', which is /bad",
        "sinks[0].path is 'out/t', which is /srv/orch/out/t",
    ]


def test_urls_and_paths_below_a_data_root_that_is_one_are_shared() -> None:
    absolute = {**ORC, "path": "/land/t"}
    sources = [{"format": "csv", "path": "in/x.csv"}, {"format": "orc", "path": "s3a://b/t"}]
    assert of(base="hdfs://nn/data", sources=sources, sinks=[absolute]) == []
    (path,) = of(base="hdfs://nn/data", sinks=[{**ORC, "path": "file:///land/t"}])
    assert path == "sinks[0].path is 'file:///land/t', which is /land/t"


@pytest.mark.parametrize("path", ["C:/land/t", "C:\\land\\t\\"])
def test_a_path_of_windows_is_no_folder_below_a_data_root_that_is_a_url(path: str) -> None:
    (text,) = of(base="hdfs://nn/data", sinks=[{**ORC, "path": path}])
    assert text.startswith("sinks[0].path is ")
    assert "hdfs" not in text


def test_folders_that_every_node_has_are_shared() -> None:
    text = PATHS_SHARED.parse("/mnt/nfs/, file:///srv/orch/in")
    assert text == "/mnt/nfs,/srv/orch/in"
    shared = tuple(text.split(","))
    sources = [{"format": "csv", "path": "in/x.csv"}]
    assert of(shared, sources=sources, sinks=[{**ORC, "path": "/mnt/nfs/t"}]) == []
    assert of(shared, sinks=[{**ORC, "path": "/mnt/nfs2/t"}]) == ["sinks[0].path is '/mnt/nfs2/t'"]


@pytest.mark.parametrize("text", ["out", "/mnt,hdfs://nn/data", "~/x"])
def test_a_folder_that_can_not_be_shared_is_refused(text: str) -> None:
    assert "is not an absolute local path such as /mnt/nfs" in (PATHS_SHARED.error(text) or "")
