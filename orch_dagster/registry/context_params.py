"""What job_master.context_params may say, checked as a whole."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from string import Formatter
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from framework.contract.formats import FORMATS, format_of
from orch_dagster.errors import OrchError

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

_NAME = re.compile(r"etl_lnd_(?P<entity>[a-z0-9]+)_(?P<source>[a-z0-9]+)_.+", re.IGNORECASE)
_PLACEHOLDERS = ("biz_dt", "start_dt", "end_dt")
# A day, and the next to it that share the month and year, the day and year, the day and month.
_A_DAY = date(2024, 5, 15)
_OTHER_DAYS = (date(2024, 5, 16), date(2024, 6, 15), date(2025, 5, 15))


class ContextParamsError(OrchError):
    """context_params cannot be used; the text names every fault and its place in the JSON."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BadRecords(_Strict):
    """Records that do not fit the schema are set aside below `path`, up to `limit` a date."""

    limit: int = Field(0, ge=0, strict=True)
    path: str | None = None


class Source(_Strict):
    """One input: becomes the view row1, row2, … by its place in the list."""

    format: Text
    path: str = ""
    options: Mapping[str, str | int | float | bool] = Field(default_factory=dict)
    schema_ddl: str | None = Field(None, alias="schema")
    null_tokens: tuple[str, ...] = ()
    bad_records: BadRecords | None = None


class Sink(_Strict):
    """One output."""

    format: Text
    path: str = ""
    partition_cols: tuple[Text, ...] = ()
    mode: str | None = None
    options: Mapping[str, str | int | float | bool] = Field(default_factory=dict)

    @property
    def is_staged(self) -> bool:
        """Whether it is files, published by a swap of folders."""
        return format_of(self.format).is_staged


class ContextParams(_Strict):
    """The parsed context_params of one job."""

    entity: Text
    source_system: Text
    sources: tuple[Source, ...] = ()
    hql: str | None = None
    sinks: tuple[Sink, ...] = ()
    timeout_minutes: float | None = Field(None, gt=0)
    allow_empty: bool = False


def parse_context_params(text: str | None, job_name: str) -> ContextParams:
    """Read and check the JSON of a job_master row.

    Args:
        text: The column's value.
        job_name: Tells entity and source_system where the JSON does not
            (etl_lnd_<entity>_<source>_<table>).

    Raises:
        ContextParamsError: Every fault found, each with its place.
    """
    try:
        parsed: Any = json.loads(text or "")
    except json.JSONDecodeError as error:
        raise ContextParamsError(
            f"not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        ) from error
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits, or brackets nested a thousand deep.
        raise ContextParamsError(f"not usable JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise ContextParamsError(f"a JSON object is wanted, this is a {type(parsed).__name__}")
    if match := _NAME.fullmatch(job_name):
        parsed = {
            "entity": match["entity"].upper(),
            "source_system": match["source"].upper(),
            **parsed,
        }
    try:
        params = ContextParams.model_validate(parsed)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, item['loc'])) or 'JSON'}: {item['msg']}" for item in error.errors()
        ]
        raise ContextParamsError("; ".join(faults)) from error
    if faults := _faults(params):
        raise ContextParamsError("; ".join(faults))
    return params


def _faults(params: ContextParams) -> list[str]:
    """What the job framework would refuse too, said before any run."""
    has_files = any(sink.is_staged for sink in params.sinks)
    faults = [
        f"sources.{place}: {fault}"
        for place, source in enumerate(params.sources)
        for fault in (_path_fault(source), *_record_faults(source, has_files=has_files))
        if fault
    ]
    faults += [
        f"sinks.{place}: {fault}"
        for place, sink in enumerate(params.sinks)
        if (fault := _path_fault(sink) or _sink_fault(sink))
    ]
    if params.sinks and not params.sources:
        faults.append("sources: a job with sinks needs at least one source")
    return faults


def _path_fault(part: Source | Sink) -> str | None:
    traits = format_of(part.format)
    if not part.path:
        names = {name.lower() for name in part.options}
        if traits.is_table and names & {traits.table_option, traits.query_option}:
            return None
        return f"format {part.format} needs a path"
    if traits.is_table:
        return None
    try:
        _filled(part.path, _A_DAY)
    except ValueError as error:
        return f"path {part.path}: {error}"
    return None


def _record_faults(source: Source, *, has_files: bool) -> Iterator[str]:
    options = {name.lower(): value for name, value in source.options.items()}
    several = len(source.null_tokens) > 1
    if source.null_tokens:
        if not format_of(source.format).has_null_tokens:
            yield f"null_tokens are for format csv, not {source.format}"
        if "nullvalue" in options:
            yield "put the option nullValue into null_tokens"
        if several and not source.schema_ddl and str(options.get("inferschema")).lower() == "true":
            yield "several null_tokens need a schema, or no inferSchema: it knows of one only"
    if source.bad_records:
        yield from _bad_record_faults(source, source.bad_records, has_files=has_files)
    if source.bad_records or (several and source.schema_ddl):
        for name in ("mode", "columnNameOfCorruptRecord"):
            if name.lower() in options:
                yield f"the option {name} can't be given with bad_records or several null_tokens"


def _bad_record_faults(
    source: Source, bad_records: BadRecords, *, has_files: bool
) -> Iterator[str]:
    if not format_of(source.format).has_bad_records:
        names = " or ".join(each.name for each in FORMATS if each.has_bad_records)
        yield f"bad_records is for format {names}, not {source.format}"
    elif not source.schema_ddl:
        yield "bad_records needs a schema, which the records fit or do not"
    if not bad_records.path:
        if not has_files:
            yield "bad_records needs a path, as no sink of the job is files"
        return
    try:
        _filled(bad_records.path, _A_DAY)
    except ValueError as error:
        yield f"bad_records: path {bad_records.path}: {error}"


def _sink_fault(sink: Sink) -> str | None:
    wanted = "overwrite" if sink.is_staged else "append"
    if sink.mode not in (None, wanted):
        return f"mode {sink.mode}: format {sink.format} is written by {wanted}"
    if not sink.is_staged or sink.partition_cols[:1] == ("biz_dt",):
        return None
    if "biz_dt" in sink.partition_cols:
        return f"biz_dt must come first in partition_cols, which are {list(sink.partition_cols)}"
    if any(_filled(sink.path, day) == _filled(sink.path, _A_DAY) for day in _OTHER_DAYS):
        return (
            "biz_dt must come first in partition_cols, or the path hold the whole of it as "
            "{biz_dt} does, else one date would replace another"
        )
    return None


def _filled(path: str, biz_dt: date) -> str:
    """The path of a biz_dt; a window's dates, which several may share, stand still.

    Raises:
        ValueError: Unbalanced braces, or a placeholder that there is not.
    """
    if "{" not in path and "}" not in path:
        return path
    parts: list[str] = []
    for text, name, form, conversion in Formatter().parse(path):
        if name is not None and (name not in _PLACEHOLDERS or conversion):
            known = ", ".join(f"{{{known}}}" for known in _PLACEHOLDERS)
            raise ValueError(f"unknown placeholder {{{name}}}, known: {known}")
        day = biz_dt if name == "biz_dt" else _A_DAY
        parts += [text, "" if name is None else format(day, form or "")]
    return "".join(parts)
