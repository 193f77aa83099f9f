"""The column context_params of job_master, read by the same rules as in a run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from framework.contract.context_params import (
    BadRecords,
    ContextParams,
    Sink,
    Source,
    read_context_params,
    with_group,
)
from framework.contract.paths import as_location
from framework.contract.places import place_faults, window_faults
from framework.contract.some_of import MOST_NAMES
from framework.contract.validation import Node
from orch_dagster.errors import OrchError

__all__ = [
    "BadRecords",
    "ContextParams",
    "ContextParamsError",
    "Sink",
    "Source",
    "base_of",
    "context_warnings",
    "parse_context_params",
]

# Stands for an unknown data root, so that relative paths are still compared with each other.
_SOME_ROOT = "/data_root"


class ContextParamsError(OrchError):
    """context_params can't be used.

    Attributes:
        faults: The faults, each with its place in the JSON, such as `sinks[0].path: is missing`.
        warnings: What a run refuses on dates with some windows besides.
    """

    def __init__(self, faults: Sequence[str], warnings: Sequence[str] = ()) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)
        self.warnings = tuple(warnings)


@cache
def base_of(data_root: str | None) -> str:
    """Return the location where relative paths start; some other one if it is unknown."""
    return as_location(data_root or _SOME_ROOT)


def parse_context_params(
    text: str | None, job_name: str, data_root: str | None = None
) -> ContextParams:
    """Read and check the JSON of a job_master row.

    Args:
        text: The column's value.
        job_name: Gives entity and source_system if the JSON does not
            (etl_lnd_<entity>_<source>_<table>).
        data_root: Where relative paths start, an absolute path or a URL; None if unknown.

    Raises:
        ContextParamsError: If the text has faults; names each with its place.
    """
    if not (text or "").strip():
        raise ContextParamsError(["is empty; give sources and sinks, or {} for a job without"])
    twice: list[str] = []
    try:
        parsed: Any = json.loads(text or "", object_pairs_hook=_noting(twice))
    except json.JSONDecodeError as error:
        where = f"at line {error.lineno} column {error.colno}"
        raise ContextParamsError([f"not JSON: {error.msg} {where}{_json_remedy(error)}"]) from error
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits, or brackets nested a thousand deep.
        raise ContextParamsError([f"not usable JSON: {error}"]) from error
    if not isinstance(parsed, dict):
        raise ContextParamsError([f"must be a JSON object, not a {type(parsed).__name__}"])
    faults = [f"{name}: is given twice in one object" for name in dict.fromkeys(twice)]
    node = Node(with_group(parsed, job_name), "", faults)
    context = read_context_params(node, is_row=True)
    is_whole = _is_whole(context, parsed)
    if is_whole:
        faults += place_faults(context.sources, context.sinks, job_name, base_of(data_root))
    if faults:
        warnings = context_warnings(context, job_name, data_root) if is_whole else ()
        raise ContextParamsError(list(dict.fromkeys(faults)), warnings)
    return context


def _json_remedy(error: json.JSONDecodeError) -> str:
    """Return what a person has most likely written that JSON does not have."""
    before, after = error.doc[: error.pos].rstrip(), error.doc[error.pos :].lstrip()
    if before.endswith(",") and after[:1] in ("}", "]"):
        return "; take the comma before it away"
    if after.startswith(("//", "#", "/*")):
        return "; JSON has no comments"
    return "; JSON has double quotes alone" if after.startswith("'") else ""


def _noting(twice: list[str]) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    """Return what makes an object of its pairs, and notes up to ten keys that it has twice."""

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            twice.extend(key for key, count in counts.items() if count > 1)
            del twice[MOST_NAMES:]
        return found

    return made


def context_warnings(
    context: ContextParams, job_name: str, data_root: str | None = None
) -> list[str]:
    """Return what a run refuses on dates with some windows, each with its place.

    Args:
        context: The context_params, checked.
        job_name: The job's name.
        data_root: Where relative paths start; None if unknown.
    """
    return window_faults(context.sources, context.sinks, job_name, base_of(data_root))


def _is_whole(context: ContextParams, parsed: Mapping[str, Any]) -> bool:
    """Return whether every source and sink was read, so that each keeps its index in the JSON."""
    return all(
        not isinstance(parsed.get(key), list) or len(parts) == len(parsed[key])
        for key, parts in (("sources", context.sources), ("sinks", context.sinks))
    )
