"""The code location for Dagster, each part built at its first use.

`dagster job execute -j ROW` needs one job of perhaps ten thousand; the server needs them all.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property

import dagster as dg
from dagster import AssetsDefinition, RepositoryData, RepositoryDefinition
from typing_extensions import override

from orch_dagster.defs.dagster_internals.asset_jobs import (
    IMPLICIT_ASSET_JOB_NAME,
    AssetGraph,
)
from orch_dagster.defs.dagster_internals.job_content import snapshot_id
from orch_dagster.defs.dagster_internals.kept_answers import keep_answers
from orch_dagster.defs.dagster_internals.repository_content import repository_content
from orch_dagster.defs.jobs import JobBuilder
from orch_dagster.defs.kudu_spark import KUDU_SPARK_KEY, kudu_spark_resource
from orch_dagster.defs.resources import control_store_resource
from orch_dagster.defs.runs.log_sensor import execution_log_sensor
from orch_dagster.defs.schedule.definitions import (
    by_biz_dt,
    schedule_definitions,
    schedule_findings,
)
from orch_dagster.defs.schedule.open_dates_sensor import open_dates_sensor
from orch_dagster.defs.schedule.reprocess_sensor import reprocess_sensor
from orch_dagster.defs.schedule.waiting_sensor import waiting_jobs_sensor
from orch_dagster.defs.snapshot_ids import give_snapshot_ids
from orch_dagster.defs.snapshot_texts import SnapshotTexts
from orch_dagster.defs.step.io_manager import param_bundle_io_manager
from orch_dagster.defs.translator import CONTROL_STORE_KEY, PARAM_BUNDLE_KEY, with_warning
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.registry.location import Location
from orch_dagster.registry.names import quarantine_reasons

_LOG = logging.getLogger("orch_dagster")


class ControlTables(RepositoryData):
    """RepositoryData built from the control tables.

    Args:
        load: Reads the location; called once, at its first use.
    """

    def __init__(self, load: Callable[[], Location]) -> None:
        self._load = load
        self._jobs: dict[str, dg.JobDefinition] = {}

    def load_by(self, load: Callable[[], Location]) -> None:
        """Read the location in another way, unless it has been read."""
        self._load = load

    @cached_property
    def location(self) -> Location:
        """The location, read at its first use and never on import; logs its findings."""
        with _no_garbage_collection():
            location = self._load()
        loaded = set(location.registry.name_by_id)
        for finding in [*location.registry.findings, *schedule_findings(location)]:
            # A job whose HQL file is missing loads, and is named all the same.
            is_in = finding.is_warning or finding.job_id in loaded
            _LOG.warning("%s%s", "" if is_in else "quarantined: ", finding)
        for warning in (location.notice, location.instance_warning):
            if warning:
                _LOG.warning("%s", warning)
        return location

    @cached_property
    def _resources(self) -> Mapping[str, dg.ResourceDefinition]:
        settings = self.location.settings
        resources: dict[str, dg.ResourceDefinition] = {
            CONTROL_STORE_KEY: control_store_resource(settings),
            PARAM_BUNDLE_KEY: param_bundle_io_manager(self.location),
        }
        if settings.is_on_kudu:
            resources[KUDU_SPARK_KEY] = kudu_spark_resource(settings)
        return resources

    @cached_property
    def _builder(self) -> JobBuilder:
        return JobBuilder(self.location, self._resources)

    @cached_property
    def _specs_by_job(self) -> Mapping[str, Sequence[JobSpec]]:
        """The rows of each Dagster job: its own row, or all rows of its group."""
        registry = self.location.registry
        of_rows = {name: (spec,) for name, spec in registry.jobs.items()}
        return of_rows | {name: group.jobs for name, group in registry.groups.items()}

    @property
    def _lists_rows(self) -> bool:
        return len(self.location.registry.jobs) <= self.location.settings.listed_jobs

    @property
    def _has_assets(self) -> bool:
        return bool(self._specs_by_job)

    @override
    def get_top_level_resources(self) -> Mapping[str, dg.ResourceDefinition]:
        return self._resources

    @override
    def get_env_vars_by_top_level_resource(self) -> Mapping[str, set[str]]:
        return {}

    @override
    def get_job_names(self) -> Sequence[str]:
        implicit = [IMPLICIT_ASSET_JOB_NAME] if self._has_assets else []
        return [*self._specs_by_job, *implicit]

    @override
    def has_job(self, job_name: str) -> bool:
        return job_name in self._specs_by_job or (
            job_name == IMPLICIT_ASSET_JOB_NAME and self._has_assets
        )

    @override
    def get_job(self, job_name: str) -> dg.JobDefinition:
        """Return the job of that name, building no other."""
        if job_name not in self._jobs:
            self._jobs[job_name] = self._build(job_name)
        return self._jobs[job_name]

    def _build(self, job_name: str) -> dg.JobDefinition:
        if not self.has_job(job_name):
            raise dg.DagsterInvariantViolationError(
                quarantine_reasons(self.location.registry, job_name)
                or f"no job {job_name}: job_master has no valid row of that name; see `orch doctor`"
            )
        if job_name == IMPLICIT_ASSET_JOB_NAME:
            return self._builder.implicit_job()
        row = self.location.registry.jobs.get(job_name)
        about = f"Landing job {row.job_id}" if row else f"All jobs of {job_name}, in order"
        about = with_warning(about, self.location.instance_warning)
        return self._builder.job(job_name, self._specs_by_job[job_name], about)

    @override
    def get_all_jobs(self) -> Sequence[dg.JobDefinition]:
        """Return the jobs to list in Dagit; those of single rows only up to listed_jobs.

        The webserver and the daemon fetch the snapshot of each, one by one. A schedule's job must
        be listed.
        """
        rows = self.location.registry.jobs
        scheduled = {schedule.job_name for schedule in self._schedules}
        with _no_garbage_collection():
            return [
                self.get_job(name)
                for name in self.get_job_names()
                if self._lists_rows or name not in rows or name in scheduled
            ]

    @override
    def get_assets_defs_by_key(self) -> Mapping[dg.AssetKey, AssetsDefinition]:
        with _no_garbage_collection():
            return {asset.key: asset for asset in (*self._builder.assets, *self._builder.sources)}

    @cached_property
    def asset_graph(self) -> AssetGraph:
        """The graph of all assets."""
        with _no_garbage_collection():
            return self._builder.graph

    @override
    def load_all_definitions(self) -> None:
        """Build what a code server sends, and the ids of its jobs' snapshots with it."""
        with _no_garbage_collection():
            super().load_all_definitions()
            jobs = self.get_all_jobs()
            if self._lists_rows:
                for job in jobs:
                    snapshot_id(job)
            else:
                give_snapshot_ids(jobs, self.location.settings.state_dir / "snapshot_ids.json")

    def answer_by_kept_texts(self, repository: RepositoryDefinition) -> None:
        """Let a code server of many rows answer for this repository with kept texts."""
        if self._lists_rows:
            return
        content = repository_content(repository)
        ids = {job.name: snapshot_id(job) for job in self.get_all_jobs()}
        texts = SnapshotTexts(self.location.settings.state_dir)
        texts.keep_only([each for each in (*ids.values(), content) if each])
        keep_answers(repository.name, content, ids, texts)

    @cached_property
    def _schedules(self) -> Sequence[dg.ScheduleDefinition]:
        return schedule_definitions(self.location)

    @override
    def get_all_schedules(self) -> Sequence[dg.ScheduleDefinition]:
        return self._schedules

    @cached_property
    def _sensors(self) -> Sequence[dg.SensorDefinition]:
        location, groups = self.location, self.location.registry.groups
        if not groups:
            return [execution_log_sensor(location)]
        of_groups = [self.get_job(name) for name in groups]
        of_all = self.get_job(IMPLICIT_ASSET_JOB_NAME)
        return [
            execution_log_sensor(location),
            open_dates_sensor(location),
            reprocess_sensor(location, [*of_groups, of_all]),
            waiting_jobs_sensor(location, by_biz_dt(location), of_groups),
        ]

    @override
    def get_all_sensors(self) -> Sequence[dg.SensorDefinition]:
        return self._sensors


class LandingRepository(RepositoryDefinition):
    """The repository of the control tables, with the asset graph that its implicit job has.

    Args:
        name: Its name.
        tables: Its definitions.
        description: Its description.
    """

    def __init__(self, name: str, tables: ControlTables, description: str) -> None:
        super().__init__(name, repository_data=tables, description=description)
        self._tables = tables

    @property
    @override
    def asset_graph(self) -> AssetGraph:
        return self._tables.asset_graph

    @override
    def load_all_definitions(self) -> None:
        super().load_all_definitions()
        self._tables.answer_by_kept_texts(self)


@contextmanager
def _no_garbage_collection() -> Generator[None]:
    """Pause garbage collection while definitions are built.

    They last as long as the process, so a collection finds nothing, slowly.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
