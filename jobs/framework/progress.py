"""Report the progress of Spark's stages to the orchestrator while a job runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from framework import report
from framework.shared_job import SharedJob, shared_job

if TYPE_CHECKING:
    from pyspark import SparkContext, StatusTracker

_INTERVAL_S = 2.0
# A job with many concurrent queries may have hundreds.
_MAX_STAGES = 10
_THREAD = "stage progress"

_watched: SparkContext | None = None


def watch_stages(context: SparkContext) -> None:
    """Report the active stages from a daemon thread until the session ends.

    They are read every two seconds, and reported if they changed. Without an orchestrator, or if
    this context is watched already, no thread is started.
    """
    global _watched
    job = shared_job()
    if not report.is_asked_for() or (job is None and _watched is context):
        return
    if job is None:
        _watched = context
    # When Spark's JVM is gone, py4j logs a trace that looks like the job's own error.
    logging.getLogger().addFilter(_is_of_job)
    tracker = context.statusTracker()
    stages = partial(_stages_of, job, tracker) if job else tracker.getActiveStageIds
    watch = partial(_watch, context, tracker, stages, job)
    # The reports go to the job of the thread that called.
    args = (watch,)
    threading.Thread(target=copy_context().run, args=args, name=_THREAD, daemon=True).start()


def _is_of_job(_record: logging.LogRecord) -> bool:
    """Return False in the thread of this module, and in py4j's own for garbage collection."""
    from py4j.clientserver import FinalizerWorker

    thread = threading.current_thread()
    return thread.name != _THREAD and not isinstance(thread, FinalizerWorker)


def _stages_of(job: SharedJob, tracker: StatusTracker) -> list[int]:
    """Return the active stages of a job beside others, the newest first."""
    found: set[int] = set()
    active = set(tracker.getActiveJobsIds())
    for spark_job in active.intersection(tracker.getJobIdsForGroup(job.name)):
        # None if it ended meanwhile.
        if info := tracker.getJobInfo(spark_job):
            found |= set(info.stageIds)
    return sorted(found.intersection(tracker.getActiveStageIds()), reverse=True)


def _watch(
    context: SparkContext,
    tracker: StatusTracker,
    stage_ids: Callable[[], Iterable[int]],
    job: SharedJob | None,
) -> None:
    from py4j.protocol import Py4JError

    session: Any = context
    reported: list[report.StageProgress] = []
    try:
        # A stopped context has no Java side.
        while session._jsc is not None and not (job and job.pipes and job.pipes.is_closed):
            stages = active_stages(tracker, stage_ids())
            if stages != reported:
                report.progress(stages)
                reported = stages
            time.sleep(_INTERVAL_S)
    except (Py4JError, OSError):
        # The JVM or the channel is gone, which the end of the job reports.
        return


def active_stages(
    tracker: StatusTracker, stage_ids: Iterable[int] | None = None
) -> list[report.StageProgress]:
    """Return the running stages, the oldest first, at most ten.

    Args:
        tracker: Spark's.
        stage_ids: The stages that are looked at; by default all active ones.
    """
    stages: list[report.StageProgress] = []
    found = tracker.getActiveStageIds() if stage_ids is None else stage_ids
    for stage_id in list(found)[:_MAX_STAGES]:
        # None if it ended meanwhile.
        if info := tracker.getStageInfo(stage_id):
            stages.append(
                report.StageProgress(stage_id, info.name, info.numTasks, info.numCompletedTasks)
            )
    return stages
