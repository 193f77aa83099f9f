"""How often a job is tried again after a failure that may pass, by its sys_params."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from orch_dagster.control.records import SysParam
from orch_dagster.control.tables import SYS_PARAMS
from orch_dagster.errors import NotReadyError

MAX, DELAY = "retry.max", "retry.delay"

_PATTERNS = {
    MAX: (re.compile(r"\d{1,2}", re.ASCII), "a whole number from 0 to 99"),
    DELAY: (re.compile(r"\d{1,5}(\.\d+)?", re.ASCII), "seconds, from 0 to 99999"),
}


@dataclass(frozen=True)
class Retries:
    """What holds for a job.

    Attributes:
        max: How many more attempts the first may be followed by.
        delay_s: Seconds before each.
    """

    max: int = 0
    delay_s: float = 60.0

    def allow_after(self, attempt: int) -> bool:
        """Whether an attempt (1 is the first) may be followed by another."""
        return attempt <= self.max


def retries_of(rows: Iterable[SysParam]) -> Retries:
    """Read the rows of param_type system that hold for a job.

    Raises:
        NotReadyError: Names every row whose value cannot be used.
    """
    values: dict[str, str] = {}
    faults: list[str] = []
    for row in rows:
        if row.param_type != "system" or row.param_key not in _PATTERNS:
            continue
        pattern, wanted = _PATTERNS[row.param_key]
        value = values[row.param_key] = row.param_value or ""
        if not pattern.fullmatch(value):
            key = SYS_PARAMS.key_text(row.to_row())
            faults.append(f"{SYS_PARAMS.name} ({key}): {value!r} is not {wanted}; correct it")
    if faults:
        raise NotReadyError("; ".join(faults))
    default = Retries()
    return Retries(int(values.get(MAX, default.max)), float(values.get(DELAY, default.delay_s)))
