"""What SparkSubmitClient makes of an asset's call and of the end of its process.

The process is not the subject here: `run_supervised` is replaced by an end that is given. Real
processes are in tests/runs/defs/test_spark_submit_client.py.

Without postponed annotations: Dagster looks at the type of an op's context itself.
"""

import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import ValidationError

from orch_dagster.bundle.secrets import Secrets
from orch_dagster.defs.step.submission import Submission
from orch_dagster.errors import MissingTableError, PermanentStoreError
from orch_dagster.settings import Settings
from orch_dagster.spark.command import SubmitCommand
from orch_dagster.spark.process import ProcessEnd
from orch_dagster.spark.submit import ScriptSubmit
from orch_dagster.spark.yarn.report import Application
from orch_dagster.spark_submit import SparkSubmitClient, SubmitOptions

URL = "s3://code/count.py"
DONE = ProcessEnd(0, "exited", "", 9.0)


class Process:
    """Stands for run_supervised: keeps what it is given, writes messages, ends as it is told."""

    def __init__(self) -> None:
        self.end: ProcessEnd = DONE
        self.lines = ["a line of the script"]
        self.messages: list[dict[str, Any]] = []
        self.commands: list[SubmitCommand] = []
        self.options: list[Mapping[str, Any]] = []

    def __call__(self, command: SubmitCommand, **options: Any) -> ProcessEnd:
        self.commands.append(command)
        self.options.append(options)
        text = "".join(json.dumps(message) + "\n" for message in self.messages)
        options["surroundings"].unread.write_text(text, encoding="utf-8")
        for line in self.lines:
            options["on_line"](line)
        return self.end


Ask = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    process = Process()
    monkeypatch.setattr("orch_dagster.defs.step.run_submit.run_supervised", process)
    return process


@pytest.fixture
def ask(settings: Settings, process: Process) -> Iterator[Ask]:
    """Runs an asset that hands these arguments to the client."""

    def ask(client: SparkSubmitClient | None = None, **arguments: Any) -> dg.ExecuteInProcessResult:
        def compute(context: dg.OpExecutionContext, _inputs: Mapping[str, Any]) -> Iterator[object]:
            given = {"script": URL, **arguments}
            yield from context.resources.spark.run(context=context, **given).get_results()

        asset = dg.AssetsDefinition(
            node_def=dg.OpDefinition(
                compute_fn=compute,
                name="numbers",
                outs={"result": dg.Out(dg.Nothing)},
                required_resource_keys={"spark"},
            ),
            keys_by_output_name={"result": dg.AssetKey("numbers")},
        )
        resources = {"spark": client or SparkSubmitClient()}
        return dg.materialize([asset], resources=resources, instance=instance, raise_on_error=False)

    with dg.DagsterInstance.ephemeral() as instance:
        yield ask


def error_of(result: dg.ExecuteInProcessResult) -> str:
    """Why the asset's step failed."""
    failure = result.failure_data_for_node("numbers")
    assert failure is not None
    if failure.user_failure_data is not None:
        return str(failure.user_failure_data.description)
    error = failure.error
    while error is not None and error.cause is not None:
        error = error.cause
    assert error is not None
    return error.message


def test_the_call_becomes_a_command(ask: Ask, process: Process) -> None:
    client = SparkSubmitClient(properties={"spark.a": "1", "spark.b": "1"}, timeout_minutes=3)
    options = SubmitOptions(properties={"spark.b": "2"}, variables={"MODE": "x"})
    done = ask(client, arguments=["--year", "2024"], options=options)
    assert done.success
    (command,), (given,) = process.commands, process.options
    assert command.argv[-3:] == (URL, "--year", "2024")
    assert {"spark.a=1", "spark.b=2", "spark.app.name=numbers"} <= set(command.argv)
    assert command.env["MODE"] == "x"
    assert {"DAGSTER_PIPES_CONTEXT", "DAGSTER_PIPES_MESSAGES"} <= set(command.env)
    assert given["limits"].timeout_s == 180


