"""The IO manager within a run of Dagster, on the embedded store; no job is submitted.

Without postponed annotations: Dagster looks at the type of an op's context itself.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import pytest

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG, JOB_DEPENDENCY
from orch_dagster.defs.op_parts import PARAM_BUNDLE
from orch_dagster.defs.partitions import PARTITION_TAG
from orch_dagster.defs.resources import control_store_resource
from orch_dagster.defs.runs.history import HistoryReader
from orch_dagster.defs.step.begun import BegunStep
from orch_dagster.defs.step.io_manager import param_bundle_io_manager
from orch_dagster.defs.translator import CONTROL_STORE_KEY, PARAM_BUNDLE_KEY
from orch_dagster.settings import Settings
from tests.code_location import Located

DAY = "2024-05-15"


class Job:
    """Ops that only take their parameters, in a job named like one of them."""

    def __init__(self, located: Located, settings: Settings, instance: dg.DagsterInstance) -> None:
        self._location = located().location
        self._settings = settings
        self._instance = instance
        self.taken: dict[str, BegunStep] = {}

    def run(self, *op_names: str, **tags: str) -> dg.ExecuteInProcessResult:
        graph = dg.GraphDefinition(name="jobs", node_defs=[self._op(name) for name in op_names])
        job = graph.to_job(
            resource_defs={
                PARAM_BUNDLE_KEY: param_bundle_io_manager(self._location),
                CONTROL_STORE_KEY: control_store_resource(self._settings),
            }
        )
        return job.execute_in_process(instance=self._instance, tags=tags, raise_on_error=False)

    def _op(self, name: str) -> dg.OpDefinition:
        def compute(_context: dg.OpExecutionContext, inputs: Mapping[str, Any]) -> Iterator[object]:
            step: BegunStep = inputs["params"]
            step.run_log.close()
            self.taken[name] = step
            yield dg.Output(None)

        return dg.OpDefinition(
            compute_fn=compute,
            name=name,
            ins={"params": dg.In(PARAM_BUNDLE, input_manager_key=PARAM_BUNDLE_KEY)},
            outs={"result": dg.Out(dg.Nothing, io_manager_key=PARAM_BUNDLE_KEY)},
        )


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def job(located: Located, settings: Settings, instance: dg.DagsterInstance) -> Job:
    return Job(located, settings, instance)


def statuses(store: ControlStore) -> dict[object, object]:
    return {row["job_name"]: row["status"] for row in store.read(EXECUTION_LOG)}


def test_an_op_receives_its_begun_step(
    job: Job, store: ControlStore, settings: Settings, instance: dg.DagsterInstance
) -> None:
    done = job.run("job_1", **{PARTITION_TAG: DAY})
    assert done.success
    step = job.taken["job_1"]
    assert (step.job_name, step.request.run_id) == ("job_1", done.run_id)
    assert step.params.bundle.biz_dts == (DAY,)
    assert statuses(store) == {"job_1": "Started"}
    assert str(step.log_metadata["log_file"].value).startswith(str(settings.logs_dir))
    record = instance.get_run_record_by_id(done.run_id)
    assert record is not None
    assert step.request.created_at == record.create_timestamp
    # What the event log has is what the row was made of.
    assert HistoryReader(instance, {}).read(record).reports == [step.writer.report]


def test_parents_of_the_same_run_need_not_have_completed(
    located: Located, store: ControlStore, settings: Settings, instance: dg.DagsterInstance
) -> None:
    edge = {"dependent_job_id": "J2", "dependent_job_name": "job_2", "parent_job_id": "J1"}
    store.upsert(JOB_DEPENDENCY, [edge])
    job = Job(located, settings, instance)

    assert job.run("job_1", "job_2", **{PARTITION_TAG: DAY}).success
    assert [each.job_name for each in job.taken["job_2"].request.parents_outside] == []

    failed = job.run("job_2", **{PARTITION_TAG: DAY})
    failure = failed.failure_data_for_node("job_2")
    assert failure is not None
    assert failure.user_failure_data is not None
    message = f"job_2 waits for its parents: job_1 (J1) has not completed {DAY}"
    assert str(failure.user_failure_data.description).startswith(message)


def test_a_run_without_a_date_has_a_row_that_says_so(job: Job, store: ControlStore) -> None:
    assert not job.run("job_1").success
    (row,) = store.read(EXECUTION_LOG)
    assert row["biz_dt"] is None
    assert str(row["status"]).startswith("Failed: the run names no business date")


def test_two_jobs_of_a_run_share_its_log(job: Job) -> None:
    assert job.run("job_1", "job_2", **{PARTITION_TAG: DAY}).success
    (path,) = {step.run_log.path for step in job.taken.values()}
    text = path.read_text(encoding="utf-8")
    assert all(f"[orch] {name} started for {DAY}\n" in text for name in ("job_1", "job_2"))
