"""Report the progress of Spark's stages to the orchestrator while a job runs."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from framework import report

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
    if _watched is context or not report.is_asked_for():
        return
    _watched = context
    # When Spark's JVM is gone, py4j logs a trace that looks like the job's own error.
    logging.getLogger().addFilter(_is_of_job)
    args = (context, context.statusTracker())
    threading.Thread(target=_watch, args=args, name=_THREAD, daemon=True).start()


def _is_of_job(_record: logging.LogRecord) -> bool:
    """Return False in the thread of this module, and in py4j's own for garbage collection."""
    from py4j.clientserver import FinalizerWorker

    thread = threading.current_thread()
    return thread.name != _THREAD and not isinstance(thread, FinalizerWorker)


def _watch(context: SparkContext, tracker: StatusTracker) -> None:
    from py4j.protocol import Py4JError

    session: Any = context
    reported: list[report.StageProgress] = []
    try:
        # A stopped context has no Java side.
        while session._jsc is not None:
            stages = active_stages(tracker)
            if stages != reported:
                report.progress(stages)
                reported = stages
            time.sleep(_INTERVAL_S)
    except (Py4JError, OSError):
        # The JVM or the channel is gone, which the end of the job reports.
        return


def active_stages(tracker: StatusTracker) -> list[report.StageProgress]:
    """Return the running stages, the oldest first, at most ten."""
    stages: list[report.StageProgress] = []
    for stage_id in tracker.getActiveStageIds()[:_MAX_STAGES]:
        # None if it ended meanwhile.
        if info := tracker.getStageInfo(stage_id):
            stages.append(
                report.StageProgress(stage_id, info.name, info.numTasks, info.numCompletedTasks)
            )
    return stages
