"""What a probe's application found, as lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn, cast

import pytest

from orch_dagster.settings import Settings
from orch_dagster.spark import probe
from orch_dagster.spark.command import SubmitCommand
from orch_dagster.spark.probe import Finding, read_findings
from orch_dagster.spark.process import ProcessEnd, Surroundings
from orch_dagster.spark.yarn.application_end import ApplicationEnd
from orch_dagster.spark.yarn.gateway import YarnClient, YarnError, YarnGateway
from orch_dagster.spark.yarn.limits import ApplicationLimits
from orch_dagster.spark.yarn.submit import YarnSubmit
from orch_dagster.spark.yarn.submitted import SubmittedApplication

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
            # On the default name node.
            [NODE],
            ["n1"],
            {"sees": True},
            "hdfs:/data",
            [
                ("ok", "n1 has Python 3.9.1, /usr/bin/python3"),
                ("ok", "pyspark imports on n1"),
                ("ok", "the cluster sees the data root hdfs:/data"),
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


NOTHING = "the application found nothing out: "
RUNS = "application_1_1 is still RUNNING"


@pytest.mark.parametrize(
    ("process", "end", "texts"),
    [
        (
            ProcessEnd(0, "exited", "", 9.0),
            ApplicationEnd(),
            [f"{NOTHING}what it found can't be read: the name node is away"],
        ),
        (
            ProcessEnd(143, "timeout", "", 300.0),
            ApplicationEnd(unended=RUNS),
            [f"{NOTHING}it ran longer than 5 minutes and was stopped", RUNS],
        ),
        (
            ProcessEnd(1, "exited", "", 9.0),
            ApplicationEnd(failure="application_1_1 failed: its node was lost"),
            [f"{NOTHING}application_1_1 failed: its node was lost"],
        ),
    ],
)
def test_a_probe_on_yarn_that_tells_nothing_says_why(
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    process: ProcessEnd,
    end: ApplicationEnd,
    texts: list[str],
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise YarnError("the name node is away")

    monkeypatch.setattr(YarnSubmit, "run", lambda *_: (process, end))
    monkeypatch.setattr(YarnClient, "read_file", refuse)
    submit = YarnSubmit(
        cast(SubmitCommand, None),
        SubmittedApplication("tag", True),
        ApplicationLimits(),
        5.0,
        Surroundings(cwd=Path()),
    )
    client = YarnClient(YarnGateway(["never started"], {}))
    found = probe._on_yarn(submit, client, "found.json", settings)
    assert found == [("missing", text) for text in texts]
