"""Where YARN and HDFS are, by the site files, and who answers there."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from orch_dagster.toolchain.hadoop_conf import (
    answering,
    conf_folders,
    name_nodes,
    read_conf,
    resource_managers,
)


def site(folder: Path, name: str, **properties: str) -> None:
    folder.mkdir(exist_ok=True)
    listed = "".join(
        f"<property><name>{key.replace('__', '.')}</name><value> {value} </value></property>"
        for key, value in properties.items()
    )
    (folder / name).write_text(f"<?xml version='1.0'?><configuration>{listed}</configuration>")


def test_files_of_both_folders_are_read_with_their_references(tmp_path: Path) -> None:
    site(tmp_path / "h", "core-site.xml", fs__defaultFS="hdfs://nn:9000")
    site(tmp_path / "h", "yarn-site.xml", a="of h", b="of h")
    site(tmp_path / "y", "yarn-site.xml", a="of y", host="rm", c="${host}:1 ${unknown} ${host}")
    environ = {"HADOOP_CONF_DIR": str(tmp_path / "h"), "YARN_CONF_DIR": str(tmp_path / "y")}
    conf = read_conf(conf_folders(environ))
    assert conf == {
        "fs.defaultFS": "hdfs://nn:9000", "a": "of h", "b": "of h", "host": "rm",
        "c": "rm:1 ${unknown} rm",
    }  # fmt: skip
    assert conf_folders({}) == []
    (tmp_path / "h" / "core-site.xml").write_text("<configuration>")
    with pytest.raises(ValueError, match=r"core-site\.xml is not XML"):
        read_conf(conf_folders(environ))


def test_the_addresses_of_resource_managers() -> None:
    start = "yarn.resourcemanager"
    assert resource_managers({}) == []
    assert resource_managers({f"{start}.address": "rm:1"}) == ["rm:1"]
    assert resource_managers({f"{start}.hostname": "rm"}, "webapp.address") == ["rm:8088"]
    pair = {
        f"{start}.ha.enabled": "true",
        f"{start}.ha.rm-ids": "a, b",
        f"{start}.hostname.a": "rm1",
        f"{start}.address.b": "rm2:9",
    }
    assert resource_managers(pair) == ["rm1:8032", "rm2:9"]


def test_the_addresses_of_name_nodes() -> None:
    assert name_nodes("s3a://bucket/x", {}) == []
    assert name_nodes("hdfs://nn/x", {}) == ["nn:8020"]
    assert name_nodes("hdfs://nn:9000", {}) == ["nn:9000"]
    assert name_nodes("hdfs:///x", {"fs.defaultFS": "hdfs://nn:9000"}) == ["nn:9000"]
    assert name_nodes("hdfs:///x", {}) == []


def test_who_answers_and_why_another_does_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        here, gone = (f"127.0.0.1:{each.getsockname()[1]}" for each in (server, unused))
        found = answering([here, gone, "127.0.0.1:x", here])
    assert list(found) == [here, gone, "127.0.0.1:x"]
    assert found[here] is None
    assert found[gone] == "Connection refused"
    assert "invalid literal" in (found["127.0.0.1:x"] or "")
    assert answering([]) == {}
