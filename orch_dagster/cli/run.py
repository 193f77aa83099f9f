"""orch run: run a job for one or more dates through Dagster, with progress."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import click

from orch_dagster.cli.arguments import BIZ_DT, as_json
from orch_dagster.cli.cluster_start import start_gateway
from orch_dagster.cli.completion import JOB
from orch_dagster.cli.date_counts import DateCounts
from orch_dagster.cli.exit_codes import INTERRUPTED
from orch_dagster.cli.instance import opened_instance
from orch_dagster.cli.log_lines import print_log
from orch_dagster.cli.output import print_json, say
from orch_dagster.cli.planned_runs import DatesAsked, PlannedRun, open_dates, planned_runs
from orch_dagster.cli.progress import progress
from orch_dagster.control.connect import opened_store
from orch_dagster.control.records import CANCELED, COMPLETED
from orch_dagster.control.tables import EXECUTION_LOG
from orch_dagster.errors import TransientStoreError
from orch_dagster.registry.jobs import Group
from orch_dagster.registry.location import Location, load_location
from orch_dagster.registry.names import find_jobs, job_to_run
from orch_dagster.settings import Settings, load_settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from orch_dagster.defs.dagster_internals.repository_jobs import ReconstructableJob

_INVOCATION_TAG = ".dagster/orch_invocation"


@click.command()
@click.argument("job", type=JOB)
@click.option(
    "--biz-dt",
    "biz_dts",
    type=BIZ_DT,
    multiple=True,
    help="Business date, such as 2024-05-15; may be given several times.",
)
@click.option("--from", "first", type=BIZ_DT, help="First date of a range; with --to.")
@click.option("--to", "last", type=BIZ_DT, help="Last date of the range.")
@click.option(
    "--missing",
    is_flag=True,
    help="Only dates of the range that have not completed, or whose reprocess_dt is due.",
)
@click.option("--due", is_flag=True, help="The dates that `orch due` lists; of a range, if given.")
@click.option(
    "--detach", is_flag=True, help="Queue the runs for Dagster's daemon, and don't wait for them."
)
@as_json
def run(job: str, detach: bool, is_json: bool, **dates: Any) -> None:
    """Run JOB for business dates and wait for it; a group's name runs its whole chain.

    A run lands up to ORCH_DATES_PER_RUN dates in one Spark application, oldest first. Dates of a
    range that are not open are skipped.
    """
    asked = DatesAsked(**dates)
    asked.check()
    settings = load_settings()
    location = load_location(settings)
    group = find_jobs(location.registry, job)
    job = job_to_run(group, job)
    planned_all = planned_runs(location, job, group, asked)
    if detach:
        _detach(location, group, planned_all, is_json=is_json)
        return
    if planned_all:
        start_gateway(settings, [each for of in planned_all for each in of.specs or group.jobs])
    days = [day for planned in planned_all for day in planned.biz_dts]
    counts = DateCounts(len(days))
    if counts.is_of_many:
        runs = f"{len(planned_all)} run{'' if len(planned_all) == 1 else 's'}"
        say(f"{job}: {len(days)} dates from {days[0]} to {days[-1]} in {runs}", err=True)
    ended: list[tuple[str, bool]] = []
    is_canceled = False
    for planned in planned_all:
        run_id, is_success, is_canceled = _execute(location, group, planned, counts)
        ended.append((run_id, is_success))
        if is_canceled:
            break
    landed = _print_ended(settings, ended, is_json=is_json, is_one=len(asked.biz_dts) == 1)
    if counts.is_of_many:
        say(f"{landed} of {len(days)} dates landed", err=True)
    if is_canceled:
        if counts.is_of_many:
            rest = f"--from {days[0]} --to {days[-1]} --missing"
            say(f"interrupted; `orch run {job} {rest}` lands the others", err=True)
        sys.exit(INTERRUPTED)
    if not all(is_success for _, is_success in ended):
        sys.exit(1)


def _detach(
    location: Location, group: Group, planned: Sequence[PlannedRun], *, is_json: bool
) -> None:
    """Queue the runs, and say so if nothing would launch them."""
    from orch_dagster.cli.detached_run import check_queue, queue, warn_without_daemon

    check_queue(location)
    run_ids: list[str] = []
    for each in planned:
        with opened_instance(location.settings) as instance:
            _open_dates(instance, location, group, each)
        run_ids.append(
            queue(location, each, _dagster_job(location, group, each), _tags(group, each))
        )
    if run_ids:
        warn_without_daemon(location)
    if is_json:
        print_json([{"run_id": run_id, "status": "QUEUED"} for run_id in run_ids])


def _print_ended(
    settings: Settings, ended: Sequence[tuple[str, bool]], *, is_json: bool, is_one: bool
) -> int:
    """Print the rows of the runs; return how many dates all jobs completed."""
    with opened_store(settings) as store:
        rows = {run_id: store.read(EXECUTION_LOG, {"run_id": run_id}) for run_id, _ in ended}
    if is_json:
        runs = [
            {"run_id": run_id, "success": is_success, "execution_log": rows[run_id]}
            for run_id, is_success in ended
        ]
        print_json(runs[0] if is_one else runs)
    elif ended:
        listed = [row for of_run in rows.values() for row in of_run]
        listed.sort(key=lambda row: (str(row["biz_dt"]), str(row["start_time"])))
        print_log(listed, "The run wrote no row of execution_log.")
    every = [row for of_run in rows.values() for row in of_run]
    failed = {row["biz_dt"] for row in every if row["status"] != COMPLETED}
    return len({row["biz_dt"] for row in every} - failed)


def _open_dates(
    instance: DagsterInstance, location: Location, group: Group, planned: PlannedRun
) -> None:
    """Open the run's new dates, and show its dates as partitions, before the run is made."""
    from orch_dagster.defs.open_partitions import show_open_dates

    groups = {spec.group for spec in planned.specs or group.jobs}
    with opened_store(location.settings) as store:
        open_dates(store, group, planned.new_dates)
        # The run fails by itself, and leaves its row, if the store does not answer.
        with suppress(TransientStoreError):
            show_open_dates(instance, store, groups)


