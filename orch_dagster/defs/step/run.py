"""Run the op of a landing job: run spark-submit, judge its end, report it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Protocol, cast
from urllib.parse import quote

import dagster as dg
from dagster import DagsterExecutionInterruptedError, PipesSession
from sqlalchemy.exc import SQLAlchemyError

from framework.contract.log_line import log_text
from framework.contract.messages import ApplicationReport
from framework.contract.system_settings import PARAM_TYPE, QUEUE_MINUTES, SPARK_HISTORY_URL
from framework.contract.visible import visible
from orch_dagster.bundle.job_environment import job_environment
from orch_dagster.bundle.leftovers import MESSAGES_SUFFIX, PROPERTIES_SUFFIX
from orch_dagster.bundle.secrets import Secrets, resolve_secrets
from orch_dagster.defs.checks import check_results, why_unchecked
from orch_dagster.defs.dagster_internals.compute_logs import open_stderr, stderr_path
from orch_dagster.defs.dagster_internals.engine_events import write_engine_event
from orch_dagster.defs.dagster_internals.observed_output import observed_output
from orch_dagster.defs.dagster_internals.run_plan import plan_of_run, planned_steps
from orch_dagster.defs.partitions import PARTITION_TAG
from orch_dagster.defs.runs.kept_reports import STORAGE_ERRORS
from orch_dagster.defs.step.application import application_listener
from orch_dagster.defs.step.begun import BegunStep
from orch_dagster.defs.step.hidden_secrets import hide_secrets
from orch_dagster.defs.step.job_messages import JobMessages
from orch_dagster.defs.step.live_applications import LiveApplications
from orch_dagster.defs.step.metadata import (
    DRIVER_LOG,
    SPARK_UI,
    date_metadata,
    job_metadata,
    profile_metadata,
)
from orch_dagster.defs.step.progress import step_progress
from orch_dagster.defs.step.shared import shared_submitter
from orch_dagster.defs.step.spark_submit import SparkSubmitClient
from orch_dagster.defs.step.submission import Submission, SubmitEnd
from orch_dagster.errors import NotReadyError, OrchError
from orch_dagster.files import fault_text, os_fault, storage_fault
from orch_dagster.registry.graph import width
from orch_dagster.settings import Settings
from orch_dagster.spark.command import SubmitCommand
from orch_dagster.spark.job_submit import JobSubmit, job_folder, job_tag_of, prepare_job
from orch_dagster.spark.outcome import Outcome
from orch_dagster.spark.submit import spark_defaults_of
from orch_dagster.text import clip_utf8, is_link

Metadata = Mapping[str, dg.MetadataValue[Any]]


class Submitter(Protocol):
    """Runs a submission to its end, as `SparkSubmitClient` does."""

    def submit(
        self, context: dg.OpExecutionContext, submission: Submission, settings: Settings
    ) -> SubmitEnd:
        """Run the submission; `SparkSubmitClient.submit` names the exceptions."""
        ...


def run_job(
    context: dg.OpExecutionContext,
    step: BegunStep,
    settings: Settings,
    checks: Collection[str],
    client: Submitter | None = None,
) -> Iterator[object]:
    """Run one landing job to its end and yield its events to Dagster.

    Args:
        context: The context of the op.
        step: The step, with its parameters.
        settings: The settings of the home.
        checks: The names of the checks that its asset declares.
        client: Runs spark-submit; by default a SparkSubmitClient.

    Raises:
        dagster.Failure: If the job failed; the row has the same message.
        dagster.RetryRequested: If it failed transiently and another attempt may follow.
        DagsterExecutionInterruptedError: If the run was interrupted; the job has ended.
    """
    messages = JobMessages(
        step_progress(context, step),
        writer=step.writer,
        biz_dts=step.params.bundle.biz_dts,
        may_retry=step.attempt.may_retry,
        on_application=lambda application: _link_application(context, application),
    )
    job = _Job(context, step, settings, messages, client or SparkSubmitClient())
    end = _run(job)
    retry = _retry(step, messages, end.outcome)
    if retry is None:
        # A job that fails after its landing has failed, so its rows do not count.
        is_completed = end.outcome.status == "completed"
        step.report_end(
            end.outcome.status, end.outcome.message, messages.row_counts if is_completed else None
        )
    step.close_log()
    unchecked = why_unchecked(step.params.bundle, messages.landings, messages.checks)
    yield from check_results(checks, context.asset_key, messages.checks, unchecked)
    yield from _events(job, end, retry)


@dataclass(frozen=True)
class _JobEnd:
    """The end of a job: the metadata that its dates share, and all of each landed date."""

    outcome: Outcome
    metadata: Metadata
    landed: Mapping[str, Metadata] = field(default_factory=dict[str, Metadata])


def _run(job: _Job) -> _JobEnd:
    """Run the job to its end; an error before its start counts as its failure."""
    step, settings = job.step, job.settings
    metadata = dict(step.log_metadata)
    secrets = Secrets()
    try:
        secrets = resolve_secrets(
            step.params.redacted, settings, os.environ, step.params.secret_rows
        )
        outcome, reported = job.submit(secrets)
        metadata = {**reported, **metadata, **job.metadata()}
        return _JobEnd(outcome, metadata, _landed(job, outcome, metadata))
    except (OrchError, OSError) as error:
        return _JobEnd(Outcome("failed", secrets.mask(fault_text(error))), metadata)
    except SQLAlchemyError as error:
        reason = storage_fault(error, settings.dagster_home)
        return _JobEnd(Outcome("failed", secrets.mask(reason)), metadata)
    except BaseException as error:
        # By now the process tree has ended, so the row can say why.
        step.report_crash(error, secrets.mask)
        raise


def _events(job: _Job, end: _JobEnd, retry: dg.RetryRequested | None) -> Iterator[object]:
    """Yield the materializations of the landed dates, and raise where not every date landed."""
    outcome = end.outcome
    is_of_one_date = PARTITION_TAG in job.context.run.tags
    if not is_of_one_date:
        yield from _materializations(job.context, end.landed)
    if outcome.status == "canceled":
        raise DagsterExecutionInterruptedError(outcome.message or "the run was asked to stop")
    if retry is not None:
        raise retry
    if failure := _failure(job.step, outcome, end.landed):
        raise dg.Failure(visible(failure), metadata=end.metadata, allow_retries=False)
    if is_of_one_date:
        (of_date,) = end.landed.values()
        yield dg.MaterializeResult(metadata=of_date)
    else:
        # Dagster would otherwise mark the whole range as materialized, with skipped dates.
        yield observed_output()


@dataclass(frozen=True)
class _Job:
    """The job of a step, with the client that runs it."""

    context: dg.OpExecutionContext
    step: BegunStep
    settings: Settings
    messages: JobMessages
    client: Submitter

    def submit(self, secrets: Secrets) -> tuple[Outcome, Metadata]:
        """Run the job; return its outcome and the metadata that its script reported."""
        log = self.step.run_log.path
        size = log.stat().st_size
        try:
            return self._submit(secrets)
        finally:
            try:
                hide_secrets(log, secrets.mask, size)
            except OSError as error:
                self.step.warn(f"the log may hold secrets of other jobs: {os_fault(error)}")

    def _submit(self, secrets: Secrets) -> tuple[Outcome, Metadata]:
        step, spec = self.step, self.step.params.bundle.spec
        timeout_s = (spec.context.timeout_minutes or self.settings.timeout_minutes) * 60
        run = self.context.instance, self.context.run_id, self.context.op.name
        job = self._job_submit(secrets)
        folder = job_folder(job, self.settings)
        live = LiveApplications(
            self.context.instance,
            self.settings,
            step.params.bundle,
            job_tag_of(spec, self.settings),
            step.warn,
        )
        # On whatever this job runs, as it may have run on YARN before.
        live.clear_elsewhere(step.params.runs_without_end)
        # Once on disk: only a log that Dagit can't show is copied to where it shows the step's.
        with nullcontext() if step.is_log_shown else open_stderr(*run) as stream:
            self.messages.log = lambda line: _add_log_line(line, step, stream)
            shared = shared_submitter(self.context.run_id, step, self.settings, job)
            end = (shared or self.client).submit(
                self.context,
                Submission(
                    prepare=lambda pipes_env: self._prepare(secrets, pipes_env),
                    messages=step.params.file.with_suffix(MESSAGES_SUFFIX),
                    properties_file=self._properties_file,
                    on_message=self.messages,
                    on_line=lambda line: _add_line(line, step, stream),
                    mask=secrets.mask,
                    timeout_s=timeout_s,
                    environ=job_environment(os.environ, self.settings.job_env, secrets.of_others),
                    folder=folder,
                    queue_s=self._queue_minutes() * 60,
                    before_submit=live.clear,
                    rival=live.rival,
                    on_application=application_listener(self.context, step),
                ),
                self.settings,
            )
        if end.leftover:
            step.run_log.write("WARN", "orch", end.leftover)
        expected_dates = step.params.bundle.biz_dts if spec.has_sinks else ()
        outcome = end.outcome(self.messages.result(), timeout_s, expected_dates)
        outcome, reported = _with_reported(outcome, end.session)
        # Jobs that share an application have no start of their own.
        is_own = folder is None and shared is None
        if outcome.status == "completed" and is_own and len(expected_dates) == 1:
            reported = {**profile_metadata(self._system(), end.process.duration_s), **reported}
        return outcome, reported

    def metadata(self) -> Metadata:
        """Return the metadata that all dates of the job share."""
        run = self.context.instance, self.context.run_id, self.context.op.name
        spark_log = None if self.step.is_log_shown else stderr_path(*run)
        metadata = job_metadata(self.messages.application, spark_log)
        # The application has ended, and its UI with it.
        metadata.pop(SPARK_UI, None)
        return {**metadata, **self._history()}

    def _history(self) -> Metadata:
        """Return the link to the application on Spark's history server, if there is one."""
        given = self._system().get(SPARK_HISTORY_URL.key) or ""
        application = self.messages.application
        if SPARK_HISTORY_URL.error(given):
            self.step.warn(f"{SPARK_HISTORY_URL.key}: {SPARK_HISTORY_URL.error(given)}")
            return {}
        if not given or application is None or not application.spark_app_id:
            return {}
        url = f"{SPARK_HISTORY_URL.parse(given)}/history/{quote(application.spark_app_id)}"
        return {"spark_history": dg.MetadataValue.url(url)}

    def _queue_minutes(self) -> float:
        """Return how long the job may wait for YARN."""
        given = self._system().get(QUEUE_MINUTES.key) or QUEUE_MINUTES.default
        if error := QUEUE_MINUTES.error(given):
            raise NotReadyError(f"{QUEUE_MINUTES.key} of sys_params: {error}; correct it")
        return QUEUE_MINUTES.parse(given)

    def _system(self) -> Mapping[str, str]:
        return self.step.params.bundle.params_of_type(PARAM_TYPE)

    @property
    def _properties_file(self) -> Path:
        return self.step.params.file.with_suffix(PROPERTIES_SUFFIX)

    def _prepare(self, secrets: Secrets, pipes_env: Mapping[str, str]) -> SubmitCommand:
        command = prepare_job(self._job_submit(secrets), self.settings, pipes_env)
        self.step.run_log.write("INFO", "orch", f"running {' '.join(command.argv)}")
        for warning in command.warnings:
            self.step.run_log.write("WARN", "orch", warning)
        return command

    def _job_submit(self, secrets: Secrets) -> JobSubmit:
        params = self.step.params
        return JobSubmit(
            params.bundle,
            secrets,
            params.file,
            self._properties_file,
            self.step.run_log.path,
            side_by_side=_side_by_side(self.context, self.settings),
            attempt=self.step.attempt.number,
            spark_defaults=self._spark_defaults,
        )

    @cached_property
    def _spark_defaults(self) -> Mapping[str, str]:
        # Read once, as what follows from them has to agree.
        return spark_defaults_of()


