"""SparkSubmitClient: a Pipes client whose process is a supervised spark-submit."""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import dagster as dg
from dagster import (
    AssetExecutionContext,
    DagsterExecutionInterruptedError,
    OpExecutionContext,
    PipesClientCompletedInvocation,
    PipesSession,
)
from pydantic import Field

from framework.contract.log_line import log_text
from framework.contract.params_file import WAREHOUSE_SUFFIX
from framework.contract.secret_names import SPARK_PREFIX, is_secret
from framework.contract.system_settings import QUEUE_MINUTES
from framework.contract.visible import visible
from orch_dagster.bundle.bundle import run_folder
from orch_dagster.bundle.fetch import fetch_secret_rows
from orch_dagster.bundle.job_environment import job_environment, secret_variables
from orch_dagster.bundle.leftovers import MESSAGES_SUFFIX, PROPERTIES_SUFFIX
from orch_dagster.bundle.secrets import SecretError, Secrets, values_to_mask
from orch_dagster.control.connect import opened_store
from orch_dagster.control.records import SysParam
from orch_dagster.control.secret_rows import key_fault
from orch_dagster.defs.runs.dead_applications import mark_run
from orch_dagster.defs.runs.kept_reports import STORAGE_ERRORS
from orch_dagster.defs.step.executor import current_stop
from orch_dagster.defs.step.job_messages import ChannelMessages
from orch_dagster.defs.step.message_file import MessageFile, context_injector
from orch_dagster.defs.step.metadata import job_metadata
from orch_dagster.defs.step.run_submit import run_submit, with_driver_output
from orch_dagster.defs.step.submission import Submission, SubmitEnd
from orch_dagster.errors import MissingTableError, StoreError
from orch_dagster.files import make_private, remove_or_warn
from orch_dagster.run_log import Unkept
from orch_dagster.settings import Settings, load_settings
from orch_dagster.spark.command import with_warehouse
from orch_dagster.spark.outcome import Outcome
from orch_dagster.spark.process import Surroundings
from orch_dagster.spark.progress import StageTeller
from orch_dagster.spark.queue_limit import LOOK_AT_QUEUE
from orch_dagster.spark.submit import ScriptSubmit, prepare_script, script_folder, spark_defaults_of
from orch_dagster.spark.yarn.follow import ApplicationListener
from orch_dagster.text import Masker

Context: TypeAlias = OpExecutionContext | AssetExecutionContext


@dataclass(frozen=True)
class SubmitOptions:
    """Options of a spark-submit beside its script and arguments.

    Attributes:
        properties: Spark properties, on top of the client's.
        variables: Environment variables of the driver.
        secrets: Spark properties (names that start with `spark.`) and environment variables of the
            driver. Their values are in no argument, and masked in the script's output and reports.
        py_files: Modules and archives shipped with the script, like `files` and `jars`.
        timeout_minutes: Minutes after which the job is stopped; by default the client's.
    """

    properties: Mapping[str, str] = field(default_factory=dict[str, str])
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    # repr=False keeps them out of a log of the options.
    secrets: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    py_files: Sequence[str] = ()
    files: Sequence[str] = ()
    jars: Sequence[str] = ()
    timeout_minutes: float | None = None

    def __post_init__(self) -> None:
        if self.timeout_minutes is not None and self.timeout_minutes <= 0:
            raise ValueError(f"timeout_minutes is {self.timeout_minutes}: give a number above 0")


