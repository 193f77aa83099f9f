"""The rules of job_master.context_params, for the registry and for a run.

All faults are found at once, each with its place: `sinks[0].path: is missing`. The rules that
depend on the data root or on a date are in `framework.contract.places`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from framework.contract import placeholders
from framework.contract.braces import braces_fault
from framework.contract.date_paths import dates_of_one_folder
from framework.contract.formats import CSV, FORMATS, Format, format_fault, format_of
from framework.contract.native_paths import portable, quoted_path
from framework.contract.option_faults import option_faults
from framework.contract.validation import Node, Option

BIZ_DT = "biz_dt"
BY_NAME = "by_name"
BY_PLACE = "by_place"
COLUMNS = (BY_NAME, BY_PLACE)

_JOB_NAME = re.compile(
    r"etl_lnd_(?P<entity>[a-z0-9]+)_(?P<source_system>[a-z0-9]+)_.+", re.IGNORECASE
)
# As Dagster has them.
_OWNER = re.compile(r"team:.+|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}", re.ASCII)
_A_DAY = date(2024, 5, 15)
# JSON can spell it, but UTF-8 can't.
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class BadRecords:
    """The quarantine of records that do not fit the schema, up to `limit` a date.

    `path` is its folder; None: a folder beside the first sink of files.
    """

    limit: int = 0
    path: str | None = None


@dataclass(frozen=True)
class Source:
    """One input; `path` may hold placeholders, `schema` is Spark's DDL (`id INT, name STRING`).

    `null_tokens` are the texts that mean null in CSV. `bad_records` is None to leave records that
    don't fit to Spark. `columns` says how the columns of CSV files are found, one of COLUMNS; None:
    by place, and each header must be the schema's.
    """

    format: str
    path: str = ""
    options: Mapping[str, Option] = field(default_factory=dict[str, Option])
    schema: str | None = None
    null_tokens: tuple[str, ...] = ()
    bad_records: BadRecords | None = None
    columns: str | None = None

    @property
    def is_table(self) -> bool:
        """Return whether `path` names a table instead of a file."""
        return format_of(self.format).is_table


@dataclass(frozen=True)
class Sink:
    """One output; files are staged and swapped, a table (kudu, jdbc) is appended to."""

    format: str
    path: str = ""
    partition_cols: tuple[str, ...] = ()
    mode: str | None = None
    options: Mapping[str, Option] = field(default_factory=dict[str, Option])

    @property
    def is_staged(self) -> bool:
        """Return whether it is files, published by a swap of folders."""
        return format_of(self.format).is_staged

    @property
    def is_table(self) -> bool:
        """Return whether `path` names a table instead of a folder."""
        return format_of(self.format).is_table


@dataclass(frozen=True)
class ContextParams:
    """The context_params of one job, checked.

    `business_keys` and `compare_cols` are used in place of those of the date's row, unless None.
    """

    entity: str
    source_system: str
    sources: tuple[Source, ...] = ()
    hql: str | None = None
    sinks: tuple[Sink, ...] = ()
    timeout_minutes: float | None = None
    allow_empty: bool = False
    business_keys: tuple[str, ...] | None = None
    compare_cols: tuple[str, ...] | None = None
    owners: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the JSON that a run reads, with every key."""
        return asdict(self)


_KEYS, _SOURCE_KEYS, _SINK_KEYS, _BAD_RECORDS_KEYS = (
    tuple(each.name for each in fields(record))
    for record in (ContextParams, Source, Sink, BadRecords)
)


def with_group(context: Mapping[str, Any], job_name: str) -> dict[str, Any]:
    """Return the context_params with the entity and source_system of the job's name as defaults.

    >>> with_group({"entity": "X"}, "etl_lnd_gels_fpms_t_contract")
    {'entity': 'X', 'source_system': 'FPMS'}
    """
    named = _JOB_NAME.fullmatch(job_name)
    by_name = {key: text.upper() for key, text in named.groupdict().items()} if named else {}
    return {**by_name, **context}


