"""Load a date's result into its sinks: stage and check the files, append to tables, swap."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from framework.check.damaged_text import TextWatch
from framework.check.run_checks import Findings, Result, StagedSink, run_checks
from framework.contract.paths import parent
from framework.errors import (
    DamagedTextError,
    EmptyResultError,
    JournalError,
    LockedError,
    PublishError,
    damage_of,
)
from framework.hql import QueryResult
from framework.land.staging import Staged, shape, stage
from framework.logging import get_logger
from framework.params import JobParams
from framework.plan import REJECTED, Place, Plan
from framework.publish.processes import jvm_probe, this_process
from framework.publish.publication import publication
from framework.publish.swap import remove_empty_parents
from framework.read.bad_records import Rejected, stage_rejected
from framework.read.damaged_bytes import damaged_files
from framework.read.scan_metrics import Scans
from framework.read.source_files import why_empty
from framework.storage.filesystem import FileSystem, Usage
from framework.storage.routed import RoutedFileSystem
from framework.writers import append_to_table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class LoadedSinks:
    """The rows of each sink, in their order, and the findings of the checks.

    `damaged_text` has by column the number of rows with NUL or U+FFFD in it; None if
    it is unknown or nobody looked.
    """

    sinks: tuple[Staged, ...]
    findings: Findings
    damaged_text: Mapping[str, int] | None


def load_sinks(
    spark: SparkSession,
    params: JobParams,
    plan: Plan,
    query: QueryResult,
    rejected: Sequence[Rejected],
    scans: Scans,
) -> LoadedSinks:
    """Publish a date to all of its sinks, or to none.

    The commands after the HQL's query run when its rows are written and checked, before the swap.

    Args:
        spark: The session.
        params: The job's parameters.
        plan: The date's plan.
        query: The date's rows.
        rejected: The bad records of its sources.
        scans: The counter of the rows that are read for it.

    Raises:
        HqlError: If Spark refuses a command after the query.
        PublishError: If the result was not published, or (the text tells) it is unknown.
        SourceGoneError: If a source's file disappeared.
    """
    result = query.rows
    fs = RoutedFileSystem(spark)
    biz_dt = plan.biz_dt.isoformat()
    shaped = [shape(result, planned, biz_dt) for planned in plan.sinks]
    has_files = any(planned.place for planned in plan.sinks)
    with _read_once(result, len(plan.sinks) > 1 or not has_files):
        row_count = None
        # The rows of one pass: all sinks get the same.
        place = next((n for n, planned in enumerate(plan.sinks) if planned.place), 0)
        watch = TextWatch(shaped[place]) if _may_be_damaged(fs, params, plan) else None
        if watch:
            shaped[place] = watch.watched
        if not has_files:
            with scans.counted():
                row_count = shaped[place].count() if watch else result.count()
        counted: dict[str, Usage] = {}
        with _published(spark, fs, params, plan, rejected, counted) as folders:
            stage_one = partial(
                stage, spark, fs, biz_dt=biz_dt, scans=scans, shared=params.shared_folders
            )
            sinks, staged = _stage_all(plan, shaped, folders, stage_one)
            counted |= {folder: fs.content(folder) for folder in folders}
            if row_count is None:
                row_count = staged[0].row_count
            if row_count == 0 and not params.allow_empty:
                bad = sum(each.row_count for each in rejected)
                raise EmptyResultError(
                    f"{params.job_name} {plan.biz_dt}: the result has no rows, nothing was "
                    f"published. {why_empty(fs, plan.sources, scans.row_count, bad)}"
                )
            damaged_text = _checked_text(params, plan, watch)
            whole = Result(result, row_count, counted)
            findings = run_checks(spark, fs, params, plan, sinks, whole)
            # Tables come before the swap, so that no folder has changed if one fails.
            for planned, rows in zip(plan.sinks, shaped, strict=True):
                if planned.place is None and row_count:
                    options = planned.sink.options
                    append_to_table(rows, planned.sink.format, planned.root, options=options)
            if query.finish:
                query.finish()
    in_files = iter(staged)
    return LoadedSinks(
        sinks=tuple(
            next(in_files) if planned.place else Staged(row_count, None, tuple(rows.dtypes))
            for planned, rows in zip(plan.sinks, shaped, strict=True)
        ),
        findings=findings,
        damaged_text=damaged_text,
    )


def _may_be_damaged(fs: FileSystem, params: JobParams, plan: Plan) -> bool:
    """Return whether to count damaged texts, which costs more than a look at the files' bytes."""
    if params.text_check != "sources":
        return params.text_check != "off"
    damaged = list(damaged_files(fs, plan.sources))
    for each in damaged:
        get_logger("framework.sources").warning("%s, which lands as it is", each)
    return bool(damaged)


