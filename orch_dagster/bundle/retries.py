"""How often a job is tried again after a failure that may pass, by its sys_params."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from framework.contract.system_settings import PARAM_TYPE, RETRY_DELAY, RETRY_MAX
from orch_dagster.control.records import SysParam
from orch_dagster.control.tables import SYS_PARAMS
from orch_dagster.errors import NotReadyError

_SETTINGS = {setting.key: setting for setting in (RETRY_MAX, RETRY_DELAY)}


@dataclass(frozen=True)
class Retries:
    """What holds for a job.

    Attributes:
        max: How many more attempts the first may be followed by.
        delay_s: Seconds before each.
    """

    max: int = RETRY_MAX.default_value
    delay_s: float = RETRY_DELAY.default_value

    def allow_after(self, attempt: int) -> bool:
        """Whether an attempt (1 is the first) may be followed by another."""
        return attempt <= self.max


def retries_of(rows: Iterable[SysParam]) -> Retries:
    """Read the rows of param_type system that hold for a job.

    Raises:
        NotReadyError: Names every row whose value cannot be used.
    """
    values: dict[str, str] = {}
    errors: list[str] = []
    for row in rows:
        if row.param_type != PARAM_TYPE or row.param_key not in _SETTINGS:
            continue
        values[row.param_key] = row.param_value or ""
        if error := _SETTINGS[row.param_key].error(row.param_value):
            key = SYS_PARAMS.key_text(row.to_row())
            errors.append(f"{SYS_PARAMS.name} ({key}): {error}; correct it")
    if errors:
        raise NotReadyError("; ".join(errors))
    return Retries(
        RETRY_MAX.parse(values.get(RETRY_MAX.key, RETRY_MAX.default)),
        RETRY_DELAY.parse(values.get(RETRY_DELAY.key, RETRY_DELAY.default)),
    )