def read_context_params(node: Node, *, is_row: bool) -> ContextParams:
    """Return the typed context_params; every fault is noted in the node.

    Args:
        node: The JSON object.
        is_row: True for a row of job_master, which must name its group and may hold no unknown
            keys. A params file may hold keys of its script.
    """
    if is_row:
        node.only(*_KEYS)
    # `repr` rules out nearly all rows at once: few have an escape in their text.
    if "\\ud" in repr(node.value):
        for where, text in _texts(node.value, ""):
            if _LONE_SURROGATE.search(text):
                node.note(where, f"{text[:50]!a} holds half a character, which no file can hold")
    parts = list(node.children("sources"))
    sources = tuple(_source(each, is_row=is_row) for each in parts)
    sinks = tuple(_sink(each, is_row=is_row) for each in node.children("sinks"))
    has_files = any(sink.is_staged for sink in sinks) or not isinstance(_list(node, "sinks"), list)
    for part, source in zip(parts, sources, strict=True):
        if source.bad_records and not source.bad_records.path and not has_files:
            part.note("bad_records", "needs a path, as no sink of the job is files")
    if sinks and not _list(node, "sources"):
        node.note("sources", "needs at least one, as the job has sinks")
    return ContextParams(
        entity=_group_part(node, "entity", is_row=is_row),
        source_system=_group_part(node, "source_system", is_row=is_row),
        sources=sources,
        hql=_hql(node),
        sinks=sinks,
        timeout_minutes=node.number("timeout_minutes"),
        allow_empty=node.flag("allow_empty"),
        business_keys=node.names("business_keys"),
        compare_cols=node.names("compare_cols"),
        owners=_owners(node),
    )


def spelled(options: Mapping[str, Option]) -> dict[str, str]:
    """Return options as Spark spells them.

    >>> spelled({"header": True, "maxColumns": 9})
    {'header': 'true', 'maxColumns': '9'}
    """
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in options.items()
    }


def _list(node: Node, key: str) -> Any:
    value = node.value.get(key)
    return [] if value is None else value


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Yield every text of a JSON value with its place, keys included."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _texts(each, f"{where}[{place}]")
    elif isinstance(value, dict):
        for key, each in value.items():
            yield where, key
            yield from _texts(each, f"{where}.{key}" if where else key)


def _group_part(node: Node, key: str, *, is_row: bool) -> str:
    if not is_row:
        return (node.optional_text(key) or "").strip()
    if key not in node.value:
        node.note(
            key, "is missing: give it, or name the job etl_lnd_<entity>_<source_system>_<table>"
        )
        return ""
    return node.text(key).strip()


def _source(node: Node, *, is_row: bool) -> Source:
    if is_row:
        node.only(*_SOURCE_KEYS)
    form, options = _format(node), node.options("options")
    traits = format_of(form)
    path, _ = _path(node, traits, {traits.table_option, traits.query_option}, options)
    source = Source(
        format=form,
        path=path,
        options=options,
        schema=node.optional_text("schema"),
        null_tokens=node.texts("null_tokens", may_be_empty=True),
        bad_records=_bad_records(node, is_row=is_row),
        columns=node.optional_text("columns"),
    )
    faults = (_record_faults, _column_faults)
    found = (fault for find in faults for fault in find(source, traits))
    for key, problem in (*found, *option_faults(options, traits)):
        node.note(key, problem)
    return source


def _sink(node: Node, *, is_row: bool) -> Sink:
    if is_row:
        node.only(*_SINK_KEYS)
    form, options = _format(node), node.options("options")
    traits = format_of(form)
    path, is_usable = _path(node, traits, {traits.table_option}, options)
    sink = Sink(
        format=form,
        path=path,
        partition_cols=tuple(name.strip() for name in node.texts("partition_cols")),
        mode=node.optional_text("mode"),
        options=options,
    )
    for key, problem in (*_sink_faults(sink, traits), *option_faults(options, traits)):
        node.note(key, problem)
    if is_usable and traits.is_staged and isinstance(_list(node, "partition_cols"), list):
        for key, problem in _date_faults(sink):
            node.note(key, problem)
    return sink


def _format(node: Node) -> str:
    name = node.text("format").strip()
    if name and (fault := format_fault(name)):
        node.note("format", fault)
    return name


def _path(
    node: Node, traits: Format, named_by: set[str | None], options: Mapping[str, Option]
) -> tuple[str, bool]:
    """Return the path and whether it can be used; a table that an option names needs none."""
    is_named = traits.is_table and named_by & {name.lower() for name in options}
    if is_named and not node.value.get("path"):
        return "", True
    before = len(node.problems)
    path = node.text("path")
    if fault := _path_fault(path):
        node.note("path", fault)
    return path, len(node.problems) == before


def _path_fault(path: str) -> str | None:
    """Return what is wrong with a path on any date, or None."""
    if "\0" in path:
        return f"holds a NUL, which no file system takes: {quoted_path(path)}"
    try:
        filled = placeholders.fill(path, {BIZ_DT: _A_DAY, "start_dt": _A_DAY, "end_dt": _A_DAY})
    except ValueError as error:
        return str(error)
    return braces_fault(filled)


