"""Write rows of the control tables as YAML that `orch apply` reads back as they are. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import yaml
from typing_extensions import override

from framework.contract.secret_names import PARAM_TYPE, is_secret, is_secret_ref, variable_of
from orch_dagster.control.group import GroupKey
from orch_dagster.control.tables import (
    JOB_DEPENDENCY,
    JOB_MASTER,
    PROCESS_CONTROL,
    SYS_PARAMS,
    Row,
)
from orch_dagster.errors import OrchError
from orch_dagster.registry.changes import Rows
from orch_dagster.registry.prune import group_of
from orch_dagster.registry.row_files import reads_as

# Runs write these.
_RUN_COLUMNS = ("run_id", "last_update_ts")
# Ends of lines to YAML, which PyYAML writes as they are and reads as others.
_OTHER_LINE_ENDS = re.compile("[\x85\u2028\u2029]")


class ExportError(OrchError):
    """Rows hold a secret, so that no file may; the text names them without their values."""


def export_rows(stored: Rows, groups: Collection[str] | None, *, with_dates: bool) -> Rows:
    """Return the rows of groups: their jobs, and what belongs to these.

    Args:
        stored: The rows of the store.
        groups: The groups' names; None for all rows, those of `*` too.
        with_dates: Whether to add process_control, without what runs write.

    Raises:
        ExportError: If a row of param_type secret holds the secret itself, which `orch apply`
            refuses; names all of them.
    """

    def is_wanted(group: str | None) -> bool:
        return groups is None or group in groups

    masters = [row for row in stored[JOB_MASTER.name] if is_wanted(group_of(row))]
    ids = {row["job_id"] for row in masters}
    key_names = {*(groups or ()), *(row.get("job_name") for row in masters)}
    rows: dict[str, Sequence[Row]] = {
        JOB_MASTER.name: masters,
        JOB_DEPENDENCY.name: [
            row
            for row in stored[JOB_DEPENDENCY.name]
            if groups is None or row["dependent_job_id"] in ids
        ],
        SYS_PARAMS.name: [
            row for row in stored[SYS_PARAMS.name] if groups is None or row["key_name"] in key_names
        ],
    }
    _refuse_secrets(rows[SYS_PARAMS.name])
    if with_dates:
        rows[PROCESS_CONTROL.name] = [
            {name: value for name, value in row.items() if name not in _RUN_COLUMNS}
            for row in stored[PROCESS_CONTROL.name]
            if is_wanted(GroupKey(str(row["entity"]), str(row["source_system"])).name)
        ]
    return rows


def _refuse_secrets(rows: Sequence[Row]) -> None:
    keys = [
        f"({SYS_PARAMS.key_text(row)})"
        for row in rows
        if row.get("param_type") == PARAM_TYPE
        and not is_secret_ref(str(row.get("param_value") or ""))
    ]
    if keys:
        raise ExportError(
            f"nothing was exported: param_value of {SYS_PARAMS.name} {', '.join(keys)} does not "
            f"say where a secret is, so it may be the secret: keep that in a variable or a file, "
            f"and write env:NAME or file:PATH into the row"
        )


def literal_secrets(rows: Rows, patterns: Sequence[str]) -> list[str]:
    """Return the places of values that are secrets by their key and are exported as they are.

    Args:
        rows: The rows to export.
        patterns: Regular expressions of secret keys.
    """
    places = [
        f"{SYS_PARAMS.name} ({SYS_PARAMS.key_text(row)})"
        for row in rows[SYS_PARAMS.name]
        if row.get("param_type") != PARAM_TYPE
        and is_secret(str(row["param_key"]), str(row.get("param_value") or ""), patterns)
    ]
    for row in rows[JOB_MASTER.name]:
        names = _secret_options(row.get("context_params"), patterns)
        places += [f"{JOB_MASTER.name} ({JOB_MASTER.key_text(row)}): {name}" for name in names]
    return places


def _secret_options(text: object, patterns: Sequence[str]) -> Iterator[str]:
    """Yield the places of literal secrets among the options of sources and sinks."""
    try:
        context: Any = json.loads(str(text))
        for kind in ("sources", "sinks"):
            parts: list[Any] = context.get(kind) or []
            for number, part in enumerate(parts):
                for name, value in (part.get("options") or {}).items():
                    if variable_of(value) is None and is_secret(name, value, patterns):
                        yield f"{kind}[{number}].options.{name}"
    except (ValueError, RecursionError, AttributeError, TypeError):
        # Not context_params, which `orch doctor` says of it.
        return


def to_yaml(rows: Rows) -> str:
    """Return rows as YAML.

    context_params is written as it is: JSON of several lines keeps its lines, and JSON of one line
    becomes YAML where `orch apply` makes the same text of it.
    """
    return _dumped({name: [_written(row) for row in each] for name, each in rows.items()})


def _dumped(value: object) -> str:
    text = _dump(value, allow_unicode=True)
    return _dump(value, allow_unicode=False) if _OTHER_LINE_ENDS.search(text) else text


def _dump(value: object, *, allow_unicode: bool) -> str:
    return yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=allow_unicode, width=4_096
    )


def _written(row: Row) -> Mapping[str, Any]:
    text = row.get("context_params")
    return {**row, "context_params": _as_mapping(text)} if isinstance(text, str) else row


def _as_mapping(text: str) -> Any:
    """Return JSON of one line as a mapping, if YAML gives it back as the same text."""
    try:
        value = json.loads(text)
        if not isinstance(value, dict) or json.dumps(value, ensure_ascii=False) != text:
            return text
        return value if reads_as(_dumped(value), text) else text
    except (ValueError, RecursionError):
        # No JSON, or deeper than YAML can be written.
        return text


class _Dumper(yaml.SafeDumper):
    """Indents lists, keeps the lines of texts, and writes no anchors."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True

    @override
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
