"""The plan of landing one date, made before Spark starts: paths, folders, statements."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from framework.contract.business_dates import WINDOW, window_fault
from framework.contract.context_params import BIZ_DT
from framework.contract.paths import resolve
from framework.contract.places import REJECTED, find_places
from framework.errors import ParamsError
from framework.hql import Script, load_script
from framework.params import JobParams, Sink, Source

__all__ = ["BIZ_DT", "REJECTED", "Plan", "PlannedSink", "PlannedSource", "plan_landing"]


@dataclass(frozen=True)
class Place:
    """The folder `target` that one sink replaces; `below` is its path inside the staging folder.

    For a table partitioned by biz_dt, `below` is the `biz_dt=..` folder of the staged table; for a
    folder of one date it is empty. `base` is the data root.
    """

    target: str
    below: str = ""
    base: str = field(default="", compare=False)


@dataclass(frozen=True)
class PlannedSource:
    """A source with its location (a table's name for table formats) and the view it becomes.

    `rejected` is the date's folder for its bad records, None if they are not quarantined.
    """

    source: Source
    location: str
    view: str
    rejected: str | None = None


@dataclass(frozen=True)
class PlannedSink:
    """A sink with its root location (a table's name for table formats).

    `place` is the folder to swap, None for a table. `template` is the root with its placeholders.
    """

    sink: Sink
    root: str
    place: Place | None
    template: str = ""

    @property
    def has_biz_dt_folder(self) -> bool:
        """Return whether biz_dt is a partition column, and so a folder `biz_dt=..`."""
        return BIZ_DT in self.sink.partition_cols


@dataclass(frozen=True)
class Plan:
    """The plan of landing one date."""

    biz_dt: date
    sources: tuple[PlannedSource, ...]
    sinks: tuple[PlannedSink, ...]
    script: Script | None
    variables: dict[str, str]
    base: str = field(default="", compare=False)

    @property
    def rejected(self) -> tuple[str, ...]:
        """Return the folders for bad records, each once."""
        return tuple(dict.fromkeys(each.rejected for each in self.sources if each.rejected))


def plan_landing(params: JobParams, biz_dt: date, base: str) -> Plan:
    """Plan the landing of a date; `base` is where relative paths start.

    Raises:
        ParamsError: If sources or sinks can't be used (names all faults), or the job reads the
            date's window, which ends before it starts.
        HqlError: If the HQL file is missing or empty.
    """
    window = params.window(biz_dt)
    dates = {
        "biz_dt": biz_dt,
        "start_dt": window.start_dt if window else None,
        "end_dt": window.end_dt if window else None,
    }
    problems: list[str] = []
    places = find_places(params.sources, params.sinks, params.job_name, dates, base, problems)
    problems += [
        f"{key}: run_landing needs at least one"
        for key, parts in (("sources", params.sources), ("sinks", params.sinks))
        if not parts
    ]
    if problems:
        raise ParamsError(f"{params.file}, job_master.context_params", problems)
    script = load_script(params.hql) if params.hql else None
    fault = window_fault(window.start_dt, window.end_dt) if window else None
    if fault and _reads_window(params, script):
        raise ParamsError(f"{params.file}, process_control", [f"{biz_dt}: {fault}"])
    return Plan(
        biz_dt=biz_dt,
        sources=tuple(
            PlannedSource(source, place.location, f"row{number}", place.rejected)
            for number, (source, place) in enumerate(
                zip(params.sources, places.sources, strict=True), 1
            )
        ),
        sinks=tuple(
            PlannedSink(
                sink,
                place.root,
                Place(place.target, place.folder, base) if place.target else None,
                resolve(base, sink.path) if place.target else "",
            )
            for sink, place in zip(params.sinks, places.sinks, strict=True)
        ),
        script=script,
        variables=_variables(params, dates),
        base=base,
    )


def _reads_window(params: JobParams, script: Script | None) -> bool:
    """Return whether a path or the HQL of a job depends on its date's window."""
    texts = [part.path for part in (*params.sources, *params.sinks)]
    texts += [each.bad_records.path or "" for each in params.sources if each.bad_records]
    statements = script.statements if script else ()
    used = {variable.name for each in statements for variable in each.variables}
    return any(name in used or any(f"{{{name}" in text for text in texts) for name in WINDOW)


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
