"""A spark-submit in a Pipes session, of a landing job or of any script: what it needs, its end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dagster import PipesSession

from orch_dagster.spark.command import SubmitCommand
from orch_dagster.spark.outcome import Outcome, ResultMessages, judge
from orch_dagster.spark.process import ProcessEnd
from orch_dagster.spark.queue_limit import RAISE_LIMIT
from orch_dagster.spark.yarn.application_end import ApplicationEnd
from orch_dagster.spark.yarn.follow import ApplicationListener
from orch_dagster.spark.yarn.gateway import YarnClient
from orch_dagster.spark.yarn.messages import MessageFolder
from orch_dagster.spark.yarn.report import Application
from orch_dagster.text import Masker


@dataclass(frozen=True)
class Submission:
    """A spark-submit in a Pipes session.

    Attributes:
        prepare: Builds the command, given the variables by which the job finds the session.
        messages: The message file, created and removed by the session.
        properties_file: The Spark properties that argv must not have; removed in any case.
        on_message: Called with each message, in the reader's thread.
        on_line: Called with each line of the job's output, in the calling thread.
        mask: Masks secrets in messages and output.
        timeout_s: Seconds after which the job is stopped; None for no limit.
        environ: The variables that the job inherits, below those of the command.
        extras: The extras of the job's Pipes context.
        queue_s: Seconds that the job may wait for YARN, or for a worker; None for no limit.
        queue_remedy: What to do if it has waited for too long.
        before_submit: Called with the cluster of a job whose master is YARN; it may refuse.
        rival: Returns why the application of such a job has to give way to another one, or None.
        on_application: Who hears of the application of such a job.
        folder: Where a driver elsewhere reports; None for one of this machine.
        closing: Set once the job has closed its channel, so that its end is near.
    """

    prepare: Callable[[Mapping[str, str]], SubmitCommand]
    messages: Path
    properties_file: Path
    on_message: Callable[[dict[str, Any]], None]
    on_line: Callable[[str], None]
    mask: Masker
    timeout_s: float | None
    environ: Mapping[str, str]
    extras: Mapping[str, Any] | None = None
    queue_s: float | None = None
    queue_remedy: str = RAISE_LIMIT
    before_submit: Callable[[YarnClient], object] = lambda _: None
    rival: Callable[[YarnClient, Application], str | None] = lambda _client, _new: None
    on_application: ApplicationListener = field(default_factory=ApplicationListener)
    folder: MessageFolder | None = None
    closing: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class SubmitEnd:
    """The end of a submission.

    Attributes:
        session: The Pipes session, with the script's reports.
        process: The end of the process.
        fault: Why the run stopped it, unless a person asked for it.
        application: The end of its application, if YARN ran it.
        unread: Why messages of the job could not be read, None if all could.
    """

    session: PipesSession
    process: ProcessEnd
    fault: str | None = None
    application: ApplicationEnd | None = None
    unread: str | None = None

    @property
    def leftover(self) -> str | None:
        """A warning that names processes which outlived KILL, or None."""
        if not self.process.left:
            return None
        pids = ", ".join(map(str, self.process.left))
        return f"could not end processes of the job: {pids}"

    def outcome(
        self, messages: ResultMessages, timeout_s: float | None, expected_dates: Sequence[str] = ()
    ) -> Outcome:
        """Judge the end of a job by its process and its messages.

        Args:
            messages: The messages of the job.
            timeout_s: The limit of the job.
            expected_dates: Dates whose landing it had to report; none for a script without sinks.
        """
        unread = f"unknown whether the job landed: {self.unread}" if self.unread else None
        broken = "; ".join(filter(None, (messages.broken, unread))) or None
        outcome = judge(
            self.process,
            replace(messages, broken=broken),
            lands=bool(expected_dates),
            timeout_s=timeout_s,
            expected_dates=expected_dates,
            application=self.application,
        )
        if outcome.status == "canceled" and self.fault:
            return Outcome("failed", self.fault)
        return outcome
