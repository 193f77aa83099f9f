"""Find the jobs that would start sooner with the profile of small jobs, by their own durations."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from framework.contract.some_of import some_of
from framework.contract.system_settings import PARAM_TYPE, SMALL, SPARK_PROFILE, SPARK_SHARE
from orch_dagster.cli.cluster_uses import CheckedPart, cluster_uses
from orch_dagster.control.connect import opened_store
from orch_dagster.control.key_names import ParamsByKeyName
from orch_dagster.control.records import COMPLETED, SysParam
from orch_dagster.control.store import ControlStore
from orch_dagster.control.sys_params import DEPLOY_MODE
from orch_dagster.control.tables import EXECUTION_LOG, PROCESS_CONTROL
from orch_dagster.registry.cluster_paths import site_of
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.settings import Settings
from orch_dagster.spark.driver_profile import gains_from_small
from orch_dagster.text import readable_duration

# The log may span years, so only the newest open dates of each group are looked at.
_NEWEST_DATES = 5
# A statement of SQLite has 32,766 variables at most.
_MOST_DATES = 1_000
# A job that shares an application has no start of its own.
_CHOSEN = (SPARK_PROFILE.key, SPARK_SHARE.key)


def short_jobs(
    settings: Settings, specs: Iterable[JobSpec], params: Sequence[SysParam]
) -> Iterator[CheckedPart]:
    """Yield which jobs the profile would make faster and have chosen none.

    Left out are jobs whose driver is elsewhere or shared, and runs of several dates, which start
    once.

    Args:
        settings: The settings.
        specs: The jobs.
        params: The sys_params of the environment.

    Raises:
        StoreError: If the store can't be read.
    """
    with opened_store(settings) as store:
        durations = _durations(store)
    chosen = ParamsByKeyName(
        row for row in params if row.param_key in _CHOSEN and row.param_type == PARAM_TYPE
    )
    short = [
        spec
        for spec in specs
        if gains_from_small(durations.get(spec.job_id, float("inf")))
        and not chosen.winning(spec.key_names)
    ]
    here = [
        use.spec
        for use in cluster_uses(short, params, site_of(settings))
        if use.properties.get(DEPLOY_MODE, "").strip().lower() != "cluster"
    ]
    if here:
        names = (f"{each.job_name} ({readable_duration(durations[each.job_id])})" for each in here)
        yield (
            "Profile",
            "ok",
            f"{SPARK_PROFILE.key}: {SMALL} in sys_params would start these jobs sooner, by the "
            f"medians of their last runs: {some_of(names, len(here))}",
        )


def _durations(store: ControlStore) -> Mapping[str, float]:
    """Return the median seconds of each job's last completed runs of one date."""
    of_groups: dict[tuple[object, object], list[str]] = defaultdict(list)
    for row in store.read(PROCESS_CONTROL, columns=PROCESS_CONTROL.keys):
        of_groups[row["entity"], row["source_system"]].append(str(row["biz_dt"]))
    newest = {day for days in of_groups.values() for day in sorted(days)[-_NEWEST_DATES:]}
    days = sorted(newest)[-_MOST_DATES:]
    if not days:
        return {}
    where = {"biz_dt": days, "status": COMPLETED}
    of_runs: dict[tuple[str, object], list[float]] = defaultdict(list)
    for row in store.read(EXECUTION_LOG, where, ["job_id", "run_id", "duration"]):
        if isinstance(row["duration"], int | float):
            of_runs[str(row["job_id"]), row["run_id"]].append(row["duration"])
    of_jobs: dict[str, list[float]] = defaultdict(list)
    for (job_id, _), of_dates in of_runs.items():
        if len(of_dates) == 1:
            of_jobs[job_id] += of_dates
    return {job_id: statistics.median(seconds) for job_id, seconds in of_jobs.items()}
