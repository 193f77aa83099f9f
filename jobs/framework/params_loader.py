"""Read the params file that the orchestrator (or a person) wrote for this run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, cast

from framework.contract import variables
from framework.contract.formats import FORMATS, format_of
from framework.contract.params_file import VERSION
from framework.contract.validation import Node
from framework.errors import ParamsError
from framework.params import (
    SETTINGS,
    BadRecords,
    JobParams,
    Mode,
    Sink,
    Source,
    Window,
)
from framework.secrets import moved_back

# These become names of folders.
_FOLDER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")


def load_params(path: str | None = None) -> JobParams:
    """Return the parameters in `path`, by default in the file that JOB_PARAMS_FILE names.

    Raises:
        ParamsError: no file, no JSON, or values that can't be used: all of them at once.
    """
    file = path or os.environ.get(variables.PARAMS_FILE, "")
    if not file:
        raise ParamsError(
            variables.PARAMS_FILE,
            ["is not set: start the job through the orchestrator, or name a params file by hand"],
        )
    return parse_params(_read(file), file)


def parse_params(document: Any, file: str) -> JobParams:
    """Return the parameters in parsed JSON; `file` is only named in errors.

    Raises:
        ParamsError: values that can't be used, all of them at once.
    """
    problems: list[str] = []
    root = Node(document, "", problems)
    metadata = root.child("metadata")
    job = root.child("job_master")
    context = job.child("context_params")
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
        entity=context.optional_text("entity") or first.get("entity"),
        source_system=context.optional_text("source_system") or first.get("source_system"),
        sources=tuple(_source(node) for node in context.children("sources")),
        sinks=tuple(_sink(node) for node in context.children("sinks")),
        hql=_hql(context),
        allow_empty=context.flag("allow_empty"),
        timeout_minutes=context.number("timeout_minutes"),
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
            file, [f"no JSON: {error.msg} at line {error.lineno}, column {error.colno}"]
        ) from error


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
    """The sys_params of param_type system; an empty value is none."""
    found: dict[str, str] = {}
    for row in root.children("sys_params"):
        if row.value.get("param_type") != "system":
            continue
        key, value = row.text("param_key"), (row.optional_text("param_value") or "").strip()
        allowed = SETTINGS.get(key)
        if allowed and value and value.lower() not in allowed:
            root.note(f"sys_params.{key}", f"must be {' or '.join(allowed)}, is {value!r}")
        elif value:
            found[key] = value.lower() if allowed else moved_back(value)
    return found


def _source(node: Node) -> Source:
    form, options = node.text("format"), node.options("options")
    source = Source(
        format=form,
        path=_path(node, form, options),
        options=options,
        schema=node.optional_text("schema"),
        null_tokens=node.texts("null_tokens", may_be_empty=True),
        bad_records=_bad_records(node),
    )
    for key, problem in _record_faults(source):
        node.note(key, problem)
    return source


def _bad_records(node: Node) -> BadRecords | None:
    if node.value.get("bad_records") is None:
        return None
    given = node.child("bad_records")
    return BadRecords(given.count("limit"), given.optional_text("path"))


def _record_faults(source: Source) -> Iterator[tuple[str, str]]:
    """Yield what null_tokens and bad_records can't go with, by key."""
    options = {name.lower(): value for name, value in source.options.items()}
    form = format_of(source.format)
    if source.null_tokens:
        if not form.has_null_tokens:
            yield "null_tokens", f"are for format csv, not {source.format!r}"
        if "nullvalue" in options:
            yield "options.nullValue", "put it into null_tokens"
        infers = not source.schema and options.get("inferschema") == "true"
        if infers and len(source.null_tokens) > 1:
            yield "null_tokens", "several need a schema, or no inferSchema: it knows of one only"
    if source.bad_records:
        if not form.has_bad_records:
            names = " or ".join(each.name for each in FORMATS if each.has_bad_records)
            yield "bad_records", f"is for format {names}, not {source.format!r}"
        elif not source.schema:
            yield "bad_records", "needs a schema, which the records fit or do not"
    if source.bad_records or (source.schema and len(source.null_tokens) > 1):
        for name in ("mode", "columnNameOfCorruptRecord"):
            if name.lower() in options:
                yield f"options.{name}", "can't be given with bad_records or several null_tokens"


def _sink(node: Node) -> Sink:
    form, options = node.text("format"), node.options("options")
    wanted: Mode = "append" if format_of(form).is_table else "overwrite"
    mode = node.optional_text("mode") or wanted
    if mode != wanted:
        node.note("mode", f"must be {wanted!r} for format {form!r}, is {mode!r}")
    return Sink(
        format=form,
        path=_path(node, form, options),
        partition_cols=node.texts("partition_cols"),
        mode=cast("Mode", mode),
        options=options,
    )


def _path(node: Node, form: str, options: Mapping[str, str]) -> str:
    """Return the path; a table that the options name needs none."""
    named = {"dbtable", "query", "kudu.table"} & {name.lower() for name in options}
    if format_of(form).is_table and named:
        return node.optional_text("path") or ""
    return node.text("path")


def _hql(context: Node) -> str | None:
    name = context.optional_text("hql")
    if name is None:
        return None
    outside = ".." in PurePosixPath(name.replace("\\", "/")).parts
    if outside or PurePosixPath(name).is_absolute() or PureWindowsPath(name).drive:
        context.note("hql", f"must be a file name below JOB_SQL_DIR, is {name!r}")
    return name