def _link_application(context: dg.OpExecutionContext, application: ApplicationReport) -> None:
    """Show the links of Spark's UI, while the application runs, and of a driver's log elsewhere."""
    name = context.op.name
    for key, what, url in (
        (SPARK_UI, f"Spark's UI of {name}, while it runs", application.spark_ui),
        (DRIVER_LOG, f"The log of {name} in the container of its driver", application.driver_log),
    ):
        if not url or not is_link(url):
            continue
        link = {key: dg.MetadataValue.url(url)}
        # The page would lack a link; the step's reports say what is wrong with the storage.
        with suppress(*STORAGE_ERRORS):
            write_engine_event(context.instance, context.run, name, f"{what}: {url}", link)


def _side_by_side(context: dg.OpExecutionContext, settings: Settings) -> int:
    """Return the most jobs of the run that run at once."""
    planned = planned_steps(context.instance, plan_of_run(context.run))
    upstream = {key: step.upstream for key, step in planned.items()}
    config = cast(dict[str, Any], context.run.run_config).get("execution") or {}
    configured = (config.get("config") or {}).get("max_concurrent")
    return min(width(upstream), configured or settings.max_concurrent_jobs)


def _landed(job: _Job, outcome: Outcome, shared: Metadata) -> dict[str, Metadata]:
    """Return the metadata of each landed date; one of several may land though others fail."""
    landings, dates = job.messages.landings, job.step.params.bundle.biz_dts
    if outcome.status != "completed":
        dates = [day for day in dates if day in landings] if len(dates) > 1 else ()
    return {day: date_metadata(landings.get(day), shared) for day in dates}