def _checked_text(
    params: JobParams, plan: Plan, watch: TextWatch | None
) -> Mapping[str, int] | None:
    if watch is None:
        return None
    damaged = watch.damaged()
    title = f"{params.job_name} {plan.biz_dt}"
    if params.damaged_text_is_refused and (damaged is None or damaged):
        raise DamagedTextError(title, damaged)
    if damaged:
        get_logger("framework.verify").warning("%s: %s", title, damage_of(damaged))
    return damaged


@contextmanager
def _published(
    spark: SparkSession,
    fs: FileSystem,
    params: JobParams,
    plan: Plan,
    rejected: Sequence[Rejected],
    counted: Mapping[str, Usage],
) -> Generator[tuple[str, ...]]:
    """Yield the staging folders of the file sinks, and swap in what the block wrote there.

    The bad records are swapped too, and replace those of an earlier landing of the date. The block
    adds the content of each folder to `counted`; none is published if one has changed since.
    """
    places = [planned.place for planned in plan.sinks if planned.place]
    full = {each.folder for each in rejected if each.row_count}
    folders = [folder for folder in plan.rejected if folder in full or fs.exists(folder)]
    swapped = [*places, *(Place(folder, base=plan.base) for folder in folders)]
    if not swapped:
        yield ()
        return
    look = jvm_probe(spark)
    me = this_process(params.run_id, look, spark.sparkContext.applicationId)
    try:
        with publication(
            fs, swapped, params.job_name, plan.biz_dt.isoformat(), me, look
        ) as current:
            stage_rejected(
                fs, rejected, folders, current.staging[len(places) :], params.shared_folders
            )
            yield current.staging[: len(places)]
            current.commit(counted)
    except (LockedError, JournalError):
        # The folders there belong to another landing.
        folders.clear()
        raise
    finally:
        _remove_empty(fs, folders)


def _remove_empty(fs: FileSystem, folders: Sequence[str]) -> None:
    """Remove empty folders for bad records, and the empty parents that landings created."""
    for folder in folders:
        has_default_root = parent(parent(folder)).endswith(f"/{REJECTED}")
        try:
            remove_empty_parents(fs, folder, levels=3 if has_default_root else 2)
        except OSError as error:
            get_logger("framework.deliver").warning("an empty folder stays: %s", error)


def _stage_all(
    plan: Plan,
    shaped: Sequence[DataFrame],
    folders: Sequence[str],
    stage_one: Callable[[StagedSink], Staged],
) -> tuple[list[StagedSink], list[Staged]]:
    files = [pair for pair in zip(plan.sinks, shaped, strict=True) if pair[0].place]
    sinks = [
        StagedSink(planned, folder, rows)
        for (planned, rows), folder in zip(files, folders, strict=True)
    ]
    staged = [stage_one(each) for each in sinks]
    counts = {sink.planned.root: each.row_count for sink, each in zip(sinks, staged, strict=True)}
    if len(set(counts.values())) > 1:
        raise PublishError(f"the sinks got different numbers of rows, none was published: {counts}")
    return sinks, staged


@contextmanager
def _read_once(result: DataFrame, is_needed: bool) -> Generator[None]:
    """Persist the rows while several sinks read them, so that the query runs once."""
    if not is_needed:
        yield
        return
    result.persist()
    try:
        yield
    finally:
        result.unpersist()
