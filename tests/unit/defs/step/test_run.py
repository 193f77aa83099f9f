"""What the op of a landing job makes of its job's end, in a run of Dagster in this process.

Spark is not the subject here and does not run: the process's end is given, and its messages are
those of a real run of JOB_1001, read from their file as they always are. Real processes are in
tests/runs.

Without postponed annotations: Dagster looks at the type of an op's context itself.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG, SYS_PARAMS
from orch_dagster.defs.partitions import RANGE_END_TAG, RANGE_START_TAG
from orch_dagster.defs.step import run as step_run
from orch_dagster.defs.step.begun import BegunStep, begin_step
from orch_dagster.defs.step.live_applications import LiveApplications
from orch_dagster.defs.step.load_params import load_params
from orch_dagster.defs.step.message_file import MessageFile, context_injector
from orch_dagster.defs.step.run import run_job
from orch_dagster.defs.step.submission import Submission, SubmitEnd
from orch_dagster.errors import OrchError
from orch_dagster.settings import Settings
from orch_dagster.spark.command import SubmitCommand
from orch_dagster.spark.process import ProcessEnd
from orch_dagster.spark.yarn.gateway import YarnError
from orch_dagster.toolchain.errors import SubmitRefusedError
from tests.begun_steps import DAY, LOG_NAME, KeptReports, fill, request
from tests.recorded_messages import recorded_messages

NEXT = "2024-05-16"
CHECKS = {name: dg.AssetCheckSpec(name, asset="job") for name in ("key_unique", "changes")}
DONE = ProcessEnd(0, "exited", "", 9.0)
APPLICATION = next(
    message["params"]["payload"]["spark_app_id"]
    for message in recorded_messages()
    if (message["params"] or {}).get("payload", {}).get("kind") == "application"
)


@dataclass
class GivenEnd:
    """Stands for spark-submit: prints lines, writes messages, ends as it is told."""

    process: ProcessEnd = DONE
    messages: list[dict[str, Any]] = field(default_factory=recorded_messages)
    lines: tuple[str, ...] = ()
    fault: str | None = None
    error: BaseException | None = None
    submissions: list[Submission] = field(default_factory=list)
    prepares: bool = False
    command: SubmitCommand | None = None

    def submit(
        self,
        context: dg.OpExecutionContext,
        submission: Submission,
        settings: Settings,
    ) -> SubmitEnd:
        self.submissions.append(submission)
        if self.error is not None:
            raise self.error
        for line in self.lines:
            submission.on_line(line)
        reader = MessageFile(submission.messages, submission.on_message, submission.mask)
        with dg.open_pipes_session(context, context_injector(), reader) as session:
            if self.prepares:
                self.command = submission.prepare(session.get_bootstrap_env_vars())
            text = "".join(json.dumps(message) + "\n" for message in self.messages)
            submission.messages.write_text(text, encoding="utf-8")
        return SubmitEnd(session, self.process, self.fault)


@dataclass(frozen=True)
class Ran:
    """A run of the job: its step, Dagster's result, the error of the op, the rows by date."""

    step: BegunStep
    result: dg.ExecuteInProcessResult
    error: BaseException | None
    rows: Mapping[str, Mapping[str, Any]]
    log: str
    reporter: KeptReports

    @property
    def landed(self) -> dict[str | None, dict[str, object]]:
        """Metadata of each materialization as plain values, by date."""
        return {
            event.partition: {name: value.value for name, value in event.metadata.items()}
            for event in self.result.asset_materializations_for_node("job")
        }


Run = Callable[..., Ran]


