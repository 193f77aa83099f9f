"""Applications of a job and its dates that still run when the job is submitted again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from dagster import DagsterInstance

from orch_dagster.bundle.bundle import ParamBundle
from orch_dagster.defs.runs.dead_applications import (
    ApplicationEnder,
    Left,
    marks_in,
    read_marks,
    read_noted,
)
from orch_dagster.defs.runs.kept_reports import STORAGE_ERRORS
from orch_dagster.defs.runs.liveness import is_process_gone, own_tags, read_process
from orch_dagster.files import os_fault
from orch_dagster.settings import Settings
from orch_dagster.spark.yarn.follow import END_WITHIN_S
from orch_dagster.spark.yarn.gateway import YarnClient, YarnError
from orch_dagster.spark.yarn.report import Application, still_live, still_staged
from orch_dagster.spark.yarn.shared_gateway import shared_gateway
from orch_dagster.spark.yarn.tags import attempt_tags, run_of, shared_dates
from orch_dagster.toolchain.errors import SparkError, SubmitRefusedError


class LiveApplications:
    """Ends what dead runs left on the cluster, and refuses a job that a living run lands.

    Args:
        instance: The instance of the runs.
        settings: The settings of the home.
        bundle: The parameters of the run's job; what the run submitted before has failed.
        job_tag: The tag of the job's applications.
        warn: Called with a sentence on each application that is ended.
    """

    def __init__(
        self,
        instance: DagsterInstance,
        settings: Settings,
        bundle: ParamBundle,
        job_tag: str,
        warn: Callable[[str], object],
    ) -> None:
        self._instance = instance
        self._params_dir = settings.params_dir
        self._heartbeat_timeout_s = settings.heartbeat_timeout_s
        self._job_name = bundle.spec.job_name
        self._run_id = bundle.run_id
        self._biz_dts = bundle.biz_dts
        self._job_tag = job_tag
        self._warn = warn

    def clear(self, client: YarnClient) -> None:
        """Make sure that no application of the job lands any of these dates.

        Raises:
            SubmitRefusedError: If one of a run that lives does, or one can't be ended.
            YarnError: If YARN can't be asked.
        """
        for application, dates in self._others(client):
            raise SubmitRefusedError(self._landing_text(application, dates))

    def clear_elsewhere(self, run_ids: Collection[str]) -> None:
        """Do what `clear` does on clusters on which the job may not run any more.

        Args:
            run_ids: Runs of these dates that may not have ended, by their rows.

        Raises:
            SubmitRefusedError: If an application of one lands any of these dates.
        """
        left: list[Left] = []
        with ApplicationEnder() as applications:
            for run_id in sorted(run_ids):
                marks = self._marks(run_id)
                if not marks:
                    continue
                if self._is_over(run_id):
                    self._warn(f"ending what run {run_id}, which is over, may have left on YARN")
                    left += applications.end_each(run_id, marks)
                else:
                    self._refuse_living(run_id, marks)
        for each in left:
            if each.is_live:
                raise SubmitRefusedError(f"a run that is over left an application: {each.text}")
            # A cluster that is gone for good must not keep the job from running elsewhere.
            self._warn(each.text)

    def _refuse_living(self, run_id: str, marks: Iterable[str]) -> None:
        """Refuse the job if a run that lives lands these dates on a cluster that it noted."""
        for mark in marks:
            try:
                noted = read_noted(mark)
                self.clear(YarnClient.of(shared_gateway(noted.environ), noted.properties))
            except SubmitRefusedError:
                raise
            except (SparkError, ValueError) as error:
                self._warn(f"it is unknown whether run {run_id} lands these dates: {error}")

    def _marks(self, run_id: str) -> list[str]:
        """Return what a run noted of its clusters."""
        run = self._instance.get_run_by_id(run_id)
        if run is not None:
            return marks_in(run.tags)
        try:
            return read_marks(self._params_dir, run_id)
        except OSError as error:
            self._warn(f"it is unknown what run {run_id} left on YARN: {os_fault(error)}")
            return []

    def rival(self, client: YarnClient, mine: Application) -> str | None:
        """Return why an application has to give way to one that `clear` could not see, or None.

        Each of two that were submitted at one moment looks once the resource manager has taken it,
        which has taken the earlier one by then: the later one gives way, and no other.

        Raises:
            YarnError: If YARN can't be asked, or Dagster's storage which runs live; ask again.
        """
        try:
            for application, dates in self._others(client, attempt_tags(mine.tags)):
                if application.order < mine.order:
                    return self._landing_text(application, dates)
        except SubmitRefusedError as error:
            return str(error)
        except STORAGE_ERRORS as error:
            raise YarnError(f"it is unknown which runs live: {error}") from error
        return None

    def _others(
        self, client: YarnClient, own: Collection[str] = ()
    ) -> Iterator[tuple[Application, list[str]]]:
        """Yield what runs that live land of these dates; what dead runs left is ended.

        Args:
            client: The cluster.
            own: Tags of applications that are left out.
        """
        for application in client.find(self._job_tag):
            dates = shared_dates(application.tags, self._biz_dts)
            if application.is_over or not dates or not application.tags.isdisjoint(own):
                continue
            run_id = run_of(application.tags, self._job_name)
            if self._is_over(run_id):
                self._warn(f"ending {application.id}, which run {run_id} left {application.state}")
                self._end(client, application)
            else:
                yield application, dates

    def _end(self, client: YarnClient, application: Application) -> None:
        why = f"its run is over, and run {self._run_id} lands its dates"
        for tag in attempt_tags(application.tags):
            ended = client.end(tag, why, END_WITHIN_S)
            live = [each for each in ended if not each.is_over]
            if live:
                raise SubmitRefusedError(
                    f"a run that is over left an application: {still_live(live[0])}"
                )
            for text in filter(None, map(still_staged, ended)):
                self._warn(text)

    def _is_over(self, run_id: str | None) -> bool:
        """Return whether the run that submitted an application can't follow it any more."""
        if run_id is None:
            return False
        if run_id == self._run_id.lower():
            return True
        run = self._instance.get_run_by_id(run_id)
        if run is not None:
            return run.is_finished or is_process_gone(own_tags(run), self._heartbeat_timeout_s)
        process = read_process(self._params_dir, run_id)
        return process is not None and is_process_gone(process, self._heartbeat_timeout_s)

    def _landing_text(self, application: Application, dates: Collection[str]) -> str:
        run_id = run_of(application.tags, self._job_name) or "unknown"
        return (
            f"{application.id} of run {run_id} is {application.state} and lands "
            f"{', '.join(dates)}: wait for it, or cancel that run; if it is nobody's, end it by "
            f"`yarn application -kill {application.id}`"
        )
