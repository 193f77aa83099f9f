"""Tell the orchestrator what happened, by Dagster Pipes; without its variables, nothing is told.

Messages are custom Pipes messages whose payload has a `kind`: "application", then for each date
"checks", where it has some, and a "landing", or of several dates a "failure" for one that did not
land; in between "progress", from a thread of its own.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import traceback
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from framework.contract import variables
from framework.errors import ReportError

if TYPE_CHECKING:
    from dagster_pipes import PipesContext

# Threads write one message at a time, and none after the channel was closed.
_writing = threading.Lock()


@dataclass(frozen=True)
class SinkReport:
    """What lies in a sink for the date; a table sink has no files (None)."""

    path: str
    format: str
    files: int | None
    size_bytes: int | None


@dataclass(frozen=True)
class CheckResult:
    """A check of a date; a blocking one that has not passed keeps the date from being published.

    The `metadata` is of numbers, texts and lists of texts.
    """

    name: str
    passed: bool
    blocking: bool
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Drift:
    """The columns that changed since the landing of the date `against`.

    Those `added` and `missing` have a `name` and a `type`, those `changed` a `name`, `from`, `to`.
    """

    against: str
    added: tuple[Mapping[str, str], ...]
    missing: tuple[Mapping[str, str], ...]
    changed: tuple[Mapping[str, str], ...]


@dataclass(frozen=True)
class LandingReport:
    """A landed date; times are UTC ISO strings, durations seconds.

    `rows_read` came out of the sources' scans (None: Spark does not tell), of them `rejected_rows`
    were bad records (None: they are not told apart), which lie in `rejected_path`. `drift` is None
    where there is nothing to compare the columns with.
    """

    biz_dt: str
    row_count: int
    columns: tuple[Mapping[str, str], ...]
    sinks: tuple[SinkReport, ...]
    started_at: str
    duration_s: float
    rows_read: int | None = None
    rejected_rows: int | None = None
    rejected_path: str | None = None
    drift: Drift | None = None
    checks: tuple[CheckResult, ...] = ()


@dataclass(frozen=True)
class StageProgress:
    """An active stage of Spark: `done` of its `tasks` are."""

    stage_id: int
    name: str
    tasks: int
    done: int


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


def checks(biz_dt: str, results: Sequence[CheckResult]) -> None:
    """Report the checks of a date, before it is known whether it lands.

    Raises:
        ReportError: see `reporting`.
    """
    _send({"kind": "checks", "biz_dt": biz_dt, "checks": [asdict(each) for each in results]})


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


def progress(stages: Sequence[StageProgress]) -> None:
    """Report the active stages, of none too.

    Raises:
        ReportError: see `reporting`.
    """
    _send({"kind": "progress", "stages": [asdict(stage) for stage in stages]})


def is_asked_for() -> bool:
    """Whether the orchestrator waits for reports."""
    return bool(os.environ.get(variables.PIPES_CONTEXT))


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
    try:
        yield
    except BaseException as error:
        _close(context, error)
        raise
    _close(context, None)


def _send(payload: Mapping[str, Any]) -> None:
    context = _open()
    if context is None:
        return
    with _writing:
        if not context.is_closed:
            context.report_custom_message(payload)


def _open() -> PipesContext | None:
    if not is_asked_for():
        return None
    try:
        from dagster_pipes import PipesContext, open_dagster_pipes
    except ImportError as error:
        raise ReportError(
            f"{variables.PIPES_CONTEXT} asks for reports but dagster_pipes is not installed where "
            "the job runs: install it there, or ship its one file by --py-files"
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
    _close(context, getattr(sys, "last_value", None))


def _close(context: PipesContext, error: BaseException | None) -> None:
    trace = error.__traceback__ if error else None
    with _writing:
        context.__exit__(type(error) if error else None, error, trace)