@pytest.fixture
def run(store: ControlStore, settings: Settings) -> Iterator[Run]:
    def run(client: GivenEnd, *biz_dts: str, **system: str) -> Ran:
        biz_dts = biz_dts or (DAY,)
        fill(store, *biz_dts, **system)
        reporter = KeptReports()
        begun = begin_step(request(*biz_dts), reporter, store, settings)
        step = load_params(begun, store, settings)
        raised: list[BaseException] = []

        def compute(context: dg.OpExecutionContext, _inputs: Mapping[str, Any]) -> Iterator[object]:
            try:
                yield from run_job(context, step, settings, CHECKS, client)
            except dg.RetryRequested as error:
                # Dagster would wait and try again, with the same step.
                raised.append(error)
                raise dg.Failure("retry", allow_retries=False) from error
            except BaseException as error:
                raised.append(error)
                raise

        result = dg.materialize(
            [_asset(compute)],
            instance=instance,
            partition_key=biz_dts[0] if len(biz_dts) == 1 else None,
            tags=_range_tags(*biz_dts) if len(biz_dts) > 1 else None,
            raise_on_error=False,
        )
        rows = {str(row["biz_dt"]): row for row in store.read(EXECUTION_LOG)}
        log = (settings.logs_dir / LOG_NAME).read_text(encoding="utf-8")
        return Ran(step, result, raised[0] if raised else None, rows, log, reporter)

    with dg.DagsterInstance.ephemeral() as instance:
        yield run


def _asset(compute: Callable[..., Iterator[object]]) -> dg.AssetsDefinition:
    return dg.AssetsDefinition(
        node_def=dg.OpDefinition(
            compute_fn=compute,
            name="job",
            outs={name: dg.Out(dg.Nothing) for name in ("result", *CHECKS)},
        ),
        keys_by_output_name={"result": dg.AssetKey("job")},
        check_specs_by_output_name=CHECKS,
        partitions_def=dg.DailyPartitionsDefinition("2024-05-01", end_date="2024-06-01"),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )


def _range_tags(first: str, *others: str) -> dict[str, str]:
    return {RANGE_START_TAG: first, RANGE_END_TAG: others[-1]}


def changed(kind: str, **payload: object) -> list[dict[str, Any]]:
    """The recorded messages, those of a kind with other values."""
    messages = recorded_messages()
    for message in messages:
        given = (message["params"] or {}).get("payload", {})
        if given.get("kind") == kind:
            given |= payload
    return messages


def test_a_landing(run: Run) -> None:
    ran = run(GivenEnd(lines=("24/05/16 INFO it runs",)))
    assert ran.result.success
    row = ran.rows[DAY]
    assert (row["status"], row["spark_app_id"]) == ("Completed", APPLICATION)
    assert row["row_count"] == ran_rows()
    (metadata,) = ran.landed.values()
    assert list(ran.landed) == [DAY]
    assert metadata["spark_app_id"] == APPLICATION
    assert metadata["dagster/partition_row_count"] == ran_rows()
    assert metadata["log_file"] == str(ran.step.run_log.path)
    assert "INFO  [spark] 24/05/16 INFO it runs\n" in ran.log
    assert ran.log.endswith("INFO  [orch] job completed: landed\n")


def test_a_result_without_the_keys_leaves_no_check_unevaluated(run: Run) -> None:
    """It was declared as nobody knew the columns, and Dagit showed 0 of 3 passed for ever."""
    checks = [each for each in recorded_messages() if "'checks', 'biz_dt'" not in str(each)]
    assert len(checks) == len(recorded_messages()) - 1
    ran = run(GivenEnd(messages=checks))
    found = ran.result.get_asset_check_evaluations()
    assert {each.check_name: (each.passed, each.description) for each in found} == dict.fromkeys(
        CHECKS, (True, f"{DAY}: nothing to check, the date's row has no business_keys")
    )
    # A run that lands nothing leaves them as they were.
    failed = run(GivenEnd(ProcessEnd(1, "exited", "", 9.0), messages=[]))
    assert failed.result.get_asset_check_evaluations() == []


