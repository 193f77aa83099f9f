"""What a probe's application found, as lines."""

from __future__ import annotations

from typing import Any

import pytest

from orch_dagster.spark.probe import Finding, read_findings

DRIVER = {"host": "here", "version": "3.11.2", "path": "/usr/bin/python3"}
NODE = {"host": "n1", "version": "3.9.1", "path": "/usr/bin/python3", "sees": False}
NO_PYTHON = (
    'Py4JJavaError: Job aborted: java.io.IOException: Cannot run program "/opt/python3": error=2'
)


@pytest.mark.parametrize(
    ("nodes", "workers", "more", "root", "lines"),
    [
        (
            [NODE],
            ["n1"],
            {"sees": True},
            "hdfs://nn/data",
            [
                ("ok", "n1 has Python 3.9.1, /usr/bin/python3"),
                ("ok", "pyspark imports on n1"),
                ("ok", "the cluster sees the data root hdfs://nn/data"),
            ],
        ),
        (
            [NODE],
            "PySparkRuntimeError: versions differ",
            {},
            "/data",
            [
                ("ok", "n1 has Python 3.9.1, /usr/bin/python3"),
                ("missing", "n1 sees no data root /data: create it, or set ORCH_DATA_ROOT"),
                (
                    "missing",
                    "no Python task runs on the nodes: PySparkRuntimeError: versions differ; the "
                    "driver has Python 3.11.2, /usr/bin/python3",
                ),
            ],
        ),
        (
            NO_PYTHON,
            NO_PYTHON,
            {"sees": False},
            "hdfs://nn/data",
            [
                (
                    "missing",
                    "no Python on the node: '/opt/python3' is not there; set "
                    "spark.pyspark.python to the nodes' own",
                ),
                (
                    "missing",
                    "the cluster sees no data root hdfs://nn/data: create it, or set "
                    "ORCH_DATA_ROOT",
                ),
            ],
        ),
    ],
)
def test_each_finding_is_a_line(
    nodes: object, workers: object, more: dict[str, Any], root: str, lines: list[Finding]
) -> None:
    found = {"driver": DRIVER, "nodes": nodes, "workers": workers, **more}
    assert read_findings(found, root) == lines