def _materializations(
    context: dg.OpExecutionContext, landed: Mapping[str, Metadata]
) -> Iterator[dg.AssetMaterialization]:
    """Yield an event for each landed date; a failure raised later doesn't undo them."""
    for biz_dt, of_date in landed.items():
        yield dg.AssetMaterialization(context.asset_key, metadata=of_date, partition=biz_dt)


def _retry(step: BegunStep, messages: JobMessages, outcome: Outcome) -> dg.RetryRequested | None:
    """Return the request to retry dates that failed transiently, or None."""
    is_transient = outcome.status == "failed" and (outcome.is_transient or messages.transient)
    if not (is_transient and step.attempt.may_retry):
        return None
    reasons = "; ".join(f"{day}: {why}" for day, why in sorted(messages.transient.items()))
    text, retry = step.attempt.next(clip_utf8(reasons or str(outcome.message)))
    step.run_log.write("WARN", "orch", text)
    return retry


def _failure(step: BegunStep, outcome: Outcome, landed: Collection[str]) -> str | None:
    """Return the failure message of the step, None if all of its dates landed."""
    results = {**step.attempt.ended, **step.writer.report.ends}
    failed = [
        f"{biz_dt}: {result.message or outcome.message}"
        for biz_dt, result in sorted(results.items())
        if biz_dt not in landed and result.status != "completed"
    ]
    if not failed or len(results) == 1:
        return outcome.message
    return f"{len(failed)} of {len(results)} dates did not land: {'; '.join(failed)}"