def test_a_script_waits_for_yarn_within_a_limit_and_says_so(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own limit counts from its start there, so that one that never started had none."""
    given: list[Submission] = []

    def run_submit(
        _: SubmitCommand, submission: Submission, *__: object
    ) -> tuple[ProcessEnd, None]:
        given.append(submission)
        submission.on_application.waiting("queue q is full")
        submission.on_application.running(Application("application_1_1", "RUNNING", queue="q"))
        return DONE, None

    monkeypatch.setattr("orch_dagster.defs.step.spark_submit.run_submit", run_submit)
    assert ask(SparkSubmitClient(timeout_minutes=3)).success
    (submission,) = given
    assert (submission.timeout_s, submission.queue_s) == (180, 720 * 60)
    # Which is a setting of landing jobs.
    assert "queue.minutes" not in submission.queue_remedy
    said = capsys.readouterr().err
    assert "waiting for YARN: queue q is full" in said
    assert "runs as application_1_1 in queue q" in said


def test_its_own_timeout_is_the_narrower(ask: Ask, process: Process, settings: Settings) -> None:
    ask(SparkSubmitClient(timeout_minutes=3), options=SubmitOptions(timeout_minutes=0.5))
    ask()
    assert [given["limits"].timeout_s for given in process.options] == [
        30,
        settings.timeout_minutes * 60,
    ]


def test_the_scripts_output_is_the_steps(ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask().success
    assert "a line of the script\n" in capsys.readouterr().err


def test_output_beyond_the_largest_size_of_a_log_is_counted(
    ask: Ask, process: Process, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCH_LOG_MAX_MB", "0.001")
    process.lines = [f"\x1b[31m {'x' * 92}"] * 100
    assert ask().success
    err = capsys.readouterr().err
    # Of 99 bytes each.
    assert err.count("x" * 92) == 11
    assert "\x1b" not in err
    assert "the log has reached 0.001 MB (ORCH_LOG_MAX_MB): what the job prints from" in err
    assert "89 lines (8,811 bytes) that the job printed are not in its log" in err


def test_what_the_script_reports_is_the_result(ask: Ask, process: Process) -> None:
    application = {"kind": "application", "spark_app_id": "local-1", "spark_ui": "http://here:4040"}
    metadata = {"rows": {"raw_value": 7, "type": "int"}}
    process.messages = [
        {"method": "opened", "params": {}},
        {"method": "report_custom_message", "params": {"payload": application}},
        {
            "method": "report_asset_materialization",
            "params": {"asset_key": "numbers", "metadata": metadata, "data_version": None},
        },
        {"method": "closed", "params": {}},
    ]
    (event,) = ask().asset_materializations_for_node("numbers")
    assert {name: value.value for name, value in event.metadata.items()} == {
        "rows": 7,
        "spark_app_id": "local-1",
        "spark_ui": "http://here:4040",
    }


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (ProcessEnd(3, "exited", "no such table\n", 1.0), "exit code 3: no such table"),
        (ProcessEnd(143, "timeout", "", 1.0), "timed out after 2 minutes and was stopped"),
    ],
)
def test_a_script_that_fails_fails_the_step(
    ask: Ask, process: Process, end: ProcessEnd, message: str
) -> None:
    process.end = end
    assert error_of(ask(SparkSubmitClient(timeout_minutes=2))).startswith(message)


def test_the_exception_of_the_script_is_the_message(ask: Ask, process: Process) -> None:
    process.end = ProcessEnd(1, "exited", "", 1.0)
    exception = {"name": "ValueError", "message": "bad", "stack": ['  File "count.py", line 3']}
    exception |= {"cause": None, "context": None}
    process.messages = [
        {"method": "opened", "params": {}},
        {"method": "closed", "params": {"exception": exception}},
    ]
    assert error_of(ask()) == "ValueError: bad (count.py:3)"


def test_a_stop_interrupts_the_step(ask: Ask, process: Process) -> None:
    process.end = ProcessEnd(143, "stopped", "", 1.0)
    stopped = ask()
    failure = stopped.failure_data_for_node("numbers")
    assert failure is not None
    assert failure.error is not None
    assert failure.error.cls_name == "DagsterExecutionInterruptedError"
    assert "stopped on request before the job had ended" in failure.error.message


def test_secrets_are_masked_and_named_wrong_ones_refused(
    ask: Ask, process: Process, settings: Settings
) -> None:
    assert ask(options=SubmitOptions(secrets={"TOKEN": "hunter2", "spark.my.key": "x-x-x"})).success
    (command,), (given,) = process.commands, process.options
    assert given["mask"](b"hunter2 and x-x-x") == b"****** and ******"
    assert "x-x-x" not in " ".join(command.argv)
    assert command.env["TOKEN"] == "hunter2"
    refused = error_of(ask(options=SubmitOptions(secrets={"spark.master": "y", "PATH": "y"})))
    assert "spark.master becomes a part of a command line" in refused
    assert "PATH can't be a secret" in refused
    assert len(process.commands) == 1
    files = [file for file in settings.params_dir.rglob("*") if file.is_file()]
    assert not [file for file in files if file.suffix in (".properties", ".jsonl")]


@pytest.mark.parametrize("kind", [PermanentStoreError, MissingTableError])
def test_a_store_that_refuses_is_said_but_not_one_that_was_never_made(
    kind: type[PermanentStoreError],
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(_: object) -> None:
        raise kind("permission denied for table sys_params", store="here")

    monkeypatch.setattr("orch_dagster.defs.step.spark_submit.fetch_secret_rows", refuse)
    assert ask().success
    is_said = "can't be kept from this script and masked: control store here" in (
        capsys.readouterr().err
    )
    assert is_said is (kind is PermanentStoreError)


def test_a_properties_file_is_removed_though_the_command_was_not_built(
    ask: Ask, process: Process, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def prepare(script: ScriptSubmit, *_: object) -> SubmitCommand:
        script.properties_file.write_text("spark.my.key=hunter2", encoding="utf-8")
        written.append(script.properties_file)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("orch_dagster.defs.step.spark_submit.prepare_script", prepare)
    assert "No space left" in error_of(ask())
    (file,) = written
    assert not file.exists()
    assert process.commands == []


@pytest.mark.skipif(os.name == "nt", reason="a folder has no mode there")
def test_nobody_else_can_read_its_messages(ask: Ask, settings: Settings) -> None:
    """They are masked only when they are read."""
    run_id = ask().run_id
    assert stat.S_IMODE((settings.params_dir / run_id).stat().st_mode) == 0o700


def test_properties_that_no_spark_takes_are_all_named(ask: Ask, process: Process) -> None:
    client = SparkSubmitClient(properties={"memory": "2g", "spark.a b": "1"})
    refused = error_of(ask(client))
    assert "memory does not begin with 'spark.'" in refused
    assert "spark.a b has a space" in refused
    assert process.commands == []


def test_no_record_shows_a_secret() -> None:
    options = SubmitOptions(secrets={"TOKEN": "hunter2", "spark.my.key": "hunter2"})
    assert "hunter2" not in repr(options)
    assert "hunter2" not in repr(Secrets({"spark.my.key": "hunter2"}, {"TOKEN": "hunter2"}))


def test_a_timeout_of_nothing_is_refused_where_the_client_is_made() -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        SparkSubmitClient(timeout_minutes=0)
    with pytest.raises(ValueError, match="timeout_minutes is 0"):
        SubmitOptions(timeout_minutes=0)
