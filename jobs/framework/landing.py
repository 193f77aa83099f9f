"""Land a job's date: sources to views, HQL, publish to the sinks, report."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from framework import report
from framework.catalog import tables_of_its_own
from framework.contract.paths import base_location, is_local
from framework.contract.spark_options import unknown_options
from framework.errors import ParamsError
from framework.hql import check_variables
from framework.land.date_errors import Dates
from framework.land.load_sinks import load_sinks
from framework.land.staging import Staged
from framework.logging import get_logger
from framework.params import (
    NO_KUDU_MASTER,
    JobParams,
    needs_kudu_master,
    session_kudu_master,
)
from framework.params_loader import load_params
from framework.plan import Plan, PlannedSink, PlannedSource, plan_landing
from framework.read.damaged_bytes import search_limits
from framework.read.local_tables import require_tables_seen
from framework.read.scan_metrics import Scans
from framework.read.seen_files import require_sources_seen
from framework.read.source_files import require_sources
from framework.read.source_look import SourceLook
from framework.read.sources import opened_sources, query
from framework.session import (
    get_spark,
    has_tables_of_run,
    is_running,
    session_of_its_own,
)
from framework.shared_job import shared_job
from framework.storage.routed import RoutedFileSystem

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run_landing() -> None:
    """Land each date of the params file (JOB_PARAMS_FILE), in order.

    Everything that can be checked without Spark is checked before Spark starts. The session is
    stopped at the end. If a run has several dates, one that fails does not stop the others.

    Raises:
        DatesFailedError: If some of several dates did not land.
        ParamsError: If the params file is missing or has faults.
        SourceFilesError: If a source's files would be skipped, or read as something else.
        SourceNotFoundError: If a source's path does not exist.
        HqlError: If the HQL file is missing or refused.
        PublishError: If the result was not published, or (the text tells) it is unknown.
    """
    try:
        with report.reporting():
            _land_all(load_params())
    except BaseException as error:
        # The traceback goes to standard error when the script ends by this exception.
        get_logger("framework.landing").error("%s: %s", type(error).__name__, error)
        raise


def _land_all(params: JobParams) -> None:
    for text in _ignored_options(params):
        get_logger("framework.landing").warning("%s", text)
    dates = Dates(params.biz_dts)
    plans: list[tuple[Plan, dict[str, SourceLook]]] = []
    for biz_dt in params.biz_dts:
        with dates.one(biz_dt):
            plan = plan_landing(params, biz_dt, base_location())
            local = [each for each in plan.sources if is_local(each.location)]
            plans.append((plan, _require_sources(RoutedFileSystem(), params, local)))
    if plans:
        with _session() as spark:
            _require_kudu_masters(spark, params)
            for plan, looks in plans:
                with dates.one(plan.biz_dt, lambda: is_running(spark) and not _is_stopped()):
                    # Views, tables and settings of one date's HQL must not reach the next date.
                    if len(plans) == 1:
                        _land_checked(spark, params, plan, looks)
                        continue
                    with _tables_of_date(spark):
                        _land_checked(session_of_its_own(spark), params, plan, looks)
    dates.raise_failed()


def _ignored_options(params: JobParams) -> Iterator[str]:
    for key, parts in (("sources", params.sources), ("sinks", params.sinks)):
        for number, part in enumerate(parts):
            for option in unknown_options(part.format, part.options):
                yield f"{key}[{number}].options.{option.name}: {option}"


def _land_checked(
    spark: SparkSession, params: JobParams, plan: Plan, local: Mapping[str, SourceLook]
) -> None:
    elsewhere = _require_all(spark, params, plan)
    land_date(spark, params, plan, {**local, **elsewhere})


def land_date(
    spark: SparkSession,
    params: JobParams,
    plan: Plan,
    looks: Mapping[str, SourceLook] | None = None,
) -> report.LandingReport:
    """Land one date and report it.

    Args:
        spark: The session.
        params: The job's parameters.
        plan: The date's plan.
        looks: The looks at the files of its views, which are not repeated; None if nobody looked.

    Raises:
        BadRecordsError: If too many records of a source do not fit its schema.
        HqlError: If Spark refuses the HQL.
        PublishError: If the result was not published, or (the text tells) it is unknown.
        SourceGoneError: If a source's file disappeared while it was read.
    """
    log = get_logger("framework.landing")
    started_at, started = datetime.now(tz=timezone.utc), time.monotonic()
    log.info("%s %s: landing", params.job_name, plan.biz_dt)
    scans = Scans(spark)
    with opened_sources(spark, plan, scans, looks or {}) as rejected:
        with scans.counted():
            result = query(spark, plan)
        loaded = load_sinks(spark, params, plan, result, rejected, scans)
    first = loaded.sinks[0]
    landed = report.LandingReport(
        biz_dt=plan.biz_dt.isoformat(),
        row_count=first.row_count,
        columns=tuple({"name": name, "type": type_} for name, type_ in first.columns),
        sinks=tuple(_sink_report(*pair) for pair in zip(plan.sinks, loaded.sinks, strict=True)),
        started_at=started_at.isoformat(timespec="milliseconds"),
        duration_s=round(time.monotonic() - started, 3),
        rows_read=scans.row_count,
        rejected_rows=sum(each.row_count for each in rejected) if rejected else None,
        rejected_path=next((each.folder for each in rejected if each.row_count), None),
        drift=loaded.findings.drift,
        checks=loaded.findings.checks,
        damaged_text=loaded.damaged_text,
        text_searched=_text_searched(params, plan, looks or {}),
    )
    report.landing(landed)
    log.info(
        "%s %s: landed %d rows in %.1f s",
        params.job_name,
        plan.biz_dt,
        landed.row_count,
        landed.duration_s,
    )
    return landed


def _text_searched(params: JobParams, plan: Plan, looks: Mapping[str, SourceLook]) -> str | None:
    """Return which files were searched for NUL and U+FFFD in part only, None if none were."""
    if params.text_check != "sources":
        return None
    limits = (
        search_limits(planned, looks[planned.view].files.read)
        for planned in plan.sources
        if planned.view in looks
    )
    return "; ".join(filter(None, limits)) or None


def _require_sources(
    fs: RoutedFileSystem, params: JobParams, sources: Sequence[PlannedSource]
) -> dict[str, SourceLook]:
    return require_sources(fs, sources, refuses_content=params.source_files_are_refused)


def _require_kudu_masters(spark: SparkSession, params: JobParams) -> None:
    if session_kudu_master(spark):
        return
    parts = {f"sources[{place}]": source for place, source in enumerate(params.sources)}
    parts |= {f"sinks[{place}]": sink for place, sink in enumerate(params.sinks)}
    problems = [
        f"{' '.join(filter(None, (f'{name}:', part.format, part.path)))} {NO_KUDU_MASTER}"
        for name, part in parts.items()
        if needs_kudu_master(part.format, part.options)
    ]
    if problems:
        raise ParamsError(f"{params.file}, job_master.context_params", problems)


def _require_all(spark: SparkSession, params: JobParams, plan: Plan) -> dict[str, SourceLook]:
    """Check what needs a session: sources on other file systems, the HQL's variables and tables."""
    require_sources_seen(spark, plan.sources)
    elsewhere = [each for each in plan.sources if not is_local(each.location)]
    looks = _require_sources(RoutedFileSystem(spark), params, elsewhere)
    if plan.script:
        check_variables(spark, plan.script, plan.variables)
        require_tables_seen(spark, plan.script, params.shared_folders)
    return looks


def _is_stopped() -> bool:
    """Return whether this job, and not its application, has been asked to end."""
    job = shared_job()
    return job is not None and job.is_stopped.is_set()


def _tables_of_date(spark: SparkSession) -> AbstractContextManager[None]:
    # A job that shares its application creates no tables, and must not drop those of others.
    if shared_job() is None and has_tables_of_run(spark):
        return tables_of_its_own(spark)
    return nullcontext()


@contextmanager
def _session() -> Generator[SparkSession]:
    """Yield a session and stop it afterwards; a stop that fails is only logged."""
    spark = get_spark()
    if shared_job() is not None:
        # The application's end is that of the last job.
        yield spark
        return
    try:
        yield spark
    finally:
        from py4j.protocol import Py4JError

        try:
            spark.stop()
        except (Py4JError, OSError) as error:
            get_logger("framework.landing").warning("the session did not stop: %s", error)


def _sink_report(planned: PlannedSink, staged: Staged) -> report.SinkReport:
    return report.SinkReport(
        path=planned.place.target if planned.place else planned.sink.table_option or planned.root,
        format=planned.sink.format,
        files=staged.usage.files if staged.usage else None,
        size_bytes=staged.usage.size_bytes if staged.usage else None,
    )
