"""What job_master.context_params may say, checked as a whole."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from orch_dagster.errors import OrchError

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

_NAME = re.compile(r"etl_lnd_(?P<entity>[a-z0-9]+)_(?P<source>[a-z0-9]+)_.+", re.IGNORECASE)
# Formats that Spark writes to a service, not to files: nothing to stage, so append is allowed.
UNSTAGED_FORMATS = frozenset({"kudu", "jdbc"})


class ContextParamsError(OrchError):
    """context_params cannot be used; the text names every fault and its place in the JSON."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Strict):
    """One input: becomes the view row1, row2, … by its place in the list."""

    format: Text
    path: str = ""
    options: Mapping[str, str | int | float | bool] = Field(default_factory=dict)
    schema_ddl: str | None = Field(None, alias="schema")


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
        return self.format.lower() not in UNSTAGED_FORMATS


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
    if faults := _sink_faults(params):
        raise ContextParamsError("; ".join(faults))
    return params


def _sink_faults(params: ContextParams) -> list[str]:
    faults: list[str] = []
    for place, sink in enumerate(params.sinks):
        where = f"sinks.{place}"
        if not sink.is_staged:
            continue
        if not sink.path:
            faults.append(f"{where}: a {sink.format} sink needs a path")
        elif sink.mode not in (None, "overwrite"):
            faults.append(f"{where}: mode {sink.mode} is only for {sorted(UNSTAGED_FORMATS)}")
        elif sink.partition_cols[:1] != ("biz_dt",) and "{biz_dt" not in sink.path:
            faults.append(
                f"{where}: biz_dt must come first in partition_cols, or {{biz_dt}} stand in the "
                f"path, else each date would replace all others"
            )
    faults += [
        f"sources.{place}: a {source.format} source needs a path"
        for place, source in enumerate(params.sources)
        if not source.path and source.format.lower() not in UNSTAGED_FORMATS
    ]
    if params.sinks and not params.sources:
        faults.append("sources: a job with sinks needs at least one source")
    return faults
