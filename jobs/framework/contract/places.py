"""The places that a job reads from and lands to, and the conflicts between them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice

from framework.contract import placeholders
from framework.contract.context_params import BIZ_DT, Sink, Source
from framework.contract.native_paths import quoted_path
from framework.contract.paths import (
    as_compared,
    is_local,
    is_within,
    join,
    normal,
    parent,
    resolve,
)
from framework.contract.windows_names import windows_path_fault

REJECTED = "_rejected"
LANDING = "_landing"
REPLACED = "_replaced"

Dates = Mapping[str, date | None]
"""biz_dt, start_dt and end_dt of a business date."""

_ON_WINDOWS = os.name == "nt"
_PATTERN = re.compile(r"[*?\[\]{}\\]")
_NO_PATTERN = "* ? [ ] { } \\"
# Relative, and the same below its first folder whatever the date.
_PLAIN = re.compile(r"(?P<head>[\w-]+)(/([\w=-]|\{biz_dt\})([\w.=-]|\{biz_dt\})*)*", re.ASCII)
# Folders of landings' own, whose content they move and remove.
_OWN = re.compile(rf"(?:^|[/\\])({LANDING}|{REPLACED}|{REJECTED})(?:[/\\]|$)", re.IGNORECASE)
# Each path may lie in each other one.
_MOST_OVERLAPS = 100
_WINDOW = re.compile(r"\{(start|end)_dt")

# Dates that no data has, so that the folder of a real date in a path is not taken for a
# placeholder's. Their windows equal the date, begin before it, end after it, or surround it.
_DAY, _NEXT, _LAST = date(2931, 7, 18), date(2931, 7, 19), date(2931, 7, 31)
_SAMPLES: tuple[Dates, ...] = (
    {BIZ_DT: _NEXT, "start_dt": _NEXT, "end_dt": _NEXT},
    {BIZ_DT: _NEXT, "start_dt": _DAY, "end_dt": _NEXT},
    {BIZ_DT: _DAY, "start_dt": _DAY, "end_dt": _NEXT},
    {BIZ_DT: _NEXT, "start_dt": _DAY, "end_dt": _LAST},
)


@dataclass(frozen=True)
class SourcePlace:
    """A source's location (a table's name for table formats).

    `rejected` is the date's folder for its bad records, None if they are not quarantined.
    """

    location: str
    rejected: str | None = None


@dataclass(frozen=True)
class SinkPlace:
    """A sink's root location (a table's name for table formats).

    `target` is the folder that a landing replaces, None for a table; `folder` is its name below
    the root if biz_dt is a partition column, else ''.
    """

    root: str
    target: str | None = None
    folder: str = ""


@dataclass(frozen=True)
class JobPlaces:
    """The places of a job's sources and sinks on one date."""

    sources: tuple[SourcePlace, ...]
    sinks: tuple[SinkPlace, ...]


def place_faults(
    sources: Sequence[Source], sinks: Sequence[Sink], job_name: str, base: str
) -> list[str]:
    """Return the faults of places on any date, found on sample dates."""
    samples = _sample_faults(sources, sinks, job_name, base)
    return [each for each in samples[0] if all(each in others for others in samples[1:])]


def window_faults(
    sources: Sequence[Source], sinks: Sequence[Sink], job_name: str, base: str
) -> list[str]:
    """Return the faults of places on dates with some windows; on others the job can land.

    Faults that depend on a date's row, such as a window without a start_dt, show only in the run.
    """
    samples = _sample_faults(sources, sinks, job_name, base)
    found = dict.fromkeys(fault for sample in samples for fault in sample)
    return [each for each in found if not all(each in sample for sample in samples)]


def _sample_faults(
    sources: Sequence[Source], sinks: Sequence[Sink], job_name: str, base: str
) -> list[list[str]]:
    """Return the faults on each sample date, of which one stands for all without a window."""
    if _are_apart(sources, sinks, base):
        return [[]]
    templates = [part.path for part in (*sources, *sinks)]
    templates += [each.bad_records.path or "" for each in sources if each.bad_records]
    has_window = any(_WINDOW.search(path) for path in templates)
    samples: list[list[str]] = []
    for dates in _SAMPLES if has_window else _SAMPLES[:1]:
        problems: list[str] = []
        find_places(sources, sinks, job_name, dates, base, problems)
        samples.append(list(dict.fromkeys(problems)))
    return samples


