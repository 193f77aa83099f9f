"""Rules for rows that are written anew. A stored row that breaks one runs on, with a warning.

What such a row lands was landed before: its job must not stop with a new version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from framework.contract.native_paths import quoted_path
from framework.contract.option_values import value_faults
from framework.contract.paths import is_absolute, is_within, normal, resolve
from framework.contract.places import sample_targets
from framework.contract.schema_text import schema_faults
from framework.contract.spark_options import unknown_options
from orch_dagster.registry.context_params import ContextParams, base_of

_DATES = "biz_dt|start_dt|end_dt"
_WITH_DOLLAR = re.compile(rf"\$\{{({_DATES})\b")
# Not within doubled braces, which stand for themselves.
_FORM = re.compile(rf"(?<!\{{)\{{({_DATES}):([^{{}}]+)\}}")


@dataclass(frozen=True)
class RuleFault:
    """A fault of context_params.

    Attributes:
        text: The fault with its place: `sinks[0].path: …`.
        is_refused: Whether `orch apply` refuses it; else it may be right, and is only named.
    """

    text: str
    is_refused: bool


def rule_faults(
    context: ContextParams,
    job_name: str,
    data_root: str | None,
    own_folders: Mapping[str, str],
) -> Iterator[RuleFault]:
    """Yield what `orch apply` says of context_params that a run takes.

    Args:
        context: The context_params, without other faults.
        job_name: The job's name.
        data_root: Where relative paths start; None if unknown.
        own_folders: Where no job may land: what is kept there, by the folder's location.
    """
    yield from _option_faults(context)
    yield from _path_faults(context)
    for number, source in enumerate(context.sources):
        for fault in schema_faults(source.schema or ""):
            yield RuleFault(f"sources[{number}].schema: {fault}", is_refused=True)
    yield from _folder_faults(context, job_name, base_of(data_root), own_folders)


def _option_faults(context: ContextParams) -> Iterator[RuleFault]:
    for key, parts in (("sources", context.sources), ("sinks", context.sinks)):
        for number, part in enumerate(parts):
            for option in unknown_options(part.format, part.options):
                text = f"{key}[{number}].options.{option.name}: {option}"
                yield RuleFault(text, option.is_misspelled)
            for name, fault in value_faults(part.format, part.options):
                yield RuleFault(f"{key}[{number}].options.{name}: {fault}", is_refused=True)


def _path_faults(context: ContextParams) -> Iterator[RuleFault]:
    """Yield the paths that a person has spelled otherwise than meant."""
    for where, path in _paths(context):
        if path != path.strip():
            yield RuleFault(f"{where}: {quoted_path(path)} has blanks around it", True)
        if meant := _WITH_DOLLAR.search(path):
            text = f"write {{{meant[1]}}} without the $, which would be a part of the name"
            yield RuleFault(f"{where}: {quoted_path(path)}: {text}", True)
        for name, form in _FORM.findall(path):
            if "%" not in form:
                text = f"{{{name}:{form}}} is no date but {form!r}: write a form of strftime"
                yield RuleFault(f"{where}: {text}, such as {{{name}:%Y%m%d}}", True)


def _paths(context: ContextParams) -> Iterator[tuple[str, str]]:
    for number, source in enumerate(context.sources):
        yield f"sources[{number}].path", source.path
        if source.bad_records and (path := source.bad_records.path):
            yield f"sources[{number}].bad_records.path", path
    for number, sink in enumerate(context.sinks):
        yield f"sinks[{number}].path", sink.path


def _folder_faults(
    context: ContextParams, job_name: str, base: str, own_folders: Mapping[str, str]
) -> Iterator[RuleFault]:
    for where, path, location in _written(context, job_name, base):
        # A folder that holds the data root too is not for these files alone.
        what = (
            kept
            for folder, kept in own_folders.items()
            if _meet(location, folder) and not is_within(base, folder)
        )
        if what := next(what, None):
            yield RuleFault(
                f"{where}: {quoted_path(path)} lies among {what}; choose another folder", True
            )
        elif ".." in path.split("/") and not is_absolute(path) and not is_within(location, base):
            yield RuleFault(
                f"{where}: {quoted_path(path)} leads out of the data root {base}; if that is "
                f"meant, write {resolve(base, path)!r}",
                True,
            )


def _written(context: ContextParams, job_name: str, base: str) -> Iterator[tuple[str, str, str]]:
    """Yield each folder that a job writes to: its place in the JSON, its path, its location."""
    for number, target in sample_targets(context.sinks, job_name, base):
        yield f"sinks[{number}].path", context.sinks[number].path, target
    for number, source in enumerate(context.sources):
        if source.bad_records and (path := source.bad_records.path):
            yield f"sources[{number}].bad_records.path", path, normal(resolve(base, path))


def _meet(one: str, other: str) -> bool:
    return is_within(one, other) or is_within(other, one)
