"""orch run --detach: hand runs to the daemon of Dagster's instance."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orch_dagster.cli.instance import opened_instance
from orch_dagster.cli.log_lines import SHORT_ID
from orch_dagster.cli.output import say
from orch_dagster.cli.planned_runs import PlannedRun
from orch_dagster.errors import OrchError
from orch_dagster.registry.location import Location

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orch_dagster.defs.dagster_internals.repository_jobs import ReconstructableJob


def queue(
    location: Location, planned: PlannedRun, job: ReconstructableJob, tags: Mapping[str, str]
) -> str:
    """Queue a run, and return its id."""
    from orch_dagster.defs.dagster_internals.run_queue import make_run, queue_run
    from orch_dagster.defs.runs.origins import give_origin
    from orch_dagster.defs.translator import asset_key

    with opened_instance(location.settings) as instance:
        keys = {asset_key(spec) for spec in planned.specs or ()}
        run = make_run(instance, job, tags, keys)
        give_origin(instance, run.run_id, location.store_address)
        queue_run(instance, run.run_id)
    short = run.run_id[:SHORT_ID]
    say(
        f"queued run {short} of {planned.job} for {', '.join(planned.biz_dts)}; see it on Dagit's "
        f"page of runs, or by `orch log --follow {short}`",
        err=True,
    )
    return run.run_id


def check_queue(location: Location) -> None:
    """Check that runs can be queued.

    Raises:
        OrchError: If the instance has no queue.
    """
    from orch_dagster.defs.dagster_internals.run_queue import has_queue

    with opened_instance(location.settings) as instance:
        if not has_queue(instance):
            raise OrchError(
                f"Dagster's instance {os.environ['DAGSTER_HOME']} has no queue, as its "
                f"dagster.yaml names another run_coordinator; leave out --detach"
            )


def warn_without_daemon(location: Location) -> None:
    """Say on stderr if no daemon runs that would launch what is queued."""
    from orch_dagster.defs.dagster_internals.run_queue import has_daemon

    with opened_instance(location.settings) as instance:
        if not has_daemon(instance):
            say(
                f"warning: no daemon of {os.environ['DAGSTER_HOME']} has been heard of for two "
                f"minutes; what is queued starts when `dagster dev` or `dagster-daemon run` does",
                err=True,
            )
