"""Land a job's date: sources to views, HQL, publish to the sinks, report."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from framework import report
from framework.dates import Dates
from framework.errors import EmptyResultError, ParamsError, PublishError, SourceNotFound
from framework.filesystem import RoutedFileSystem
from framework.hql import check_variables, run_script
from framework.locations import base_location, is_local
from framework.logging import get_logger
from framework.params import (
    NO_KUDU_MASTER,
    JobParams,
    needs_kudu_master,
    session_kudu_master,
)
from framework.params_loader import load_params
from framework.plan import Plan, PlannedSink, PlannedSource, plan_landing
from framework.processes import jvm_look, this_process
from framework.publish import Publication, publication
from framework.readers import read_source
from framework.session import get_spark, is_running, session_of_its_own
from framework.staging import Staged, shape, stage
from framework.writers import append_to_table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def run_landing() -> None:
    """Do what the params file (JOB_PARAMS_FILE) asks for: land each of its dates, in order.

    Everything that can be checked without Spark is checked before it starts. The session is
    stopped at the end; an error of the job leaves this function as it is. Of several dates, one
    that fails does not stop the others.

    Raises:
        DatesFailed: of several dates some did not land.
        ParamsError: the params file is missing or wrong.
        SourceNotFound: a source's path does not exist.
        HqlError: the HQL file is missing or is refused.
        PublishError: the result was not published, or (the text says so) nobody knows.
    """
    try:
        with report.reporting():
            _land_all(load_params())
    except BaseException as error:
        # The traceback goes to standard error when the script ends by this exception.
        get_logger("framework.landing").error("%s: %s", type(error).__name__, error)
        raise


def _land_all(params: JobParams) -> None:
    dates = Dates(params.biz_dts)
    plans: list[Plan] = []
    for biz_dt in params.biz_dts:
        with dates.one(biz_dt):
            plan = plan_landing(params, biz_dt, base_location())
            _require_sources(RoutedFileSystem(), [s for s in plan.sources if is_local(s.location)])
            plans.append(plan)
    if plans:
        with _session() as spark:
            _require_kudu_masters(spark, params)
            for plan in plans:
                with dates.one(plan.biz_dt, lambda: is_running(spark)):
                    # What the HQL of one date creates is in nobody else's way.
                    own = session_of_its_own(spark) if len(plans) > 1 else spark
                    _require_all(own, plan)
                    land_date(own, params, plan)
    dates.raise_failed()


def land_date(spark: SparkSession, params: JobParams, plan: Plan) -> report.LandingReport:
    """Land one date and report it.

    Raises:
        HqlError: Spark refuses the HQL.
        PublishError: not published, or (the text says so) nobody knows.
    """
    log = get_logger("framework.landing")
    started_at, started = datetime.now(tz=timezone.utc), time.monotonic()
    log.info("%s %s: landing", params.job_name, plan.biz_dt)
    result = _result(spark, plan)
    staged = _publish(spark, params, plan, result)
    landed = report.LandingReport(
        biz_dt=plan.biz_dt.isoformat(),
        row_count=staged[0].row_count,
        columns=tuple({"name": name, "type": type_} for name, type_ in staged[0].columns),
        sinks=tuple(_sink_report(*pair) for pair in zip(plan.sinks, staged, strict=True)),
        started_at=started_at.isoformat(timespec="milliseconds"),
        duration_s=round(time.monotonic() - started, 3),
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


def _require_sources(fs: RoutedFileSystem, sources: Sequence[PlannedSource]) -> None:
    files = dict.fromkeys(each.location for each in sources if not each.source.is_table)
    missing = [location for location in files if not fs.matches(location)]
    if missing:
        raise SourceNotFound(missing)


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


def _require_all(spark: SparkSession, plan: Plan) -> None:
    """Check what only a session can: sources on other file systems, variables of the HQL."""
    _require_sources(RoutedFileSystem(spark), plan.sources)
    if plan.script:
        check_variables(spark, plan.script, plan.variables)


@contextmanager
def _session() -> Generator[SparkSession]:
    """Yield a session that is stopped afterwards; a failing stop is logged, the job decides."""
    spark = get_spark()
    try:
        yield spark
    finally:
        from py4j.protocol import Py4JError

        try:
            spark.stop()
        except (Py4JError, OSError) as error:
            get_logger("framework.landing").warning("the session did not stop: %s", error)


def _result(spark: SparkSession, plan: Plan) -> DataFrame:
    for planned in plan.sources:
        source = planned.source
        rows = read_source(
            spark, source.format, planned.location, schema=source.schema, options=source.options
        )
        rows.createOrReplaceTempView(planned.view)
    if plan.script is None:
        return spark.table(plan.sources[0].view)
    return run_script(spark, plan.script, plan.variables)


def _publish(
    spark: SparkSession, params: JobParams, plan: Plan, result: DataFrame
) -> tuple[Staged, ...]:
    """Publish to all sinks and return what each holds, in their order."""
    biz_dt = plan.biz_dt.isoformat()
    shaped = [shape(result, planned, biz_dt) for planned in plan.sinks]
    places = [planned.place for planned in plan.sinks if planned.place]
    with _read_once(result, len(plan.sinks) > 1 or not places):
        if not places:
            return _append_all(params, plan, shaped, result.count())
        fs, look = RoutedFileSystem(spark), jvm_look(spark)
        me = this_process(params.run_id, look, spark.sparkContext.applicationId)
        with publication(fs, places, params.job_name, biz_dt, me, look) as current:
            staged = _stage_all(spark, fs, plan, shaped, current)
            row_count = next(iter(staged.values())).row_count
            # Tables come between the check and the swap: where one fails, no folder has changed.
            appended = _append_all(params, plan, shaped, row_count)
            current.commit()
    return tuple(staged.get(index, each) for index, each in enumerate(appended))


def _stage_all(
    spark: SparkSession,
    fs: RoutedFileSystem,
    plan: Plan,
    shaped: Sequence[DataFrame],
    current: Publication,
) -> dict[int, Staged]:
    files = [index for index, planned in enumerate(plan.sinks) if planned.place]
    staged = {
        index: stage(spark, fs, shaped[index], plan.sinks[index], folder, plan.biz_dt.isoformat())
        for index, folder in zip(files, current.staging, strict=True)
    }
    counts = {plan.sinks[index].root: each.row_count for index, each in staged.items()}
    if len(set(counts.values())) > 1:
        raise PublishError(f"the sinks got different numbers of rows, none was published: {counts}")
    return staged


def _append_all(
    params: JobParams, plan: Plan, shaped: Sequence[DataFrame], row_count: int
) -> tuple[Staged, ...]:
    """Refuse an unwanted empty result, then append to the tables among the sinks."""
    if row_count == 0 and not params.allow_empty:
        raise EmptyResultError(
            f"{params.job_name} {plan.biz_dt}: the result has no rows, nothing was published. "
            'If that is right, put "allow_empty": true into the job\'s context_params'
        )
    for planned, rows in zip(plan.sinks, shaped, strict=True):
        if planned.place is None and row_count:
            append_to_table(rows, planned.sink.format, planned.root, options=planned.sink.options)
    return tuple(Staged(row_count, None, tuple(rows.dtypes)) for rows in shaped)


@contextmanager
def _read_once(result: DataFrame, is_needed: bool) -> Generator[None]:
    """Keep the rows while several sinks read them, so that the query runs once."""
    if not is_needed:
        yield
        return
    result.persist()
    try:
        yield
    finally:
        result.unpersist()


def _sink_report(planned: PlannedSink, staged: Staged) -> report.SinkReport:
    return report.SinkReport(
        path=planned.place.target if planned.place else planned.sink.table_option or planned.root,
        format=planned.sink.format,
        files=staged.usage.files if staged.usage else None,
        size_bytes=staged.usage.size_bytes if staged.usage else None,
    )
