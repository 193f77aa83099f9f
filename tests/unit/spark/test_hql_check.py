"""A check of HQL reads local files only where there are some, by the class that jobs name."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from orch_dagster.bundle.bundle import ParamBundle
from orch_dagster.control.records import SysParam
from orch_dagster.registry.context_params import parse_context_params
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.spark.hql_check import file_class, finds_files

NAME = "etl_lnd_a_b_t_c"
BARE = {"spark.hadoop.fs.file.impl": "a.BareFiles", "spark.jars": "C:/jars/bare.jar"}


def bundle(*sources: dict[str, Any], **properties: str) -> ParamBundle:
    sink = {"format": "orc", "path": "out", "partition_cols": ["biz_dt"]}
    document = {"sources": sources, "sinks": [sink]}
    params = [SysParam(key, "DEV", "*", value, "spark") for key, value in properties.items()]
    spec = JobSpec("1", NAME, parse_context_params(json.dumps(document), NAME), "landing.py")
    now = datetime.now(timezone.utc)
    return ParamBundle(spec, "orch-check", ("2024-05-15",), "DEV", now, (), (), params)


@pytest.mark.parametrize("path", ["in/{biz_dt}.csv", "in/{biz_dt:%Y}/*.csv", "in/2024.csv"])
def test_it_reads_no_local_file_where_there_is_none(tmp_path: Path, path: str) -> None:
    """Then nothing calls hadoop.dll, which a machine that submits to a cluster may not have."""
    asked = bundle({"format": "csv", "path": path, "schema": "a INT"})
    assert not finds_files(asked, str(tmp_path))
    file = tmp_path / "in" / "2024.csv"
    file.parent.mkdir()
    if "%Y" in path:
        file = file.parent / "2024" / "a.csv"
        file.parent.mkdir()
    file.touch()
    # Spark lists it even where its columns are given.
    assert finds_files(asked, str(tmp_path))


def test_files_of_a_cluster_and_tables_are_none_of_this_machine() -> None:
    asked = bundle(
        {"format": "csv", "path": "in/*.csv"}, {"format": "jdbc", "path": "t", "options": {}}
    )
    assert not finds_files(asked, "hdfs://nn/data")


def test_the_class_that_reads_local_files_of_jobs_reads_those_of_the_check() -> None:
    plain, bare = bundle({"format": "csv", "path": "a"}), bundle({"format": "csv", "path": "a"}, **{
        **BARE, "spark.executor.memory": "9g",
    })  # fmt: skip
    assert file_class([plain, bare], "win32") == BARE
    assert file_class([plain], "win32") == {}
    assert file_class([plain, bare], "linux") == {}
