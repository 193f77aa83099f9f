"""Tell the orchestrator how far Spark's stages are while a job runs; the job never notices."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from framework import report

if TYPE_CHECKING:
    from pyspark import SparkContext, StatusTracker

_LOOK_EVERY_S = 2.0
# A job of many small queries at once may have hundreds.
_STAGES_AT_MOST = 10
_THREAD = "stage progress"

_watched: SparkContext | None = None


def watch_stages(context: SparkContext) -> None:
    """Report the active stages from a daemon thread, until the session ends.

    They are asked for every two seconds, and reported where they changed. Where nobody waits for
    reports, or this context is watched already, nothing is started.
    """
    global _watched
    if _watched is context or not report.is_asked_for():
        return
    _watched = context
    # When Spark's JVM is gone, py4j logs that on the root logger, with a trace that would look like
    # the job's own error.
    logging.getLogger().addFilter(_is_the_jobs)
    args = (context, context.statusTracker())
    threading.Thread(target=_watch, args=args, name=_THREAD, daemon=True).start()


def _is_the_jobs(_record: logging.LogRecord) -> bool:
    """Said neither by our thread nor by py4j's own, which collects what ours let go of."""
    from py4j.clientserver import FinalizerWorker

    thread = threading.current_thread()
    return thread.name != _THREAD and not isinstance(thread, FinalizerWorker)


def _watch(context: SparkContext, tracker: StatusTracker) -> None:
    from py4j.protocol import Py4JError

    session: Any = context
    reported: list[report.StageProgress] = []
    try:
        # A stopped context has let go of its Java side.
        while session._jsc is not None:
            stages = active_stages(tracker)
            if stages != reported:
                report.progress(stages)
                reported = stages
            time.sleep(_LOOK_EVERY_S)
    except (Py4JError, OSError):
        # The JVM is gone, or the channel: whoever ends the job says so.
        return


def active_stages(tracker: StatusTracker) -> list[report.StageProgress]:
    """The stages that run now, the oldest first; of very many the first ten."""
    stages: list[report.StageProgress] = []
    for stage_id in tracker.getActiveStageIds()[:_STAGES_AT_MOST]:
        # None: it ended a moment ago.
        if info := tracker.getStageInfo(stage_id):
            stages.append(
                report.StageProgress(stage_id, info.name, info.numTasks, info.numCompletedTasks)
            )
    return stages