def _execute(
    location: Location, group: Group, planned: PlannedRun, counts: DateCounts
) -> tuple[str, bool, bool]:
    """Run in this process, as `dagster job execute` does, on the instance of the orch commands.

    Returns:
        The run's id, whether it succeeded, and whether it was canceled.
    """
    import dagster as dg

    from orch_dagster.defs.dagster_internals.quiet_events import quiet_events
    from orch_dagster.defs.runs.log_sensor import finish_run
    from orch_dagster.defs.translator import asset_key

    settings = location.settings
    invocation = {_INVOCATION_TAG: uuid.uuid4().hex}
    with opened_instance(settings) as instance, ExitStack() as shown:
        _open_dates(instance, location, group, planned)
        job = _dagster_job(location, group, planned)
        shown.enter_context(progress(instance, invocation, planned.job, counts))
        quiet_events(instance)
        result = dg.execute_job(
            job,
            instance=instance,
            tags={**_tags(group, planned), **invocation},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
            asset_selection=[asset_key(spec) for spec in planned.specs] if planned.specs else None,
        )
        ended = instance.get_run_by_id(result.run_id)
        if planned.is_due or planned.reprocess:
            # There may be no daemon whose sensor does it.
            with opened_store(settings) as store:
                finish_run(instance, store, location, result.run_id)
    is_canceled = ended is not None and ended.status is dg.DagsterRunStatus.CANCELED
    return result.run_id, result.success, is_canceled or _has_canceled_row(settings, result.run_id)


def _has_canceled_row(settings: Settings, run_id: str) -> bool:
    """Return whether a step of the run was interrupted; Dagster calls such a run failed."""
    with opened_store(settings) as store:
        where = {"run_id": run_id, "status": CANCELED}
        return bool(store.read(EXECUTION_LOG, where, columns=["id"]))


def _dagster_job(location: Location, group: Group, planned: PlannedRun) -> ReconstructableJob:
    """Return the Dagster job that has the run's jobs."""
    import dagster as dg

    # Imported here, as Dagster would import it with the working folder first on sys.path.
    from orch_dagster.definitions import job_named, use_location
    from orch_dagster.defs.dagster_internals.asset_jobs import IMPLICIT_ASSET_JOB_NAME
    from orch_dagster.defs.dagster_internals.repository_jobs import repository_job

    use_location(location)
    module = job_named.__module__
    if planned.specs is None or set(planned.specs) <= set(group.jobs):
        return dg.build_reconstructable_job(module, job_named.__name__, (planned.job,))
    return repository_job(module, "defs", IMPLICIT_ASSET_JOB_NAME)


def _tags(group: Group, planned: PlannedRun) -> dict[str, str]:
    from orch_dagster.defs.partitions import tags_of
    from orch_dagster.defs.schedule.reprocess_runs import reprocess_tags

    tags = tags_of(planned.biz_dts)
    if planned.reprocess:
        tags |= reprocess_tags(group, list(planned.reprocess.values()), planned.biz_dts)
    return tags
