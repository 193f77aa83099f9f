"""Tell whether a schedule or sensor is evaluated for a preview, which must write nothing.

Missing: a public mark of a dry run in the context of a tick. The daemon gives each tick a log key
that ends in the tick's number; a preview has no tick, and its context invents a key that ends in a
time. Buys: Dagit's "Preview tick result", `dagster sensor preview` and the dry runs of GraphQL open
no date, of a past tick neither. Can go when the contexts have such a mark.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import ScheduleEvaluationContext, SensorEvaluationContext

_LOG = logging.getLogger("orch_dagster")


def is_preview(context: ScheduleEvaluationContext | SensorEvaluationContext) -> bool:
    """Tell whether no tick of the daemon evaluates the function; False for a call of one's own."""
    log_key = context.log_key
    return log_key is not None and not log_key[-1].isdecimal()


def tick_log(context: ScheduleEvaluationContext | SensorEvaluationContext) -> logging.Logger:
    """Return the log of a tick; that of a preview keeps no file in Dagster's instance."""
    return _LOG if is_preview(context) else context.log