class SparkSubmitClient(dg.PipesClient, dg.ConfigurableResource[Any]):
    """Runs a script by spark-submit, as landing jobs run, within your own asset.

    Spark and Java are found as for landing jobs. The process and its children end with the run, at
    the timeout, or when the run is canceled. Its output is streamed into the step's log, with
    secrets masked. The script may use Dagster Pipes (`open_dagster_pipes`), which is shipped to
    it, and import `framework`.

    Example:
        A script in the project's jobs folder, and the asset of what it writes::

            import dagster as dg
            from orch_dagster.spark_submit import SparkSubmitClient, SubmitOptions

            @dg.asset
            def premium(context: dg.AssetExecutionContext, spark_submit: SparkSubmitClient):
                return spark_submit.run(
                    context=context,
                    script="premium.py",
                    arguments=["--year", "2024"],
                    options=SubmitOptions(properties={"spark.executor.memory": "2g"}),
                ).get_materialize_result()

            defs = dg.Definitions(
                assets=[premium],
                resources={"spark_submit": SparkSubmitClient(timeout_minutes=30)},
            )
    """

    properties: dict[str, str] = Field(
        default_factory=dict, description="Spark properties of every script"
    )
    timeout_minutes: float | None = Field(
        default=None,
        gt=0,
        description="Minutes after which a script is stopped; by default ORCH_TIMEOUT_MINUTES",
    )

    def run(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        *,
        context: Context,
        script: str,
        arguments: Sequence[str] = (),
        options: SubmitOptions | None = None,
        extras: Mapping[str, Any] | None = None,
    ) -> PipesClientCompletedInvocation:
        """Run a script to its end.

        Args:
            context: The context of the asset or op.
            script: An absolute path, one relative to the jobs folder, or a URL that Spark can read.
            arguments: The arguments of the script.
            options: Properties, secrets, files and the like.
            extras: Values for the script, as `PipesContext.extras`.

        Returns:
            The script's reports. The results have the metadata `spark_app_id` and `spark_ui` if
            the script gets its session from the framework.

        Raises:
            dagster.Failure: If the script failed or timed out.
            DagsterExecutionInterruptedError: If the run was interrupted; the script has ended.
            SparkError: If the command can't be built.
        """
        options, settings = options or SubmitOptions(), load_settings()
        op_context = _op_context(context)
        minutes = options.timeout_minutes or self.timeout_minutes or settings.timeout_minutes
        # A random part, as a step may run several scripts.
        name = f"{op_context.op.name}-{uuid.uuid4().hex[:8]}"
        base = run_folder(settings.params_dir, op_context.run_id) / name
        properties = {**self.properties, **options.properties}
        of_jobs = _secret_rows(settings, op_context.log.warning)
        to_mask = values_to_mask(of_jobs, settings, os.environ)
        to_mask += [v for k, v in properties.items() if is_secret(k, v, settings.secret_patterns)]
        secrets = _secrets(options.secrets, to_mask)
        submit = ScriptSubmit(
            script=script,
            app_name=op_context.op.name,
            run_id=op_context.run_id,
            properties_file=base.with_suffix(PROPERTIES_SUFFIX),
            arguments=tuple(arguments),
            properties=properties,
            variables=options.variables,
            secrets=secrets,
            py_files=tuple(options.py_files),
            files=tuple(options.files),
            jars=tuple(options.jars),
            spark_defaults=spark_defaults_of(),
        )
        output = _StepOutput(settings.log_max_bytes)
        messages = ChannelMessages(StageTeller(context.log.info), output)
        submission = Submission(
            prepare=lambda pipes_env: prepare_script(submit, settings, pipes_env),
            messages=base.with_suffix(MESSAGES_SUFFIX),
            properties_file=submit.properties_file,
            on_message=messages,
            on_line=output,
            mask=secrets.mask,
            timeout_s=minutes * 60,
            environ=job_environment(os.environ, settings.job_env, secret_variables(of_jobs)),
            extras=extras,
            queue_s=QUEUE_MINUTES.parse(QUEUE_MINUTES.default) * 60,
            queue_remedy=LOOK_AT_QUEUE,
            on_application=_listener(op_context),
            folder=script_folder(submit),
        )
        end = self.submit(op_context, submission, settings)
        if unkept := output.unkept():
            context.log.warning(unkept)
        return _completed(end, end.outcome(messages.result(), submission.timeout_s), messages)

    def submit(
        self, context: OpExecutionContext, submission: Submission, settings: Settings
    ) -> SubmitEnd:
        """Run a submission of a script or a landing job to its end.

        Raises:
            SparkError: If the command can't be built or started.
            DagsterExecutionInterruptedError: If the run was interrupted; the process has ended.
        """
        stop = current_stop()
        work_dir = settings.state_dir / "work"
        make_private(work_dir)
        reader = MessageFile(
            submission.messages,
            submission.on_message,
            submission.mask,
            submission.folder,
            context.log.warning,
            submission.closing,
        )
        with ExitStack() as stack:
            session = stack.enter_context(pipes_session(context, reader, submission.extras))
            # Before it exists, as it may hold secrets.
            stack.callback(remove_or_warn, submission.properties_file, reader.tell)
            command = submission.prepare(session.get_bootstrap_env_vars())
            warehouse = submission.properties_file.with_suffix(WAREHOUSE_SUFFIX).absolute()
            # Of an earlier attempt whose supervisor was killed.
            shutil.rmtree(warehouse, ignore_errors=True)
            command = with_warehouse(command, warehouse)
            surroundings = Surroundings(
                environ=submission.environ,
                cwd=work_dir,
                remove=submission.properties_file,
                folders=[warehouse],
                unread=submission.messages,
            )
            context.log.info(visible(f"Running {' '.join(command.argv)}"))
            for warning in command.warnings:
                context.log.warning(visible(warning))
            if command.application is not None:
                mark_run(
                    context.instance,
                    context.run_id,
                    settings.params_dir,
                    command.application,
                    os.environ,
                )
            process, application = run_submit(command, submission, settings, surroundings, stop)
        if application and not reader.has_exception:
            application = with_driver_output(process, application, submission)
        end = SubmitEnd(session, process, stop.fault, application, reader.unread)
        if end.leftover:
            context.log.warning(end.leftover)
        return end


