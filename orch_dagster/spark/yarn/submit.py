"""Run the submit of an application, and follow the application to its end."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from orch_dagster.spark.process import (
    Command,
    Limits,
    ProcessEnd,
    StopRequest,
    Surroundings,
    run_supervised,
)
from orch_dagster.spark.yarn.application_end import ApplicationEnd
from orch_dagster.spark.yarn.follow import ApplicationListener, ApplicationWatch
from orch_dagster.spark.yarn.gateway import YarnClient, YarnError
from orch_dagster.spark.yarn.limits import ApplicationLimits
from orch_dagster.spark.yarn.report import Application, still_staged
from orch_dagster.spark.yarn.submitted import SubmittedApplication


@dataclass(frozen=True)
class YarnSubmit:
    """A submit whose application YARN runs.

    Attributes:
        command: Its command.
        application: What finds its application.
        limits: The limits of the application.
        grace_s: Seconds between TERM and KILL of its process.
        surroundings: Those of its process.
        listener: Who hears of the application.
        on_line: Receives each line of its output.
        mask: Masks secrets in its output.
        has_left: Called once its process has ended; the application may go on.
        fault: Returns why the run stopped it, unless a person asked for it.
        rival: Returns why a new application has to give way to another one, or None.
        closing: Set once the job has reported all that it will.
        environ: The environment that names the cluster, Java and Spark.
    """

    command: Command
    application: SubmittedApplication
    limits: ApplicationLimits
    grace_s: float
    surroundings: Surroundings
    listener: ApplicationListener = field(default_factory=ApplicationListener)
    on_line: Callable[[str], None] = lambda _: None
    mask: Callable[[bytes], bytes] = bytes
    has_left: Callable[[], object] = lambda: None
    fault: Callable[[], str | None] = lambda: None
    rival: Callable[[YarnClient, Application], str | None] = lambda _client, _new: None
    closing: threading.Event = field(default_factory=threading.Event)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def run(self, client: YarnClient, stop: StopRequest) -> tuple[ProcessEnd, ApplicationEnd]:
        """Run it until its process and its application have ended, and nothing of it is staged.

        Returns:
            The end of the process, as the resource manager knows it, and of the application.

        Raises:
            SparkError: If the process can't be started, or the application can't be followed.
        """
        watch = ApplicationWatch(
            client,
            self.application,
            stop,
            self.limits,
            self.listener,
            rival=lambda found: self.rival(client, found),
            closing=self.closing,
        )
        orphan = self.application.end_command(self.environ)

        def on_line(line: str) -> None:
            watch.hear(line)
            self.on_line(line)

        with watch:
            process = run_supervised(
                self.command,
                on_line=on_line,
                stop=watch,
                limits=Limits(None, self.grace_s),
                surroundings=replace(self.surroundings, orphan=orphan),
                mask=self.mask,
            )
            self.has_left()
            process = watch.await_end(process)
            end = watch.settle(process, self.fault())
        self._clean_staging(client, end)
        return watch.settled(process, end), end

    def _clean_staging(self, client: YarnClient, end: ApplicationEnd) -> None:
        """Remove what a submit staged for a driver that could not do it; tell what stays."""
        ended = end.application
        if ended is None or end.unended is not None:
            return
        if self.application.is_cluster and not ended.has_succeeded:
            try:
                client.clean_staging(ended)
                return
            except YarnError as error:
                ended = replace(ended, staged=str(error))
        if text := still_staged(ended):
            self.on_line(text)