def test_spark_is_linked_while_it_runs_and_its_history_afterwards(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked: list[object] = []
    monkeypatch.setattr(
        step_run, "write_engine_event", lambda *args: linked.append(args[-1]["spark_ui"].value)
    )
    client = GivenEnd(messages=changed("application", spark_ui="http://here:4040"))
    ran = run(client, spark_history_url="http://history:18080/")
    assert linked == ["http://here:4040"]
    (metadata,) = ran.landed.values()
    assert metadata["spark_history"] == f"http://history:18080/history/{APPLICATION}"
    # By now nobody is there.
    assert "spark_ui" not in metadata


@pytest.mark.parametrize(
    ("duration_s", "system", "advice"),
    [
        (
            9.0,
            {},
            "spark.profile: small in sys_params would start this job sooner, which took 9.0 s",
        ),
        (20.5, {}, None),
        (9.0, {"spark_profile": "default"}, None),
        (9.0, {"spark_profile": "small"}, None),
    ],
)
def test_a_short_job_is_advised_unless_its_profile_is_chosen(
    run: Run, duration_s: float, system: dict[str, str], advice: str | None
) -> None:
    ran = run(GivenEnd(ProcessEnd(0, "exited", "", duration_s)), **system)
    (metadata,) = ran.landed.values()
    assert metadata.get("faster_start") == advice


def test_an_address_that_is_none_is_said_and_no_link(run: Run) -> None:
    ran = run(GivenEnd(), spark_history_url="javascript:alert(1)")
    (metadata,) = ran.landed.values()
    assert "spark_history" not in metadata
    assert any("spark.history.url: " in text for text in ran.reporter.warnings)


@pytest.fixture
def small_log(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs of 2 kB."""
    assert home
    monkeypatch.setenv("ORCH_LOG_MAX_MB", "0.002")


def test_what_the_log_has_no_room_for_is_counted_and_said(small_log: None, run: Run) -> None:
    client = GivenEnd(lines=tuple(f"{number} {'x' * 99}" for number in range(1000)), prepares=True)
    ran = run(client)
    assert ran.rows[DAY]["status"] == "Completed"
    kept = ran.log.count(" [spark] ")
    assert 0 < kept < 20
    assert "WARN  [orch] the log has reached 0.002 MB (ORCH_LOG_MAX_MB): what the job" in ran.log
    said = f"{1000 - kept:,} lines ("
    assert ran.log.splitlines()[-1].partition("] ")[2].startswith(said)
    reporter = ran.reporter
    assert [text for text in reporter.warnings if text.startswith(said)]
    # The job's own logger counts by the same size.
    assert client.command is not None
    assert client.command.env["JOB_LOG_MAX_BYTES"] == "2000"


def test_a_line_of_the_job_forges_none_of_the_orchestrator(run: Run) -> None:
    opened, *_, closed = recorded_messages()
    forged = "2024-05-15T00:00:00.000Z INFO  [orch] job completed: landed"
    exception = {"name": "ValueError", "message": f"bad\n{forged}\x1b[2J", "stack": []}
    closed["params"] = {"exception": {**exception, "cause": None, "context": None}}
    end = ProcessEnd(1, "exited", "", 9.0)
    ran = run(GivenEnd(end, messages=[opened, closed], lines=("\x1b[31m red",)))
    assert f"\n{forged}" not in ran.log
    assert r"INFO  [spark] \x1b[31m red" in ran.log
    assert "\x1b" not in ran.log
    assert "\x1b" not in str(ran.rows[DAY]["error_message"])


def ran_rows() -> int:
    (landing,) = (
        message["params"]["payload"]
        for message in recorded_messages()
        if (message["params"] or {}).get("payload", {}).get("kind") == "landing"
    )
    return landing["row_count"]


def test_what_the_client_is_given(run: Run, settings: Settings) -> None:
    client = GivenEnd()
    ran = run(client)
    (submission,) = client.submissions
    assert submission.messages == ran.step.params.file.with_name("job.messages.jsonl")
    assert not submission.messages.exists()
    assert submission.timeout_s == settings.timeout_minutes * 60


def test_a_failure_is_the_rows_and_the_runs(run: Run) -> None:
    tail = 'Traceback (most recent call last):\n  File "/p/job.py", line 7\nValueError: bad\n'
    ran = run(GivenEnd(ProcessEnd(1, "exited", tail, 9.0), messages=[]))
    assert ran.landed == {}
    assert ran.rows[DAY]["error_message"] == "exit code 1: ValueError: bad (job.py:7)"
    assert isinstance(ran.error, dg.Failure)
    assert ran.error.description == ran.rows[DAY]["error_message"]
    assert ran.error.allow_retries is False
    assert "ERROR [orch] job failed: exit code 1: ValueError: bad (job.py:7)\n" in ran.log


def test_a_landing_without_its_report_is_unknown(run: Run) -> None:
    ran = run(GivenEnd(messages=recorded_messages()[:1]))
    assert ran.landed == {}
    assert str(ran.rows[DAY]["error_message"]).startswith("unknown whether the job landed")


def test_a_report_in_another_form_fails_the_step(run: Run) -> None:
    ran = run(GivenEnd(messages=changed("landing", row_count="many")))
    assert ran.landed == {}
    assert ran.rows[DAY]["error_message"] == (
        "the job reported its landing in a form that can't be read (row_count is not a whole "
        "number): use the framework that belongs to this version"
    )


def test_a_stop_cancels_row_and_run(run: Run) -> None:
    ran = run(GivenEnd(ProcessEnd(143, "stopped", "", 9.0), messages=[]))
    assert ran.rows[DAY]["status"] == "Canceled"
    assert isinstance(ran.error, dg.DagsterExecutionInterruptedError)


def test_a_stop_that_nobody_asked_for_is_a_failure_with_its_fault(run: Run) -> None:
    end = ProcessEnd(143, "stopped", "", 9.0)
    ran = run(GivenEnd(end, messages=[], fault="the code server that started the run died"))
    assert ran.rows[DAY]["status"] == "Failed: the code server that started the run died"


def interrupt(left: str) -> BaseException:
    """An interrupt after which something is left on the cluster."""
    error = dg.DagsterExecutionInterruptedError()
    error.__cause__ = YarnError(left)
    return error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SubmitRefusedError("no such script"), "Failed: no such script"),
        (
            OSError(28, "No space left on device", "/params/j.json"),
            "Failed: /params/j.json: No space left on device; free space on its disk",
        ),
        (RuntimeError("a fault of ours"), "Failed: RuntimeError: a fault of ours"),
        (dg.DagsterExecutionInterruptedError(), "Canceled"),
        (
            interrupt("application_1_1 is still RUNNING"),
            "Failed: DagsterExecutionInterruptedError; application_1_1 is still RUNNING",
        ),
    ],
)
def test_what_ends_the_submit_ends_the_row(run: Run, error: BaseException, status: str) -> None:
    ran = run(GivenEnd(error=error))
    assert ran.rows[DAY]["status"] == status
    is_known = isinstance(error, OrchError | OSError)
    assert isinstance(ran.error, dg.Failure if is_known else type(error))
    assert ran.landed == {}


def failure(biz_dt: str, name: str, message: str) -> dict[str, Any]:
    payload = {"kind": "failure", "biz_dt": biz_dt, "name": name, "message": message, "stack": []}
    return {"method": "report_custom_message", "params": {"payload": payload}}


def test_a_transient_failure_is_tried_again_and_its_row_stays_open(run: Run) -> None:
    opened, *_, closed = recorded_messages()
    end = ProcessEnd(1, "exited", "", 9.0)
    refused = failure(DAY, "Py4JJavaError", "java.net.ConnectException: Connection refused")
    ran = run(GivenEnd(end, messages=[opened, refused, closed]), retry_max="2", retry_delay="5")
    assert isinstance(ran.error, dg.RetryRequested)
    assert (ran.error.max_retries, ran.error.seconds_to_wait) == (2, 5.0)
    assert ran.rows[DAY]["status"] == "Started"
    assert f"WARN  [orch] attempt 1 of 3 failed, the next one is in 5 s: {DAY}: " in ran.log


def test_of_several_dates_those_that_landed_are_materialized_before_the_failure(run: Run) -> None:
    *before, closed = recorded_messages()
    end = ProcessEnd(1, "exited", "", 9.0)
    no_rows = failure(NEXT, "LandingError", "no rows")
    ran = run(GivenEnd(end, messages=[*before, no_rows, closed]), DAY, NEXT)
    assert list(ran.landed) == [DAY]
    assert {day: row["status"] for day, row in ran.rows.items()} == {
        DAY: "Completed",
        NEXT: "Failed: LandingError: no rows",
    }
    assert {day: row["row_count"] for day, row in ran.rows.items()} == {DAY: ran_rows(), NEXT: None}
    assert isinstance(ran.error, dg.Failure)
    assert ran.error.description == f"1 of 2 dates did not land: {NEXT}: LandingError: no rows"


def test_a_check_that_no_asset_has_fails_the_step(run: Run) -> None:
    *before, closed = recorded_messages()
    params = {"asset_key": "job", "check_name": "mine", "passed": True, "severity": "WARN"}
    check = {"method": "report_asset_check", "params": {**params, "metadata": {}}}
    ran = run(GivenEnd(messages=[*before, check, closed]))
    assert "reported the asset check 'mine'" in str(ran.rows[DAY]["error_message"])
    assert ran.landed == {}


def test_processes_that_outlive_even_kill_are_named_in_the_log(run: Run) -> None:
    ran = run(GivenEnd(replace(DONE, left=(7, 8))))
    assert ran.result.success
    assert "WARN  [orch] could not end processes of the job: 7, 8\n" in ran.log


def test_runs_that_have_begun_its_dates_are_looked_for_on_clusters_that_it_has_left(
    run: Run, store: ControlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_for: list[object] = []
    monkeypatch.setattr(
        LiveApplications, "clear_elsewhere", lambda _, run_ids: looked_for.append({*run_ids})
    )
    row = {"job_id": "J_job", "biz_dt": DAY, "status": "Started"}
    others = [{}, {"biz_dt": NEXT}, {"status": "Completed"}, {"job_id": "another"}]
    rows = [
        {"id": f"1_{number}", "run_id": f"run-{number}", **row, **other}
        for number, other in enumerate(others)
    ]
    store.upsert(EXECUTION_LOG, rows)
    assert run(GivenEnd()).result.success
    assert looked_for == [{"run-0"}]


def test_without_its_secrets_a_job_is_not_submitted(
    run: Run, store: ControlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    keys = {"environment": "DEV", "key_name": "*", "param_type": "secret"}
    store.upsert(SYS_PARAMS, [{**keys, "param_key": "TOKEN", "param_value": "env:NOWHERE"}])
    client = GivenEnd()
    ran = run(client)
    assert client.submissions == []
    assert "the environment variable NOWHERE is not set" in str(ran.rows[DAY]["error_message"])


def test_a_secret_is_in_no_line_message_or_row(
    run: Run, store: ControlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMEWHERE", "hunter2-hunter2")
    keys = {"environment": "DEV", "key_name": "*", "param_type": "secret"}
    store.upsert(SYS_PARAMS, [{**keys, "param_key": "TOKEN", "param_value": "env:SOMEWHERE"}])
    opened, *_, closed = recorded_messages()
    exception = {"name": "ValueError", "message": "hunter2-hunter2 was refused", "stack": []}
    closed["params"] = {"exception": {**exception, "cause": None, "context": None}}
    ran = run(GivenEnd(ProcessEnd(1, "exited", "", 9.0), messages=[opened, closed]))
    assert ran.rows[DAY]["error_message"] == "ValueError: ****** was refused"


def test_what_was_taken_out_of_the_bundle_reaches_the_submit(run: Run, store: ControlStore) -> None:
    row = {"environment": "DEV", "key_name": "*", "param_key": "spark.my.secret"}
    store.upsert(SYS_PARAMS, [{**row, "param_type": "spark", "param_value": "hunter2-hunter2"}])
    client = GivenEnd(prepares=True)
    ran = run(client)
    (submission,), command = client.submissions, client.command
    assert command is not None
    assert command.properties["spark.my.secret"] == "hunter2-hunter2"
    assert "hunter2" not in " ".join(command.argv)
    assert submission.mask.in_bytes(b"it said hunter2-hunter2") == b"it said ******"
    assert "hunter2" not in ran.step.params.bundle.to_json()
    assert "hunter2" not in ran.step.params.file.read_text(encoding="utf-8")
    assert f"[orch] running {command.argv[0]} " in ran.log
    assert "hunter2" not in ran.log


def test_what_the_end_of_a_secret_loses_is_in_the_log(run: Run, store: ControlStore) -> None:
    row = {"environment": "DEV", "key_name": "*", "param_key": "spark.my.secret"}
    store.upsert(SYS_PARAMS, [{**row, "param_type": "spark", "param_value": "hunter2-hunter2 "}])
    ran = run(GivenEnd(prepares=True))
    lost = "WARN  [orch] spark.my.secret: Spark drops the spaces and tabs at the ends of its value"
    assert lost in ran.log
    assert "hunter2" not in ran.log