@contextmanager
def pipes_session(
    context: OpExecutionContext, reader: MessageFile, extras: Mapping[str, Any] | None
) -> Generator[PipesSession]:
    """Yield a Pipes session; a storage that fails at its end is not the job's failure."""
    has_ended = False
    try:
        with dg.open_pipes_session(
            context, context_injector(), reader, extras=dict(extras or {})
        ) as session:
            yield session
            has_ended = True
    except STORAGE_ERRORS:
        # At its end the session logs what it misses. By then all messages have been heard.
        if not has_ended:
            raise


def _op_context(context: Context) -> OpExecutionContext:
    is_asset = isinstance(context, AssetExecutionContext)
    return context.op_execution_context if is_asset else context


def _listener(context: OpExecutionContext) -> ApplicationListener:
    """Return who hears of a script's application on YARN, for the log of the step."""

    def tell(text: str) -> None:
        # The application must go on though the page lacks a line.
        with suppress(*STORAGE_ERRORS):
            context.log.info(visible(text))

    return ApplicationListener(
        waiting=lambda reason: tell(f"waiting for YARN: {reason}"),
        running=lambda found: tell(f"runs as {found.id} in queue {found.queue}"),
    )


def _secret_rows(settings: Settings, warn: Callable[[str], object]) -> list[SysParam]:
    """Return the secret rows of jobs, none if the store has no tables or does not answer."""
    try:
        with opened_store(settings) as store:
            return fetch_secret_rows(store)
    except MissingTableError:
        # The project has no landing jobs.
        return []
    except StoreError as error:
        warn(f"the secrets of jobs can't be kept from this script and masked: {error}")
        return []


def _secrets(values: Mapping[str, str], to_mask: Sequence[str]) -> Secrets:
    """Split secrets into properties and variables; mask more values with them.

    Raises:
        SecretError: If a key can't hold a secret.
    """
    faults = [("secrets", fault) for key in values if (fault := key_fault(key))]
    if faults:
        raise SecretError(faults)
    return Secrets(
        properties={key: value for key, value in values.items() if key.startswith(SPARK_PREFIX)},
        variables={key: value for key, value in values.items() if not key.startswith(SPARK_PREFIX)},
        mask=Masker([*values.values(), *to_mask]),
    )


def _completed(
    end: SubmitEnd, outcome: Outcome, messages: ChannelMessages
) -> PipesClientCompletedInvocation:
    metadata = job_metadata(messages.application, None)
    if outcome.status == "canceled":
        raise DagsterExecutionInterruptedError(outcome.message or "the run was asked to stop")
    if outcome.status == "failed":
        raise dg.Failure(visible(outcome.message or ""), metadata=metadata)
    return PipesClientCompletedInvocation(end.session, metadata=metadata)


class _StepOutput:
    """Prints lines where Dagster captures the step's output, up to the largest size of a log."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._printed_bytes = 0
        self._unkept = Unkept(max_bytes)

    def __call__(self, line: str) -> None:
        if self._max_bytes and self._printed_bytes >= self._max_bytes:
            sentence = self._unkept.count(line)
            if sentence is None:
                return
            line = sentence
        self._printed_bytes += len(line.encode("utf-8", "replace")) + 1
        sys.stderr.write(log_text(line) + "\n")
        # Flushed, so that Dagit shows it now.
        sys.stderr.flush()

    def unkept(self) -> str | None:
        """Return what was not printed, or None."""
        return self._unkept.summary()
