"""Show what a change of a row changes, old and new, without secrets. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from framework.contract.masking import MASK
from framework.contract.secret_names import (
    PARAM_TYPE,
    is_secret,
    is_secret_key,
    is_secret_ref,
    without_passwords,
)
from orch_dagster.control.tables import SYS_PARAMS, Row
from orch_dagster.registry.changes import RowChange

_MISSING = object()
_IN_OPTION = re.compile(
    r"(?i)((?:password|passwd|pwd|secret|token|api[._-]?key)\s*[=:]\s*)[^\s&;,]+"
)


@dataclass(frozen=True)
class ValueChange:
    """The change of one value.

    Attributes:
        place: The column, or the place in its JSON, such as context_params.sinks[0].path.
        old: The old value as JSON, its secrets masked; None if it was not given.
        new: The new one.
    """

    place: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        return f"{self.place}: {_or_none(self.old)} -> {_or_none(self.new)}"


def _or_none(value: str | None) -> str:
    return "(none)" if value is None else value


def value_changes(change: RowChange, patterns: Sequence[str]) -> list[ValueChange]:
    """Return the values that a change of a row changes; none if the row is new or removed.

    Args:
        change: The change.
        patterns: Regular expressions of secret keys.
    """
    old, new = change.old or {}, change.new or {}
    shown: list[ValueChange] = []
    for name in change.columns:
        if name == "context_params":
            shown += _json_changes(old.get(name), new[name], patterns)
        else:
            shown.append(
                ValueChange(
                    name,
                    _column(change, old, name, patterns),
                    _column(change, new, name, patterns),
                )
            )
    return shown


def _column(change: RowChange, row: Row, name: str, patterns: Sequence[str]) -> str | None:
    value = row.get(name)
    if value is None:
        return None
    if change.table is SYS_PARAMS and name == "param_value":
        types = {each.get("param_type") for each in (change.old or {}, change.new or {})}
        if PARAM_TYPE in types and not is_secret_ref(str(value)):
            # It may be the secret itself.
            return MASK
        key = str((change.new or {}).get("param_key"))
        return _shown(key, value, patterns)
    return _shown("", value, patterns)


def _json_changes(old: object, new: object, patterns: Sequence[str]) -> list[ValueChange]:
    try:
        values: tuple[Any, Any] = (json.loads(str(old or "{}")), json.loads(str(new or "{}")))
        changes = list(_differences("context_params", "", values, patterns))
    except (ValueError, RecursionError):
        return [ValueChange("context_params", "(differs)", "(differs)")]
    return changes or [ValueChange("context_params", "(the same JSON)", "(spelled otherwise)")]


def _differences(
    place: str, key: str, values: tuple[Any, Any], patterns: Sequence[str]
) -> Iterator[ValueChange]:
    old, new = values
    if isinstance(old, dict) and isinstance(new, dict):
        one, other = cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", new)
        for name in dict.fromkeys([*one, *other]):
            values = one.get(name, _MISSING), other.get(name, _MISSING)
            yield from _differences(f"{place}.{name}", name, values, patterns)
    elif isinstance(old, list) and isinstance(new, list):
        first, second = cast("list[Any]", old), cast("list[Any]", new)
        for index in range(max(len(first), len(second))):
            a, b = (each[index] if index < len(each) else _MISSING for each in (first, second))
            yield from _differences(f"{place}[{index}]", key, (a, b), patterns)
    # JSON's true is not 1, which Python thinks equal.
    elif old is _MISSING or new is _MISSING or json.dumps(old) != json.dumps(new):
        yield ValueChange(place, _shown(key, old, patterns), _shown(key, new, patterns))


def _shown(key: str, value: Any, patterns: Sequence[str]) -> str | None:
    if value is _MISSING:
        return None
    return json.dumps(_masked(key, value, patterns), ensure_ascii=False, default=str)


def _masked(key: str, value: Any, patterns: Sequence[str]) -> Any:
    """Return a JSON value without the secrets in it."""
    if isinstance(value, dict):
        items = cast("Mapping[str, Any]", value).items()
        return {name: _masked(name, each, patterns) for name, each in items}
    if isinstance(value, list):
        return [_masked(key, each, patterns) for each in cast("list[Any]", value)]
    if value is None or not isinstance(value, str | int | float):
        return value
    if is_secret_key(key, patterns) and is_secret(key, value) and not is_secret_ref(str(value)):
        return MASK
    if isinstance(value, str):
        return _IN_OPTION.sub(rf"\1{MASK}", without_passwords(value, MASK))
    return value
