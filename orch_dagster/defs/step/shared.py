"""Land the jobs of a run that ask for it (spark.share) in an application that they share."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import dagster as dg

from framework.contract import variables
from framework.contract.system_settings import PARAM_TYPE, SPARK_SHARE
from framework.contract.visible import visible
from orch_dagster.bundle.bundle import run_folder
from orch_dagster.defs.dagster_internals.thread_executor import current_stop
from orch_dagster.defs.step.begun import BegunStep
from orch_dagster.defs.step.message_file import MessageFile
from orch_dagster.defs.step.shared_applications import RunApplications, applications_of
from orch_dagster.defs.step.spark_submit import pipes_session
from orch_dagster.defs.step.submission import Submission, SubmitEnd
from orch_dagster.errors import NotReadyError
from orch_dagster.files import make_private, remove_or_warn
from orch_dagster.run_log import RunLog
from orch_dagster.settings import Settings
from orch_dagster.spark.job_submit import JobSubmit
from orch_dagster.spark.shared import SharedApplication, SharedSettings
from orch_dagster.spark.shared_command import SharedFiles, shared_command, shared_request
from orch_dagster.spark.sharing import sharing_fault
from orch_dagster.spark.submit_request import SubmitRequest

PATIENCE_S = 30.0
"""Seconds for which a job may end after its timeout before it costs others their application."""


def shared_submitter(
    run_id: str, step: BegunStep, settings: Settings, job: JobSubmit
) -> SharedSubmitter | None:
    """Return what lands a job in a shared application, None if it lands in its own.

    Raises:
        NotReadyError: If the job's spark.share is none of the setting's values.
        SparkError: As `job_submit.prepare_job` does.
    """
    given = job.bundle.params_of_type(PARAM_TYPE).get(SPARK_SHARE.key) or SPARK_SHARE.default
    if error := SPARK_SHARE.error(given):
        raise NotReadyError(f"{SPARK_SHARE.key} of sys_params: {error}; correct it")
    applications = applications_of(run_id)
    # Another executor than ours could not tell when the run has ended.
    if SPARK_SHARE.parse(given) == "off" or applications is None:
        return None
    request = shared_request(job, settings)
    fault = sharing_fault(
        job.bundle.spec, settings, request.spark_properties, request.spark_defaults
    )
    if fault is None:
        return SharedSubmitter(applications, request, step)
    step.run_log.write(
        "INFO", "orch", f"{step.job_name} has a Spark application of its own, as {fault}"
    )
    return None


@dataclass(frozen=True)
class SharedSubmitter:
    """Lands a job in the application of its key; it stands in for SparkSubmitClient.

    Attributes:
        applications: Those of the run.
        request: The settings of the application that the job may join.
        step: The step of the job.
    """

    applications: RunApplications
    request: SubmitRequest
    step: BegunStep

    def submit(
        self, context: dg.OpExecutionContext, submission: Submission, settings: Settings
    ) -> SubmitEnd:
        """Land the job, and return its end as that of a process of its own.

        Raises:
            SparkError: If the application can't be started, or its end is unknown.
            OSError: If its files can't be written.
        """
        stop = current_stop()
        reader = MessageFile(
            submission.messages, submission.on_message, submission.mask, None, context.log.warning
        )
        # Of this attempt, as an earlier one may have been in the same application.
        number = self.step.attempt.number
        name = self.step.job_name if number == 1 else f"{self.step.job_name} (attempt {number})"
        # The step's own page has no more of Spark's output.
        log = self.step.run_log.path
        text = f"{name} lands in an application that it shares, whose output is in {log}"
        submission.on_line(text)
        context.log.info(visible(text))
        with pipes_session(context, reader, submission.extras) as session:
            own = {
                variables.PARAMS_FILE: str(self.step.params.file.absolute()),
                **session.get_bootstrap_env_vars(),
            }
            application, process = self.applications.land(
                (self.request, submission.environ),
                name,
                lambda found: found.land(name, own),
                lambda found: found.wait(name, stop, submission.timeout_s),
                lambda number: self._start(context, submission, settings, number),
            )
        fault = stop.fault if stop.is_set() else application.fault
        return SubmitEnd(session, process, fault, None, reader.unread)

    def _start(
        self,
        context: dg.OpExecutionContext,
        submission: Submission,
        settings: Settings,
        number: int,
    ) -> SharedApplication:
        stem = run_folder(settings.params_dir, context.run_id) / f"shared-{number}"
        work_dir = settings.state_dir / "work"
        make_private(work_dir)
        files = SharedFiles(stem.absolute())
        shutil.rmtree(files.warehouse, ignore_errors=True)
        log = RunLog(self.step.run_log.path, settings.log_max_bytes)
        name = f"spark {stem.name}"

        def over(text: str) -> None:
            for sentence in [text, *log.losses()]:
                log.write("INFO", "orch", f"{stem.name}: {sentence}")
            log.close()

        application = SharedApplication(
            files,
            SharedSettings(
                environ=submission.environ,
                cwd=work_dir,
                grace_s=settings.stop_grace_s,
                patience_s=max(settings.stop_grace_s, PATIENCE_S),
                mask=submission.mask.in_bytes,
                on_line=lambda line: _add(log, name, line),
                on_over=over,
            ),
        )
        try:
            command = shared_command(self.request, files)
            running = f"running {' '.join(command.argv)}"
            log.write("INFO", "orch", running)
            context.log.info(visible(running))
            for warning in command.warnings:
                log.write("WARN", "orch", warning)
                context.log.warning(visible(warning))
            application.start(command)
        except BaseException:
            # Not to Dagster's log, whose storage may be why it failed.
            remove_or_warn(files.properties, lambda text: log.write("WARN", "orch", text))
            log.close()
            raise
        return application


def _add(log: RunLog, name: str, line: str) -> None:
    log.add_output(name, line)
