"""Runs looked for by the beginning of their id, and page by page."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRunStatus

from orch_dagster.defs.runs.liveness import (
    PID_STARTED_TAG,
    PID_TAG,
    PROCESS_OF_TAG,
    own_tags,
    process_tags,
)
from orch_dagster.defs.runs.lookup import end_status, find_run, runs_since
from orch_dagster.errors import UnknownRunError

JOB = dg.GraphDefinition("none").to_job()
IDS = [
    "0a0a0a0a-0000-4000-8000-000000000000",
    "0a0a0a0b-0000-4000-8000-000000000000",
    "ffffffff-0000-4000-8000-000000000000",
]


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        for run_id in IDS:
            made.create_run_for_job(JOB, run_id=run_id)
        yield made


@pytest.mark.parametrize("start", [IDS[2], "f", "FFFF", "ffffffff-00"])
def test_a_run_by_what_no_other_has(instance: DagsterInstance, start: str) -> None:
    assert find_run(instance, start).dagster_run.run_id == IDS[2]


def test_several_and_none_are_told(instance: DagsterInstance) -> None:
    with pytest.raises(UnknownRunError, match="2 runs have an id that starts with '0a0a'") as told:
        find_run(instance, "0a0a")
    assert all(run_id in str(told.value) for run_id in IDS[:2])
    with pytest.raises(UnknownRunError, match="no run of this instance"):
        find_run(instance, "0b")
    with pytest.raises(UnknownRunError, match="the run id is empty"):
        find_run(instance, "")


def test_of_very_many_the_first_are_named(instance: DagsterInstance) -> None:
    for number in range(10):
        instance.create_run_for_job(JOB, run_id=f"abcdef{number:02}{IDS[0][8:]}")
    with pytest.raises(UnknownRunError, match=r"10 runs .* …; give more characters of it") as told:
        find_run(instance, "abc")
    assert str(told.value).count("abcdef") == 5


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_every_run_once_oldest_first(instance: DagsterInstance, size: int) -> None:
    pages = list(runs_since(instance, None, size))
    assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)
    assert [record.dagster_run.run_id for page in pages for record in page] == IDS


def test_how_a_run_ended(instance: DagsterInstance) -> None:
    run = instance.create_run_for_job(JOB, status=DagsterRunStatus.STARTED, tags=process_tags())
    assert end_status(run) is None
    instance.report_run_canceled(run)
    (ended,) = instance.get_runs(dg.RunsFilter(run_ids=[run.run_id]))
    assert end_status(ended) is DagsterRunStatus.CANCELED


def test_a_run_whose_process_is_gone_has_failed(instance: DagsterInstance) -> None:
    tags = {**process_tags(), PID_STARTED_TAG: "1"}
    run = instance.create_run_for_job(JOB, status=DagsterRunStatus.STARTED, tags=tags)
    assert end_status(run) is DagsterRunStatus.FAILURE


@pytest.mark.parametrize("kind", ["today's", "without its run", "of an older version"])
def test_a_run_that_executes_another_again_has_not_its_process(
    instance: DagsterInstance, kind: str
) -> None:
    """Dagster copies the tags, and the next process has yet to begin."""
    tags = {**process_tags(), PID_STARTED_TAG: "1", "dagster/partition": "2024-05-15"}
    if kind == "today's":
        tags[PROCESS_OF_TAG] = IDS[0]
    elif kind == "of an older version":
        tags = {name.replace(".dagster/orch_", "orch/"): value for name, value in tags.items()}
    again = instance.create_run_for_job(
        JOB,
        status=DagsterRunStatus.STARTING,
        tags=tags,
        parent_run_id=IDS[0],
        root_run_id=IDS[0],
    )
    assert not any("pid" in name or "host" in name for name in own_tags(again))
    assert own_tags(again)["dagster/partition"] == "2024-05-15"
    assert end_status(again) is None

    instance.add_run_tags(again.run_id, {**process_tags(), PROCESS_OF_TAG: again.run_id})
    begun = instance.get_run_by_id(again.run_id)
    assert begun is not None
    assert own_tags(begun)[PID_TAG] == process_tags()[PID_TAG]
    instance.add_run_tags(again.run_id, {PID_STARTED_TAG: "1"})
    killed = instance.get_run_by_id(again.run_id)
    assert killed is not None
    assert end_status(killed) is DagsterRunStatus.FAILURE
