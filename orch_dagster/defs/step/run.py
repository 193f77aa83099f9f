"""What the op of a landing job does: start spark-submit, hear it, judge it, say so."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, cast

import dagster as dg
from dagster import DagsterExecutionInterruptedError, PipesSession

from orch_dagster.bundle.secrets import Secrets, resolve_secrets
from orch_dagster.defs.checks import check_results
from orch_dagster.defs.dagster_internals.compute_logs import open_stderr, stderr_path
from orch_dagster.defs.dagster_internals.observed_output import observed_output
from orch_dagster.defs.partitions import PARTITION_TAG
from orch_dagster.defs.step.executor import current_stop
from orch_dagster.defs.step.io_manager import LoadedBundle
from orch_dagster.defs.step.job_messages import JobMessages
from orch_dagster.defs.step.message_file import MessageFile, context_injector
from orch_dagster.defs.step.metadata import job_metadata, landing_metadata
from orch_dagster.defs.step.progress import step_progress
from orch_dagster.errors import OrchError
from orch_dagster.run_log import RunLog
from orch_dagster.settings import Settings
from orch_dagster.spark.outcome import Outcome, judge
from orch_dagster.spark.process import run_supervised
from orch_dagster.spark.submit import prepare_submit
from orch_dagster.text import clip_utf8


def run_job(
    context: dg.OpExecutionContext,
    loaded: LoadedBundle,
    settings: Settings,
    checks: Mapping[str, dg.AssetCheckSpec],
) -> Iterator[object]:
    """Run one landing job to its end and yield what Dagster should know.

    Args:
        context: Of the op.
        loaded: Its parameters and logs.
        settings: Ours.
        checks: Those that its asset declares.

    Raises:
        dagster.Failure: The job failed; its message is also the row's.
        dagster.RetryRequested: It failed in a way that may pass, and may be tried again.
        DagsterExecutionInterruptedError: The run was asked to stop, and the job has.
    """
    progress = step_progress(context, loaded)
    heard = JobMessages(
        loaded.log_writer, loaded.bundle.biz_dts, progress, loaded.attempt.may_retry
    )
    log = loaded.run_log
    metadata = dict(loaded.log_metadata)
    landed: dict[str, dict[str, dg.MetadataValue[Any]]] = {}
    secrets = Secrets()
    try:
        secrets = resolve_secrets(loaded.bundle, settings, os.environ)
        outcome, reported, spark_log = _submit(context, loaded, settings, heard, secrets)
        metadata = reported | metadata | job_metadata(heard.application, spark_log)
        landed = _landed(loaded, heard, outcome)
    except (OrchError, OSError) as error:
        outcome = Outcome("failed", secrets.mask(str(error)))
    except BaseException as error:
        # An interrupt, or a fault of ours: the tree is gone, the row says why.
        interrupted = isinstance(error, KeyboardInterrupt | DagsterExecutionInterruptedError)
        reason = secrets.mask(f"{type(error).__name__}: {error}")
        _end(loaded, Outcome("canceled" if interrupted else "failed", reason))
        log.close()
        raise
    again = _next_attempt(loaded, heard, outcome)
    if again is None:
        _end(loaded, outcome)
    log.close()
    yield from check_results(checks, heard.checks)
    is_of_one_date = PARTITION_TAG in context.run.tags
    if not is_of_one_date:
        yield from _materialized(context, landed, metadata)
    if outcome.status == "canceled":
        raise DagsterExecutionInterruptedError(outcome.message or "the run was asked to stop")
    if again is not None:
        raise again
    if failure := _failure(loaded, outcome, landed):
        raise dg.Failure(failure, metadata=metadata, allow_retries=False)
    if is_of_one_date:
        (of_date,) = landed.values()
        yield dg.MaterializeResult(metadata={**metadata, **of_date})
    else:
        # By itself Dagster would take the whole range for materialized, with dates that are not
        # open among it; this output adds nothing to the events above.
        yield observed_output()


def _landed(
    loaded: LoadedBundle, heard: JobMessages, outcome: Outcome
) -> dict[str, dict[str, dg.MetadataValue[Any]]]:
    """The dates that landed, each with its metadata; of several, whatever became of the others."""
    dates = loaded.bundle.biz_dts
    if outcome.status != "completed":
        dates = [day for day in dates if day in heard.landings] if len(dates) > 1 else ()
    return {day: landing_metadata(heard.landings.get(day, {})) for day in dates}


def _materialized(
    context: dg.OpExecutionContext,
    landed: Mapping[str, Mapping[str, dg.MetadataValue[Any]]],
    metadata: Mapping[str, dg.MetadataValue[Any]],
) -> Iterator[dg.AssetMaterialization]:
    """What Dagster is told of each landed date; the events outlive a failure raised after them."""
    for biz_dt, of_date in landed.items():
        yield dg.AssetMaterialization(
            context.asset_key, metadata={**metadata, **of_date}, partition=biz_dt
        )


def _next_attempt(
    loaded: LoadedBundle, heard: JobMessages, outcome: Outcome
) -> dg.RetryRequested | None:
    """What to raise so that the dates that may yet land are tried again; None where none is."""
    may_pass = outcome.status == "failed" and (outcome.may_pass or heard.passing)
    if not (may_pass and loaded.attempt.may_retry):
        return None
    of_dates = "; ".join(f"{day}: {why}" for day, why in sorted(heard.passing.items()))
    said, again = loaded.attempt.next(clip_utf8(of_dates or str(outcome.message)))
    loaded.run_log.write("WARN", "orch", said)
    return again


def _failure(loaded: LoadedBundle, outcome: Outcome, landed: Collection[str]) -> str | None:
    """What the step fails with, if not every one of its dates landed."""
    ends = {**loaded.attempt.ended, **loaded.log_writer.report.ends}
    rest = [
        f"{biz_dt}: {end.message or outcome.message}"
        for biz_dt, end in sorted(ends.items())
        if biz_dt not in landed and end.status != "completed"
    ]
    if not rest or len(ends) == 1:
        return outcome.message
    return f"{len(rest)} of {len(ends)} dates did not land: {'; '.join(rest)}"


def _submit(
    context: dg.OpExecutionContext,
    loaded: LoadedBundle,
    settings: Settings,
    heard: JobMessages,
    secrets: Secrets,
) -> tuple[Outcome, dict[str, dg.MetadataValue[Any]], Path | None]:
    """How the job ended, the metadata that its script reported by itself, and Spark's log."""
    bundle, log, stop = loaded.bundle, loaded.run_log, current_stop()
    messages = loaded.params_file.with_suffix(".messages.jsonl")
    work_dir = settings.state_dir / "work"
    work_dir.mkdir(parents=True, exist_ok=True)
    timeout_s = (bundle.spec.context.timeout_minutes or settings.timeout_minutes) * 60
    with ExitStack() as stack:
        session = stack.enter_context(
            dg.open_pipes_session(
                context, context_injector(), MessageFile(messages, heard, secrets.mask)
            )
        )
        spark_log, stream = _spark_log(context, stack)
        command = prepare_submit(
            bundle,
            settings,
            secrets=secrets,
            params_file=loaded.params_file,
            log_file=log.path,
            pipes_env=session.get_bootstrap_env_vars(),
        )
        # It may hold secrets.
        properties_file = Path(command.properties_file)
        stack.callback(properties_file.unlink, missing_ok=True)
        context.log.info(f"Running {' '.join(command.argv)}")
        log.write("INFO", "orch", f"running {' '.join(command.argv)}")

        end = run_supervised(
            command,
            on_line=lambda line: _take(line, log, stream),
            timeout_s=timeout_s,
            stop=stop,
            grace_s=settings.stop_grace_s,
            cwd=work_dir,
            remove=properties_file,
            unread=messages,
            mask=secrets.mask.in_bytes,
        )
    if end.left:
        left = f"processes of the job that could not be ended: {', '.join(map(str, end.left))}"
        context.log.warning(left)
        log.write("WARN", "orch", left)
    outcome = judge(
        end,
        heard.messages(),
        lands=bundle.spec.has_sinks,
        timeout_s=timeout_s,
        expected_dates=bundle.biz_dts,
    )
    if outcome.status == "canceled" and stop.fault:
        outcome = Outcome("failed", stop.fault)
    return *_with_reported(outcome, session), spark_log


