"""Applications that land the same dates: found before a submit, and after it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import cast
from unittest.mock import MagicMock

import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from sqlalchemy.exc import OperationalError

from orch_dagster.bundle.bundle import ParamBundle
from orch_dagster.defs.runs.liveness import (
    PID_STARTED_TAG,
    PROCESS_OF_TAG,
    process_tags,
    write_process,
)
from orch_dagster.defs.step.live_applications import LiveApplications
from orch_dagster.settings import Settings
from orch_dagster.spark.yarn.gateway import YarnClient, YarnError
from orch_dagster.spark.yarn.report import Application
from orch_dagster.spark.yarn.tags import attempt_tag, date_tags
from orch_dagster.toolchain.errors import SubmitRefusedError
from tests.begun_steps import DAY, spec

NEXT = "2024-05-16"
FIRST = "0a1f6f6e-6f0e-4c1e-9d0e-3f2d1c0b9a88"
SECOND = "0b1f6f6e-6f0e-4c1e-9d0e-3f2d1c0b9a88"
# By which a user finds the applications of a project.
PROJECT = "00000000-0000-4000-8000-000000000000"
JOB_TAG = "orch-job_1"


@dataclass
class ResourceManager:
    """Stands for the cluster: knows what it has taken, and kills what it may."""

    known: list[Application] = field(default_factory=list[Application])
    may_kill: bool = True
    killed: list[str] = field(default_factory=list[str])

    def find(self, _tag: str) -> list[Application]:
        return sorted(self.known, key=lambda each: each.order)

    def end(self, tag: str, _why: str, _within_s: float) -> list[Application]:
        found = [each for each in self.known if tag in each.tags]
        if self.may_kill:
            self.killed += [each.id for each in found]
            self.known = [each for each in self.known if each not in found]
            return [dataclasses.replace(each, state="KILLED") for each in found]
        return found

    def take(self, run_id: str, number: int, started_ms: int, *days: str) -> Application:
        tries = attempt_tag(run_id, spec().job_name)
        tags = frozenset({JOB_TAG, run_id, PROJECT, tries, *date_tags(days or (DAY,))})
        taken = Application(
            f"application_1_{number:04}", "ACCEPTED", tags=tags, started_ms=started_ms
        )
        self.known.append(taken)
        return taken


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    """One with two runs of this process, which lives."""
    with DagsterInstance.ephemeral() as instance:
        for run_id in (FIRST, SECOND):
            instance.add_run(
                DagsterRun("j", run_id, status=DagsterRunStatus.STARTED, tags=process_tags())
            )
        yield instance


Of = Callable[[str], LiveApplications]


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def of(instance: DagsterInstance, settings: Settings, warnings: list[str]) -> Of:
    def of(run_id: str) -> LiveApplications:
        now = datetime.now(timezone.utc)
        bundle = ParamBundle(spec(), run_id, (DAY,), "DEV", now, (), (), ())
        return LiveApplications(instance, settings, bundle, JOB_TAG, warnings.append)

    return of


@pytest.fixture
def cluster() -> ResourceManager:
    return ResourceManager()


@pytest.fixture
def client(cluster: ResourceManager) -> YarnClient:
    return cast(YarnClient, cluster)


def test_a_job_whose_dates_a_living_run_lands_is_refused(
    of: Of, cluster: ResourceManager, client: YarnClient
) -> None:
    cluster.take(FIRST, 1, 10, NEXT)
    of(SECOND).clear(client)
    cluster.take(FIRST, 2, 20, DAY, NEXT)
    named = f"application_1_0002 of run {FIRST} is ACCEPTED and lands {DAY}: wait"
    with pytest.raises(SubmitRefusedError, match=named):
        of(SECOND).clear(client)
    assert cluster.killed == []


def test_what_another_orchestrator_of_the_store_lands_is_named_and_not_ended(
    of: Of, instance: DagsterInstance, cluster: ResourceManager, client: YarnClient
) -> None:
    """Neither its run nor its process can be looked up from here."""
    instance.delete_run(FIRST)
    taken = cluster.take(FIRST, 1, 10)
    with pytest.raises(SubmitRefusedError, match=f"{taken.id} of run {FIRST} is ACCEPTED and"):
        of(SECOND).clear(client)
    assert cluster.killed == []


@pytest.mark.parametrize("is_first_seen_late", [True, False])
def test_of_two_that_are_submitted_at_one_moment_the_later_one_gives_way(
    of: Of, cluster: ResourceManager, client: YarnClient, is_first_seen_late: bool
) -> None:
    """Neither sees the other before; an id is given before an application is taken."""
    of(FIRST).clear(client)
    of(SECOND).clear(client)
    taken = cluster.take(SECOND, 9999, 10)
    if is_first_seen_late:
        assert of(SECOND).rival(client, taken) is None
    later = cluster.take(FIRST, 9998, 11)
    assert of(SECOND).rival(client, taken) is None
    reason = str(of(FIRST).rival(client, later))
    assert reason.startswith(f"{taken.id} of run {SECOND} is ACCEPTED and lands {DAY}: wait")
    # In the same millisecond: by their numbers, of which one may be longer.
    same = cluster.take(FIRST, 10000, 10)
    assert of(SECOND).rival(client, taken) is None
    assert of(FIRST).rival(client, same) is not None
    assert cluster.killed == []


def test_what_a_dead_run_submitted_late_is_ended(
    of: Of,
    instance: DagsterInstance,
    cluster: ResourceManager,
    client: YarnClient,
    warnings: list[str],
) -> None:
    mine, late = cluster.take(SECOND, 1, 10), cluster.take(FIRST, 2, 5)
    run = instance.get_run_by_id(FIRST)
    assert run is not None
    instance.report_run_failed(run)
    cluster.may_kill = False
    left = f"a run that is over left an application: {late.id} is still ACCEPTED"
    assert str(of(SECOND).rival(client, mine)).startswith(left)
    cluster.may_kill = True
    assert of(SECOND).rival(client, mine) is None
    assert cluster.killed == [late.id]
    assert warnings[-1] == f"ending {late.id}, which run {FIRST} left ACCEPTED"


def test_a_storage_that_is_away_leaves_it_to_the_next_look(
    monkeypatch: pytest.MonkeyPatch,
    of: Of,
    instance: DagsterInstance,
    cluster: ResourceManager,
    client: YarnClient,
) -> None:
    mine, _ = cluster.take(SECOND, 1, 10), cluster.take(FIRST, 2, 5)

    def away(_: str) -> None:
        raise OperationalError("SELECT", {}, Exception("server closed the connection"))

    with monkeypatch.context() as patched:
        patched.setattr(instance, "get_run_by_id", away)
        with pytest.raises(YarnError, match="unknown which runs live"):
            of(SECOND).rival(client, mine)
    assert of(SECOND).rival(client, mine) is not None


MARK = {"environ": {}, "properties": {"spark.hadoop.yarn.resourcemanager.address": "old:8032"}}


@pytest.mark.parametrize("is_deleted", [True, False])
def test_a_job_that_has_left_a_cluster_ends_what_a_dead_run_of_it_left_there(
    monkeypatch: pytest.MonkeyPatch,
    of: Of,
    instance: DagsterInstance,
    settings: Settings,
    warnings: list[str],
    is_deleted: bool,
) -> None:
    """Such as by `spark.master: local[4]` from one run to the next: nobody else asks YARN then."""
    asked: list[object] = []

    def end(client: YarnClient, tag: str, *_: object) -> list[Application]:
        asked.append((dict(client.properties), tag))
        return [Application("application_1_1", "KILLED")]

    monkeypatch.setattr(YarnClient, "end", end)
    monkeypatch.setattr("orch_dagster.defs.runs.dead_applications.YarnGateway.of", MagicMock())
    mark = json.dumps({"run_id": FIRST, **MARK})
    dead = {PID_STARTED_TAG: "1"}
    instance.add_run_tags(FIRST, {".dagster/orch_yarn_1f": mark, PROCESS_OF_TAG: FIRST, **dead})
    if is_deleted:
        write_process(settings.params_dir, FIRST, {**process_tags(), **dead})
        (settings.params_dir / FIRST / "run.yarn_1f.json").write_text(mark, encoding="utf-8")
        instance.delete_run(FIRST)
    of(SECOND).clear_elsewhere([FIRST])
    assert asked == [({"yarn.resourcemanager.address": "old:8032"}, FIRST)]
    assert warnings == [f"ending what run {FIRST}, which is over, may have left on YARN"]


@pytest.mark.parametrize("day", [DAY, NEXT])
def test_a_job_whose_dates_a_living_run_lands_on_the_cluster_that_it_has_left_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    of: Of,
    instance: DagsterInstance,
    cluster: ResourceManager,
    warnings: list[str],
    day: str,
) -> None:
    taken = cluster.take(FIRST, 1, 10, day)
    answers: list[YarnError | None] = [YarnError("old:8032 refused"), None]

    def find(client: YarnClient, tag: str) -> list[Application]:
        assert client.properties == {"yarn.resourcemanager.address": "old:8032"}
        if error := answers.pop(0):
            raise error
        return cluster.find(tag)

    monkeypatch.setattr(YarnClient, "find", find)
    monkeypatch.setattr("orch_dagster.defs.step.live_applications.shared_gateway", MagicMock())
    mark = json.dumps({"run_id": FIRST, **MARK})
    instance.add_run_tags(FIRST, {".dagster/orch_yarn_1f": mark, PROCESS_OF_TAG: FIRST})
    of(SECOND).clear_elsewhere([FIRST])
    assert warnings == [f"it is unknown whether run {FIRST} lands these dates: old:8032 refused"]
    if day == NEXT:
        of(SECOND).clear_elsewhere([FIRST])
        return
    with pytest.raises(SubmitRefusedError, match=f"{taken.id} of run {FIRST} is ACCEPTED and"):
        of(SECOND).clear_elsewhere([FIRST])


def test_what_a_dead_run_left_elsewhere_and_goes_on_refuses_the_job(
    monkeypatch: pytest.MonkeyPatch, of: Of, instance: DagsterInstance, warnings: list[str]
) -> None:
    answers: list[Application | YarnError] = [YarnError("old:8032 refused")]

    def end(_: YarnClient, *__: object) -> list[Application]:
        answer = answers[0]
        if isinstance(answer, YarnError):
            raise answer
        return [answer]

    monkeypatch.setattr(YarnClient, "end", end)
    monkeypatch.setattr("orch_dagster.defs.runs.dead_applications.YarnGateway.of", MagicMock())
    mark = json.dumps({"run_id": FIRST, **MARK})
    tags = {".dagster/orch_yarn_1f": mark, PROCESS_OF_TAG: FIRST, PID_STARTED_TAG: "1"}
    instance.add_run_tags(FIRST, tags)
    # It may be gone for good, which is why the job runs elsewhere.
    of(SECOND).clear_elsewhere([FIRST])
    assert "it is unknown whether an application of it still runs" in warnings[-1]
    answers[0] = Application("application_1_1", "RUNNING")
    with pytest.raises(SubmitRefusedError, match="left an application: application_1_1 is still"):
        of(SECOND).clear_elsewhere([FIRST])
    # A job that never ran on YARN asks nothing.
    of(SECOND).clear_elsewhere([SECOND, "unknown"])
