"""Find the tables in whose folder another job lands. Pure.

No date is lost by it: a landing replaces the folder of its date alone. Spark refuses to read the
outer table, though, as the folders in it are not of one depth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from framework.contract.context_params import BIZ_DT
from framework.contract.native_paths import quoted_path
from framework.contract.paths import normal, parent, resolve
from framework.contract.some_of import some_of
from orch_dagster.registry.context_params import base_of
from orch_dagster.registry.one_spelling import spelling
from orch_dagster.registry.sink_clashes import LandingJob

_CURE = "Spark can't read that table whole; give each a folder of its own"


@dataclass(frozen=True, eq=False)
class _Folder:
    """The folder of a sink, its place in context_params and its path."""

    spec: LandingJob
    number: int
    path: str
    location: str
    is_table: bool

    @property
    def where(self) -> str:
        return f"sinks[{self.number}]"

    def __str__(self) -> str:
        return (
            f"{quoted_path(self.path)} of {self.where} of {self.spec.job_name} ({self.spec.job_id})"
        )


def nested_sinks(
    specs: Mapping[str, LandingJob], data_root: str | None
) -> Iterator[tuple[str, str]]:
    """Yield each sink that lies in a table of another sink, and each such table.

    Folders that would replace each other are left to `sink_clashes`, and so are those that Spark
    skips by their names.

    Args:
        specs: The jobs by job_id.
        data_root: Where relative paths start; None if unknown.

    Yields:
        The job_id, and a sentence with the place in context_params that names both jobs.
    """
    folders = list(_folders(specs, base_of(data_root)))
    spelled = spelling((each.location for each in folders), base_of(data_root))
    tables: dict[str, list[_Folder]] = defaultdict(list)
    for each in folders:
        if each.is_table:
            tables[spelled(each.location)].append(each)
    held: dict[_Folder, list[_Folder]] = defaultdict(list)
    for inner in folders:
        for table in _tables_around(spelled(inner.location), tables):
            held[table].append(inner)
            yield (
                inner.spec.job_id,
                f"{inner.where}.path: {quoted_path(inner.path)} lies in the table {table}: {_CURE}",
            )
    for table, inside in held.items():
        names = some_of(map(str, inside), len(inside))
        yield (
            table.spec.job_id,
            f"{table.where}.path: in the table {quoted_path(table.path)} lies {names}: {_CURE}",
        )


def _folders(specs: Mapping[str, LandingJob], base: str) -> Iterator[_Folder]:
    for spec in specs.values():
        for number, sink in enumerate(spec.context.sinks):
            if sink.is_staged:
                is_table = sink.partition_cols[:1] == (BIZ_DT,)
                location = normal(resolve(base, sink.path))
                yield _Folder(spec, number, sink.path, location, is_table)


def _tables_around(location: str, tables: Mapping[str, list[_Folder]]) -> Iterator[_Folder]:
    """Yield the tables that hold a folder which is no date of theirs."""
    below, around = location, parent(location)
    while around and around != below:
        name = below[len(around) :].lstrip("/")
        if around in tables and not name.startswith(("_", ".", f"{BIZ_DT}=")):
            yield from tables[around]
        below, around = around, parent(around)
