"""What landing one date means, worked out before Spark starts: paths, folders, statements."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from framework.contract import placeholders
from framework.contract.paths import is_within, join, parent, resolve
from framework.errors import ParamsError
from framework.hql import Script, load_script
from framework.params import JobParams, Sink, Source

BIZ_DT = "biz_dt"

REJECTED = "_rejected"

_PATTERN = re.compile(r"[*?\[\]{}\\]")
_NO_PATTERN = "* ? [ ] { } \\"
_T = TypeVar("_T")


@dataclass(frozen=True)
class Place:
    """What one sink replaces: the folder `target`; `below` is its path inside the staging folder.

    A table partitioned by biz_dt is staged whole and gives its `biz_dt=..` folder (`below`);
    a folder of its own date is staged as itself (`below` is empty).
    """

    target: str
    below: str = ""


@dataclass(frozen=True)
class PlannedSource:
    """A source with its location (a table's name for table formats) and the view it becomes.

    `rejected` is the date's folder for its bad records, None where they are not set aside.
    """

    source: Source
    location: str
    view: str
    rejected: str | None = None


@dataclass(frozen=True)
class PlannedSink:
    """A sink with its root location (a table's name for table formats).

    `place` is what is swapped, None for a table. `template` is the root with its placeholders.
    """

    sink: Sink
    root: str
    place: Place | None
    template: str = ""

    @property
    def has_biz_dt_folder(self) -> bool:
        """Whether biz_dt is a partition column, hence a folder `biz_dt=..`."""
        return BIZ_DT in self.sink.partition_cols


@dataclass(frozen=True)
class Plan:
    """Everything that landing a date needs to know."""

    biz_dt: date
    sources: tuple[PlannedSource, ...]
    sinks: tuple[PlannedSink, ...]
    script: Script | None
    variables: dict[str, str]

    @property
    def rejected(self) -> tuple[str, ...]:
        """The folders for bad records, each once."""
        return tuple(dict.fromkeys(each.rejected for each in self.sources if each.rejected))


def plan_landing(params: JobParams, biz_dt: date, base: str) -> Plan:
    """Return the plan for a date; `base` is where relative paths start.

    Raises:
        ParamsError: sources or sinks that can't be used, all faults at once.
        HqlError: the HQL file is missing or empty.
    """
    window = params.window(biz_dt)
    dates = {
        "biz_dt": biz_dt,
        "start_dt": window.start_dt if window else None,
        "end_dt": window.end_dt if window else None,
    }
    problems: list[str] = []
    sources = [
        _noting(problems, f"sources[{i}]", lambda s=source, i=i: _source(s, i, dates, base))
        for i, source in enumerate(params.sources)
    ]
    sinks = [
        _noting(problems, f"sinks[{i}]", lambda s=sink: _sink(s, dates, base))
        for i, sink in enumerate(params.sinks)
    ]
    planned = tuple(sink for sink in sinks if sink is not None)
    beside = next((parent(sink.place.target) for sink in planned if sink.place), None)
    sources = [
        source
        and _noting(
            problems,
            f"sources[{i}].bad_records",
            lambda s=source: _with_rejected(s, params.job_name, dates, base, beside),
        )
        for i, source in enumerate(sources)
    ]
    read = tuple(source for source in sources if source is not None)
    problems.extend(_overall(params, read, planned))
    if problems:
        raise ParamsError(f"{params.file}, job_master.context_params", problems)
    return Plan(
        biz_dt=biz_dt,
        sources=read,
        sinks=planned,
        script=load_script(params.hql) if params.hql else None,
        variables=_variables(params, dates),
    )


def _source(source: Source, index: int, dates: dict[str, date | None], base: str) -> PlannedSource:
    path = placeholders.fill(source.path, dates)
    return PlannedSource(
        source, path if source.is_table else resolve(base, path), f"row{index + 1}"
    )


def _with_rejected(
    planned: PlannedSource,
    job_name: str,
    dates: dict[str, date | None],
    base: str,
    beside: str | None,
) -> PlannedSource:
    """The source with the folder for its bad records, whose name Spark's readers pass over."""
    bad_records = planned.source.bad_records
    if bad_records is None:
        return planned
    if bad_records.path:
        root = resolve(base, placeholders.fill(bad_records.path, dates))
        if _PATTERN.search(root):
            raise ValueError(f"the path can't hold any of {_NO_PATTERN}: {root}")
    elif beside:
        root = join(beside, REJECTED)
    else:
        raise ValueError("needs a path, as no sink of the job is files")
    return replace(planned, rejected=join(root, job_name, f"{BIZ_DT}={dates[BIZ_DT]}"))


def _sink(sink: Sink, dates: dict[str, date | None], base: str) -> PlannedSink:
    path = placeholders.fill(sink.path, dates)
    if sink.is_table:
        return PlannedSink(sink, path, None)
    root, template = resolve(base, path), resolve(base, sink.path)
    if _PATTERN.search(root):
        raise ValueError(f"a sink's path can't hold any of {_NO_PATTERN}: {root}")
    if sink.partition_cols[:1] == (BIZ_DT,):
        folder = f"{BIZ_DT}={dates[BIZ_DT]}"
        return PlannedSink(sink, root, Place(join(root, folder), folder), template)
    if BIZ_DT in sink.partition_cols or not _is_for_one_day(sink.path, dates):
        raise ValueError(
            f"put biz_dt first in partition_cols, or the whole of it, as {{biz_dt}} is, in the "
            f"path {sink.path!r}: else one date would replace another"
        )
    return PlannedSink(sink, root, Place(root), template)


def _is_for_one_day(template: str, dates: dict[str, date | None]) -> bool:
    """Whether no other day's folder has this path: not next day's, nor a month or a year off."""
    others = (date(2024, 5, 16), date(2024, 6, 15), date(2025, 5, 15))
    paths = [
        placeholders.fill(template, {**dates, BIZ_DT: day}) for day in (date(2024, 5, 15), *others)
    ]
    return paths[0] not in paths[1:]


def _overall(
    params: JobParams, sources: tuple[PlannedSource, ...], sinks: tuple[PlannedSink, ...]
) -> Iterator[str]:
    if not params.sources:
        yield "sources: run_landing needs at least one"
    if not params.sinks:
        yield "sinks: run_landing needs at least one"
    targets = [sink.place.target for sink in sinks if sink.place]
    yield from _inside_one_another(sources, targets)
    for source in sources:
        for target in targets:
            if not source.source.is_table and is_within(source.location, target):
                yield f"sources: {source.location} lies in {target}, which a sink replaces"


def _inside_one_another(sources: tuple[PlannedSource, ...], targets: list[str]) -> Iterator[str]:
    for place, target in enumerate(targets):
        for other in targets[place + 1 :]:
            if is_within(target, other) or is_within(other, target):
                yield f"sinks: one would replace the other: {target} and {other}"
    for folder in dict.fromkeys(source.rejected for source in sources if source.rejected):
        for target in targets:
            if is_within(folder, target) or is_within(target, folder):
                yield f"bad_records: {folder} and {target}: one would replace the other"


def _variables(params: JobParams, dates: dict[str, date | None]) -> dict[str, str]:
    values = {name: value.isoformat() if value else None for name, value in dates.items()}
    values |= {
        "run_id": params.run_id,
        "job_name": params.job_name,
        "entity": params.entity,
        "source_system": params.source_system,
        "environment": params.environment,
    }
    return {name: value for name, value in values.items() if value is not None}


def _noting(problems: list[str], where: str, make: Callable[[], _T]) -> _T | None:
    try:
        return make()
    except ValueError as error:
        problems.append(f"{where}: {error}")
        return None
