"""The retries of a job after a transient failure, set by its sys_params."""

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
    """The retry policy of a job.

    Attributes:
        max: The number of attempts after the first.
        delay_s: The delay before each of them, in seconds.
    """

    max: int = RETRY_MAX.default_value
    delay_s: float = RETRY_DELAY.default_value

    def allow_after(self, attempt: int) -> bool:
        """Return whether another attempt may follow this one (1 is the first)."""
        return attempt <= self.max


def retries_of(rows: Iterable[SysParam]) -> Retries:
    """Read the retry policy from the sys_params that apply to a job.

    Raises:
        NotReadyError: If a value can't be used; names every such row.
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
