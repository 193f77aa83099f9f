"""Applications of a job and its dates that still run when the job is to be submitted again."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from dagster import DagsterInstance

from orch_dagster.defs.runs.liveness import is_process_gone, own_tags, read_process
from orch_dagster.spark.yarn.follow import END_WITHIN_S
from orch_dagster.spark.yarn.gateway import YarnClient
from orch_dagster.spark.yarn.report import Application, still_live, still_staged
from orch_dagster.spark.yarn.tags import run_of, shared_dates
from orch_dagster.toolchain.errors import SubmitRefusedError


class LiveApplications:
    """Ends what dead runs left on the cluster, and refuses a job that a living run lands.

    Args:
        instance: The instance of the runs.
        params_dir: ``params/``, where runs that were deleted named their process.
        run_id: The run that is to submit; what it submitted before has failed.
        heartbeat_timeout_s: As for is_process_gone.
        warn: Called with a sentence on each application that is ended.
    """

    def __init__(
        self,
        instance: DagsterInstance,
        params_dir: Path,
        run_id: str,
        heartbeat_timeout_s: float,
        warn: Callable[[str], object],
    ) -> None:
        self._instance = instance
        self._params_dir = params_dir
        self._run_id = run_id
        self._heartbeat_timeout_s = heartbeat_timeout_s
        self._warn = warn

    def clear(self, client: YarnClient, job_tag: str, biz_dts: Collection[str]) -> None:
        """Make sure that no application of the job lands any of these dates.

        Raises:
            SubmitRefusedError: If one of a run that lives does, or one can't be ended.
            YarnError: If YARN can't be asked.
        """
        for application in client.find(job_tag):
            dates = shared_dates(application.tags, biz_dts)
            if application.is_over or not dates:
                continue
            run_id = run_of(application.tags)
            if not self._is_over(run_id):
                raise SubmitRefusedError(
                    f"{application.id} of run {run_id or 'unknown'} is {application.state} and "
                    f"lands {', '.join(dates)}: wait for it, or cancel that run; if it is "
                    f"nobody's, end it by `yarn application -kill {application.id}`"
                )
            self._warn(f"ending {application.id}, which run {run_id} left {application.state}")
            self._end(client, application)

    def _end(self, client: YarnClient, application: Application) -> None:
        why = f"its run is over, and run {self._run_id} lands its dates"
        for tag in sorted(each for each in application.tags if each.startswith("orch-try_")):
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