def _with_reported(
    outcome: Outcome, session: PipesSession
) -> tuple[Outcome, dict[str, dg.MetadataValue[Any]]]:
    """The outcome in the light of what the script reported by itself, and its metadata."""
    metadata: dict[str, dg.MetadataValue[Any]] = {}
    for result in session.get_results(implicit_materializations=False):
        if isinstance(result, dg.MaterializeResult):
            metadata |= cast(Mapping[str, Any], result.metadata or {})
        elif outcome.status == "completed":
            outcome = Outcome(
                "failed",
                f"the job reported the asset check {result.check_name!r}, which its asset does "
                f"not have: report it as metadata of the asset",
            )
    return outcome, metadata


def _take(line: str, log: RunLog, stream: IO[Any] | None) -> None:
    """Add what the job printed to the run's log and to the step's own."""
    log.write("INFO", "spark", line)
    if stream is not None:
        stream.write(line + "\n")
        # So that the page shows it now, and a kill takes none of it.
        stream.flush()


def _spark_log(
    context: dg.OpExecutionContext, stack: ExitStack
) -> tuple[Path | None, IO[Any] | None]:
    """Where what Spark prints is shown in Dagit as the step's own log."""
    step = context.instance, context.run_id, context.op.name
    return stderr_path(*step), stack.enter_context(open_stderr(*step))


def _end(loaded: LoadedBundle, outcome: Outcome) -> None:
    level = "INFO" if outcome.status == "completed" else "ERROR"
    name = loaded.bundle.spec.job_name
    loaded.run_log.write(level, "orch", f"{name} {outcome.status}: {outcome.message or 'landed'}")
    loaded.log_writer.end_all(outcome.status, outcome.message)
