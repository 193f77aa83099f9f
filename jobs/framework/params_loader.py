"""Read the params file of a run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from framework.contract import context_params, variables
from framework.contract.context_params import read_context_params, spelled
from framework.contract.params_file import VERSION
from framework.contract.system_settings import PARAM_TYPE
from framework.contract.validation import Node
from framework.errors import ParamsError
from framework.params import (
    SETTINGS,
    JobParams,
    Sink,
    Source,
    Window,
)
from framework.secrets import moved_back
from framework.shared_job import variable

# These become names of folders.
_FOLDER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")


def load_params(path: str | None = None) -> JobParams:
    """Return the parameters in `path`, by default in the file that JOB_PARAMS_FILE names.

    Raises:
        ParamsError: If the file is missing or not JSON, or values can't be used; names them all.
    """
    file = path or variable(variables.PARAMS_FILE) or ""
    if not file:
        raise ParamsError(
            variables.PARAMS_FILE,
            ["is not set: start the job through the orchestrator, or name a params file by hand"],
        )
    return parse_params(_read(file), file)


def parse_params(document: Any, file: str) -> JobParams:
    """Return the parameters in parsed JSON; `file` is only named in errors.

    Raises:
        ParamsError: If values can't be used; names them all.
    """
    problems: list[str] = []
    root = Node(document, "", problems)
    metadata = root.child("metadata")
    job = root.child("job_master")
    context = read_context_params(job.child("context_params"), is_row=False)
    windows = tuple(_window(node) for node in root.children("process_control"))
    first = windows[0].row if windows else {}
    biz_dt = metadata.date("biz_dt")
    params = JobParams(
        job_id=metadata.text("job_id"),
        job_name=_folder_name(metadata, "job_name"),
        run_id=_folder_name(metadata, "run_id"),
        biz_dt=biz_dt,
        biz_dts=_dates(metadata) or (biz_dt,),
        environment=metadata.text("environment"),
        entity=context.entity or first.get("entity"),
        source_system=context.source_system or first.get("source_system"),
        sources=tuple(map(_source, context.sources)),
        sinks=tuple(map(_sink, context.sinks)),
        hql=context.hql,
        allow_empty=context.allow_empty,
        timeout_minutes=context.timeout_minutes,
        business_keys=context.business_keys,
        compare_cols=context.compare_cols,
        windows=windows,
        system=_system(root),
        file=file,
        raw=root.value,
    )
    _check_version(metadata)
    if problems:
        raise ParamsError(file, problems)
    return params


def _read(file: str) -> Any:
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(file, [f"can't be read: {error}"]) from error
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ParamsError(
            file, [f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}"]
        ) from error
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits, or brackets nested a thousand deep.
        raise ParamsError(file, [f"not usable JSON: {error}"]) from error


def _check_version(metadata: Node) -> None:
    version = metadata.value.get("version")
    if version != VERSION:
        metadata.note("version", f"must be {VERSION}, is {version!r}; use a matching framework")


def _folder_name(node: Node, key: str) -> str:
    text = node.text(key)
    if text and not _FOLDER_NAME.fullmatch(text):
        node.note(key, f"may hold letters, digits, '_', '-' and '.' only, is {text!r}")
    return text


def _dates(metadata: Node) -> tuple[date, ...]:
    dates: list[date] = []
    for index, value in enumerate(metadata.values("biz_dts")):
        try:
            dates.append(date.fromisoformat(value))
        except (TypeError, ValueError):
            metadata.note(f"biz_dts[{index}]", f"must be an ISO date, is {value!r}")
    return tuple(dates)


def _window(node: Node) -> Window:
    return Window(
        biz_dt=node.date("biz_dt"),
        start_dt=node.optional_date("start_dt"),
        end_dt=node.optional_date("end_dt"),
        row=node.value,
    )


def _system(root: Node) -> Mapping[str, str]:
    """Return the sys_params of param_type system that have a value."""
    system: dict[str, str] = {}
    for row in root.children("sys_params"):
        if row.value.get("param_type") != PARAM_TYPE:
            continue
        key, value = row.text("param_key"), (row.optional_text("param_value") or "").strip()
        setting = SETTINGS.get(key)
        if not value:
            continue
        if setting is None:
            system[key] = moved_back(value)
        elif error := setting.error(value):
            root.note(f"sys_params.{key}", error)
        else:
            system[key] = setting.parse(value)
    return system


def _source(given: context_params.Source) -> Source:
    return Source(
        given.format,
        given.path,
        spelled(given.options),
        given.schema,
        given.null_tokens,
        given.bad_records,
        given.columns,
    )


def _sink(given: context_params.Sink) -> Sink:
    return Sink(
        given.format,
        given.path,
        given.partition_cols,
        "append" if given.is_table else "overwrite",
        spelled(given.options),
    )
