"""Remove what an application has staged at its end, or name it in the run's log."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from orch_dagster.spark.process import Command, ProcessEnd, Surroundings
from orch_dagster.spark.yarn.application_end import ApplicationEnd
from orch_dagster.spark.yarn.gateway import YarnClient, YarnError
from orch_dagster.spark.yarn.limits import ApplicationLimits
from orch_dagster.spark.yarn.report import Application
from orch_dagster.spark.yarn.submit import YarnSubmit
from orch_dagster.spark.yarn.submitted import SubmittedApplication

LEFT = "could not remove .sparkStaging/application_1_1 of user eve ({}): remove it by hand"


class Staging:
    """Stands for the cluster: refuses to remove what is staged, if it is told why."""

    def __init__(self, refusal: str) -> None:
        self.refusal = refusal

    def clean_staging(self, _: Application) -> None:
        if self.refusal:
            raise YarnError(self.refusal)


@pytest.mark.parametrize(
    ("is_cluster", "state", "refusal", "lines"),
    [
        (True, "KILLED", "not yours", [LEFT.format("not yours")]),
        # The second try removes it.
        (True, "KILLED", "", []),
        # Its driver has removed it.
        (True, "FINISHED", "not yours", []),
        # As the end by force told.
        (False, "KILLED", "", [LEFT.format("no right to")]),
    ],
)
def test_what_stays_staged_is_named(
    is_cluster: bool, state: str, refusal: str, lines: list[str]
) -> None:
    is_killed, told = state == "KILLED", list[str]()
    ended = Application(
        "application_1_1",
        state,
        "KILLED" if is_killed else "SUCCEEDED",
        user="eve",
        staged="no right to" if is_killed else "",
    )
    submit = YarnSubmit(
        cast(Command, None),
        SubmittedApplication("tag", is_cluster),
        ApplicationLimits(),
        5.0,
        Surroundings(),
        on_line=told.append,
    )
    submit._clean_staging(cast(YarnClient, Staging(refusal)), ApplicationEnd(ended))
    assert told == lines


def test_a_supervisor_whose_orchestrator_dies_finds_the_spark_of_the_orchestrator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever of its environment the job inherits."""
    orphans: list[Sequence[str]] = []

    def run(*_: object, surroundings: Surroundings, **__: object) -> ProcessEnd:
        orphans.append(surroundings.orphan)
        return ProcessEnd(0, "exited", "", 1.0)

    monkeypatch.setattr("orch_dagster.spark.yarn.submit.run_supervised", run)
    monkeypatch.setattr(
        "orch_dagster.spark.yarn.submitted.gateway_command",
        lambda environ: [environ["ORCH_SPARK_HOME"]],
    )
    monkeypatch.setenv("ORCH_SPARK_HOME", "/opt/spark")
    submit = YarnSubmit(
        cast(Command, None),
        SubmittedApplication("tag", is_cluster=False),
        ApplicationLimits(),
        5.0,
        Surroundings(environ={}),
    )
    client = cast(YarnClient, SimpleNamespace(find=lambda _: []))
    submit.run(client, threading.Event())
    assert [orphan[0] for orphan in orphans] == ["/opt/spark"]
