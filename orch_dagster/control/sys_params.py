"""What is wrong with a row of sys_params that holds a setting, before anything goes by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from framework.contract.system_settings import PARAM_TYPE, SYSTEM_SETTINGS, unknown_key
from orch_dagster.control.records import SysParam

SettingCheck = Callable[[str, "str | None"], "str | None"]
"""Takes a known param_key and a param_value; returns what is wrong with the value, or None."""


@dataclass(frozen=True)
class SysParamFault:
    """What is wrong with a row.

    Attributes:
        column: The column at fault.
        reason: In a sentence.
        is_warning: Whether the row may be right all the same.
    """

    column: str
    reason: str
    is_warning: bool = False


def check_value(key: str, value: str | None) -> str | None:
    """Return what is wrong with a value by the contract alone: no file, no Dagster."""
    return SYSTEM_SETTINGS[key].error(value)


def system_fault(row: SysParam, check: SettingCheck = check_value) -> SysParamFault | None:
    """Return what is wrong with a row of param_type system; None of rows of other types.

    A key that no setting has is a warning where it resembles none of them: a job's own script may
    read it.

    Args:
        row: Any row of sys_params.
        check: Judges the value.
    """
    if row.param_type != PARAM_TYPE:
        return None
    if unknown := unknown_key(row.param_key):
        return SysParamFault("param_key", str(unknown), unknown.is_own)
    error = check(row.param_key, row.param_value)
    return SysParamFault("param_value", f"param_value: {error}") if error else None