def _with_reported(outcome: Outcome, session: PipesSession) -> tuple[Outcome, Metadata]:
    """Return the outcome, failed if the script reported an unknown check, and its metadata."""
    metadata: dict[str, dg.MetadataValue[Any]] = {}
    for result in session.get_results(implicit_materializations=False):
        if isinstance(result, dg.MaterializeResult):
            metadata |= cast(Metadata, result.metadata or {})
        elif outcome.status == "completed":
            outcome = Outcome(
                "failed",
                f"the job reported the asset check {result.check_name!r}, which its asset does "
                f"not have: report it as metadata of the asset",
            )
    return outcome, metadata


def _add_line(line: str, step: BegunStep, stream: IO[Any] | None) -> None:
    """Add a line of the job's output to the run's log, and to the step's stderr if it is open."""
    if step.run_log.add_output(step.output_name, line):
        _show(line, stream)


def _add_log_line(line: str, step: BegunStep, stream: IO[Any] | None) -> None:
    """Add a line of the log of a driver that is elsewhere."""
    if step.run_log.add_log_line(line):
        _show(line, stream)


def _show(line: str, stream: IO[Any] | None) -> None:
    if stream is not None:
        stream.write(log_text(line) + "\n")
        # Flushed, so that Dagit shows it now and a kill loses nothing.
        stream.flush()