def _bad_records(node: Node, *, is_row: bool) -> BadRecords | None:
    value = node.value.get("bad_records")
    if value is None:
        return None
    given = node.child("bad_records")
    if not isinstance(value, dict):
        return None
    if is_row:
        given.only(*_BAD_RECORDS_KEYS)
    limit, path = given.count("limit"), given.optional_text("path")
    if path and (fault := _path_fault(path)):
        given.note("path", fault)
    return BadRecords(limit, path)


def _record_faults(source: Source, traits: Format) -> Iterator[tuple[str, str]]:
    """Yield the faults of null_tokens and bad_records, each with its key."""
    if not source.null_tokens and not source.bad_records:
        return
    options = {name.lower(): str(value).lower() for name, value in source.options.items()}
    several = len(source.null_tokens) > 1
    is_known = not _is_unknown(source.format)
    if source.null_tokens:
        if is_known and not traits.has_null_tokens:
            yield "null_tokens", f"are for format csv, not {source.format!r}"
        if "nullvalue" in options:
            yield "options.nullValue", "put it into null_tokens"
        if several and not source.schema and options.get("inferschema") == "true":
            yield "null_tokens", "several need a schema, or no inferSchema: it knows of one only"
    if source.bad_records:
        if is_known and not traits.has_bad_records:
            names = " or ".join(each.name for each in FORMATS if each.has_bad_records)
            yield "bad_records", f"is for format {names}, not {source.format!r}"
        elif not source.schema:
            yield "bad_records", "needs a schema, which the records fit or do not"
    if source.bad_records or (several and source.schema):
        for name in ("mode", "columnNameOfCorruptRecord"):
            if name.lower() in options:
                yield f"options.{name}", "can't be given with bad_records or several null_tokens"


def _column_faults(source: Source, traits: Format) -> Iterator[tuple[str, str]]:
    """Yield the faults of columns, each with its key."""
    if source.columns is None:
        return
    options = {name.lower(): str(value).lower() for name, value in source.options.items()}
    if source.columns not in COLUMNS:
        yield "columns", f"must be {' or '.join(COLUMNS)}, is {source.columns!r}"
    elif traits is not CSV:
        if not _is_unknown(source.format):
            yield "columns", f"is for format csv, not {source.format!r}"
    elif options.get("header") != "true":
        yield "columns", "needs options.header: true, which says that files have a header"
    elif source.columns == BY_NAME and not source.schema and options.get("inferschema") == "true":
        yield "columns", "by_name needs a schema, or no inferSchema: then all columns are text"
    if "enforceschema" in options:
        yield "options.enforceSchema", "leave it out: `columns` says how columns are found"


def _is_unknown(form: str) -> bool:
    """Return whether the format itself is a fault, so that its traits are unknown."""
    return not form or format_fault(form) is not None


def _sink_faults(sink: Sink, traits: Format) -> Iterator[tuple[str, str]]:
    if not traits.is_writable:
        yield "format", f"{sink.format!r} can be read, not written"
    mode = "overwrite" if traits.is_staged else "append"
    if sink.mode not in (None, mode) and not _is_unknown(sink.format):
        yield "mode", f"must be {mode!r} for format {sink.format!r}, is {sink.mode!r}"
    if traits.is_staged:
        # Spark takes names as one that differ by case.
        folded = [name.casefold() for name in sink.partition_cols]
        for name in dict.fromkeys(folded):
            if folded.count(name) > 1:
                given = sink.partition_cols[folded.index(name)]
                yield "partition_cols", f"{given} is given twice"


def _date_faults(sink: Sink) -> Iterator[tuple[str, str]]:
    """Yield why the files of one date would replace those of another."""
    if sink.partition_cols[:1] == (BIZ_DT,):
        return
    if BIZ_DT in sink.partition_cols:
        yield "partition_cols", f"{BIZ_DT} must come first, is in {list(sink.partition_cols)}"
    elif pair := dates_of_one_folder(sink.path):
        are_named = f", as {pair[0]} and {pair[1]}" if f"{{{BIZ_DT}" in sink.path else ""
        yield (
            "path",
            f"put {BIZ_DT} first in partition_cols, or the whole of it, as {{{BIZ_DT}}} is, into "
            f"the path {quoted_path(sink.path)}: else one date would replace another{are_named}",
        )


def _owners(node: Node) -> tuple[str, ...]:
    owners = node.texts("owners")
    for owner in owners:
        if not _OWNER.fullmatch(owner):
            node.note("owners", f"must be e-mail addresses or team:NAME, not {owner!r}")
    return owners


def _hql(node: Node) -> str | None:
    name = node.optional_text("hql")
    if name is None:
        return None
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        node.note("hql", f"must be a file below the folder of HQL files, is {name!r}")
    return portable(name)