def _are_apart(sources: Sequence[Source], sinks: Sequence[Sink], base: str) -> bool:
    """Return whether no fault is possible: plain paths, and each sink below a folder of its own.

    This saves the checks for nearly all of the thousands of rows that a code location loads.
    """
    heads: set[str] = set()
    for sink in sinks:
        if sink.is_staged:
            head = _plain_head(sink.path)
            if head is None or head in heads or _OWN.search(sink.path):
                return False
            heads.add(head)
    for source in sources:
        head = _plain_head(source.path)
        if source.bad_records or head is None or head in heads:
            return False
    return not _PATTERN.search(base) and not _system_fault(base)


def _plain_head(path: str) -> str | None:
    """Return the first folder of a plain path as it is compared, None for another path."""
    plain = _PLAIN.fullmatch(path)
    return None if plain is None or _system_fault(path) else as_compared(plain["head"])


def _system_fault(path: str) -> str | None:
    """Return why this system takes a path for something else, None if it does not."""
    return windows_path_fault(path) if _ON_WINDOWS and is_local(path) else None


def sample_targets(sinks: Sequence[Sink], job_name: str, base: str) -> Iterator[tuple[int, str]]:
    """Yield the number of each sink of files, and the folder that it replaces on a sample date.

    The window is that one day. Equal folders are equal texts, so that those of all jobs can be
    compared.

    Args:
        sinks: The sinks of a job, without faults.
        job_name: The job's name.
        base: Where relative paths start, a location.
    """
    finder = _Finder(job_name, _SAMPLES[0], base, [])
    for number, sink in enumerate(sinks):
        place = finder.sink(sink, "") if sink.is_staged else None
        if place and place.target:
            yield number, normal(place.target)


def replaced_folders(
    sources: Sequence[Source],
    sinks: Sequence[Sink],
    job_name: str,
    dates: Dates,
    base: str,
) -> Iterator[tuple[str, str, str]]:
    """Yield each folder that a landing replaces: its place in the JSON, its path, its location.

    Args:
        sources: The sources of a job, without faults.
        sinks: Its sinks, without faults.
        job_name: The job's name.
        dates: The values of the placeholders.
        base: Where relative paths start, a location.
    """
    finder = _Finder(job_name, dates, base, [])
    beside: str | None = None
    for number, sink in enumerate(sinks):
        place = finder.sink(sink, "") if sink.is_staged else None
        if place and place.target:
            beside = beside or parent(place.target)
            yield f"sinks[{number}].path", sink.path, normal(place.target)
    for number, source in enumerate(sources):
        place = finder.source(source, "", beside) if source.bad_records else None
        if source.bad_records and place and place.rejected:
            path = source.bad_records.path or REJECTED
            yield f"sources[{number}].bad_records.path", path, normal(place.rejected)


def find_places(
    sources: Sequence[Source],
    sinks: Sequence[Sink],
    job_name: str,
    dates: Dates,
    base: str,
    problems: list[str],
) -> JobPlaces:
    """Find the places of a job on one date, and add all faults to `problems`.

    Args:
        sources: The job's sources.
        sinks: The job's sinks.
        job_name: The name of the folder of its bad records.
        dates: The values of the placeholders.
        base: Where relative paths start, a location.
        problems: The list that faults are added to.
    """
    finder = _Finder(job_name, dates, base, problems)
    landed = [finder.sink(sink, f"sinks[{place}]") for place, sink in enumerate(sinks)]
    targets = [each.target for each in landed if each and each.target]
    beside = parent(targets[0]) if targets else None
    read = [finder.source(each, f"sources[{n}]", beside) for n, each in enumerate(sources)]
    overlaps = _overlaps(sources, sinks, read, landed)
    problems.extend(islice(overlaps, _MOST_OVERLAPS))
    if next(overlaps, None):
        problems.append("sinks: more of the paths lie within each other than are named here")
    return JobPlaces(
        tuple(each for each in read if each is not None),
        tuple(each for each in landed if each is not None),
    )


