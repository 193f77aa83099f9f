"""The client of YARN tells what an application has, and ends all of a tag."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest

from orch_dagster.spark.yarn import hadoop
from orch_dagster.spark.yarn.hadoop import Hadoop


@pytest.mark.parametrize(
    ("used", "is_unmanaged", "containers"),
    [(1, False, 1), (1, True, 2), (0, True, 1), (-1, True, -1), (None, False, 0)],
)
def test_an_application_master_within_the_driver_counts_as_a_container(
    used: int | None, is_unmanaged: bool, containers: int
) -> None:
    """Its single container is an executor's, of which the row said that there is none."""
    report = MagicMock()
    report.isUnmanagedApp.return_value = is_unmanaged
    report.getStartTime.return_value = 1
    if used is None:
        report.getApplicationResourceUsageReport.return_value = None
    else:
        report.getApplicationResourceUsageReport().getNumUsedContainers.return_value = used
    assert hadoop._application(report)["containers"] == containers


class StagedHadoop(Hadoop):
    """A cluster with an application that can be killed, whose staging folder can't be removed."""

    def __init__(self) -> None:
        self.state = "RUNNING"

    def find(self, tag: str) -> list[dict[str, Any]]:
        return [{"id": tag, "user": "eve", "state": self.state}]

    def kill(self, application_id: str, why: str) -> None:
        self.state = "KILLED"

    def clean_staging(self, application_id: str, user: str) -> None:
        raise PermissionError(f"not yours, but {user}'s")


def test_an_application_has_ended_though_what_it_staged_can_not_be_removed() -> None:
    (ended,) = StagedHadoop().end("application_1_1", "it is over", 5.0)
    assert ended["state"] == "KILLED"
    assert ended["staged"] == "PermissionError: not yours, but eve's"


class ForeignHadoop(Hadoop):
    """A cluster with an application of another user's, which is killed first, and one of ours."""

    def __init__(self) -> None:
        self.states = {"foreign": "RUNNING", "own": "RUNNING"}

    def find(self, tag: str) -> list[dict[str, Any]]:
        return [{"id": each, "user": "eve", "state": self.states[each]} for each in self.states]

    def kill(self, application_id: str, why: str) -> None:
        if application_id == "foreign":
            raise PermissionError("eve's")
        self.states[application_id] = "KILLED"


def test_what_can_not_be_killed_keeps_no_other_application_of_the_run_from_its_end() -> None:
    """It is known to run on, where the run's end said that this is unknown."""
    cluster = ForeignHadoop()
    foreign, own = cluster.end("run", "it is over", 0.0)
    assert (foreign["state"], foreign["refusal"]) == ("RUNNING", "PermissionError: eve's")
    assert (own["state"], own["refusal"]) == ("KILLED", "")


def test_what_could_not_be_killed_and_ends_by_itself_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class EndingHadoop(ForeignHadoop):
        def kill(self, application_id: str, why: str) -> None:
            if application_id == "foreign" and self.states["own"] == "KILLED":
                self.states["foreign"] = "FINISHED"
            super().kill(application_id, why)

        def clean_staging(self, application_id: str, user: str) -> None:
            pass

    monkeypatch.setattr(hadoop, "_LATE_SUBMIT_S", 0.0)
    ended = EndingHadoop().end("run", "it is over", 20.0)
    assert [each["state"] for each in ended] == ["FINISHED", "KILLED"]
