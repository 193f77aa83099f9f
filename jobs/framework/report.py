"""Tell the orchestrator what happened, by Dagster Pipes; without its variables, nothing is told.

Messages are custom Pipes messages whose payload has a `kind`: "application", then a "landing"
for each date, or of several dates a "failure" for one that did not land.
"""

from __future__ import annotations

import atexit
import os
import sys
import traceback
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from framework.errors import ReportError

if TYPE_CHECKING:
    from dagster_pipes import PipesContext

CONTEXT_VARIABLE = "DAGSTER_PIPES_CONTEXT"


@dataclass(frozen=True)
class SinkReport:
    """What lies in a sink for the date; a table sink has no files (None)."""

    path: str
    format: str
    files: int | None
    size_bytes: int | None


@dataclass(frozen=True)
class LandingReport:
    """A landed date; times are UTC ISO strings, durations seconds."""

    biz_dt: str
    row_count: int
    columns: tuple[Mapping[str, str], ...]
    sinks: tuple[SinkReport, ...]
    started_at: str
    duration_s: float


def application(spark_app_id: str, spark_ui: str | None) -> None:
    """Report the Spark application.

    Raises:
        ReportError: see `reporting`.
    """
    _send({"kind": "application", "spark_app_id": spark_app_id, "spark_ui": spark_ui})


def landing(landed: LandingReport) -> None:
    """Report a landed date.

    Raises:
        ReportError: see `reporting`.
    """
    _send({"kind": "landing", **asdict(landed)})


def failure(biz_dt: str, error: Exception) -> None:
    """Report a date that did not land, while the others go on.

    Raises:
        ReportError: see `reporting`.
    """
    _send(
        {
            "kind": "failure",
            "biz_dt": biz_dt,
            "name": type(error).__name__,
            "message": str(error),
            "stack": traceback.format_tb(error.__traceback__),
        }
    )


@contextmanager
def reporting() -> Generator[None]:
    """Keep the channel open for a block; leaving it closes the channel, with its exception if any.

    Raises:
        ReportError: the orchestrator waits for reports and dagster_pipes is not installed here.
    """
    context = _open()
    if context is None:
        yield
        return
    with context:
        yield


def _send(payload: Mapping[str, Any]) -> None:
    context = _open()
    if context is not None and not context.is_closed:
        context.report_custom_message(payload)


def _open() -> PipesContext | None:
    if not os.environ.get(CONTEXT_VARIABLE):
        return None
    try:
        from dagster_pipes import PipesContext, open_dagster_pipes
    except ImportError as error:
        raise ReportError(
            f"{CONTEXT_VARIABLE} asks for reports but dagster_pipes is not installed where the "
            "job runs: install it there, or ship its one file by --py-files"
        ) from error
    if not PipesContext.is_initialized():
        open_dagster_pipes()
        # For scripts that only ask for a session: they don't know that there is a channel.
        atexit.register(_close_at_exit)
    return PipesContext.get()


def _close_at_exit() -> None:
    from dagster_pipes import PipesContext

    context = PipesContext.get()
    if context.is_closed:
        return
    # The interpreter keeps the exception that ended the script.
    error: BaseException | None = getattr(sys, "last_value", None)
    context.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)