@dataclass
class _Finder:
    """A resolver of the paths of one date."""

    job_name: str
    dates: Dates
    base: str
    problems: list[str]

    def source(self, source: Source, where: str, beside: str | None) -> SourcePlace | None:
        path = self._filled(source.path, f"{where}.path")
        rejected = self._rejected(source, where, beside)
        if path is None or not (path or source.is_table):
            return None
        if source.is_table:
            return SourcePlace(path, rejected)
        location = self._location(path, source.path, f"{where}.path")
        return None if location is None else SourcePlace(location, rejected)

    def sink(self, sink: Sink, where: str) -> SinkPlace | None:
        path = self._filled(sink.path, f"{where}.path")
        if path is not None and sink.is_table:
            return SinkPlace(path)
        root = self._folder(path, sink.path, f"{where}.path") if path else None
        if path is None or root is None:
            return None
        if own := _OWN.search(path):
            self.problems.append(
                f"{where}.path: landings move and remove what is in folders named {own[1]}; choose "
                f"another name: {quoted_path(sink.path)}"
            )
            return None
        if sink.partition_cols[:1] != (BIZ_DT,):
            return SinkPlace(root, root)
        folder = f"{BIZ_DT}={self.dates[BIZ_DT]}"
        return SinkPlace(root, join(root, folder), folder)

    def _rejected(self, source: Source, where: str, beside: str | None) -> str | None:
        """Return the date's folder for bad records; Spark's readers skip its name."""
        if source.bad_records is None:
            return None
        root = join(beside, REJECTED) if beside else None
        if template := source.bad_records.path:
            path = self._filled(template, f"{where}.bad_records.path")
            root = path and self._folder(path, template, f"{where}.bad_records.path")
        return root and join(root, self.job_name, f"{BIZ_DT}={self.dates[BIZ_DT]}")

    def _filled(self, template: str, where: str) -> str | None:
        try:
            return placeholders.fill(template, self.dates)
        except ValueError as error:
            self.problems.append(f"{where}: {error}")
            return None

    def _folder(self, path: str, template: str, where: str) -> str | None:
        """Return the location of a folder to write; refuse one that Hadoop reads as a pattern."""
        root = self._location(path, template, where)
        if root and _PATTERN.search(root):
            below = f" below {self.base}" if _PATTERN.search(self.base) else ""
            self.problems.append(f"{where}: can't hold any of {_NO_PATTERN}: {template!r}{below}")
            return None
        return root

    def _location(self, path: str, template: str, where: str) -> str | None:
        """Return the location of a path; refuse one that this system takes for something else."""
        location = resolve(self.base, path)
        fault = _system_fault(path) or _system_fault(location)
        # That a path is blank is said without a look at places.
        if fault and path.strip():
            self.problems.append(f"{where}: {quoted_path(template)} {fault}")
            return None
        return location


def _overlaps(
    sources: Sequence[Source],
    sinks: Sequence[Sink],
    read: Sequence[SourcePlace | None],
    landed: Sequence[SinkPlace | None],
) -> Iterator[str]:
    """Yield the conflicts in which a landing would replace other data, naming paths as given."""
    targets = [
        (place, each.target, sinks[place].path)
        for place, each in enumerate(landed)
        if each and each.target
    ]
    for earlier, (place, target, path) in enumerate(targets):
        for other_place, other, other_path in targets[:earlier]:
            if is_within(target, other) or is_within(other, target):
                yield (
                    f"sinks[{place}].path: one would replace the other: {quoted_path(path)} and "
                    f"{quoted_path(other_path)} of sinks[{other_place}]"
                )
    for number, (source, source_place) in enumerate(zip(sources, read, strict=True)):
        for place, target, path in targets:
            location = source_place.location if source_place and not source.is_table else None
            if location and is_within(location, target):
                yield (
                    f"sources[{number}].path: {quoted_path(source.path)} lies in "
                    f"{quoted_path(path)}, which a sink replaces: sinks[{place}]"
                )
            folder = source_place and source_place.rejected
            if folder and (is_within(folder, target) or is_within(target, folder)):
                yield (
                    f"sources[{number}].bad_records.path: their folder and {quoted_path(path)} of "
                    f"sinks[{place}]: one would replace the other"
                )
