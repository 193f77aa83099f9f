"""What sys_params say of a schedule's dates; read at each tick, so that a change holds at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from orch_dagster.control.records import SysParam
from orch_dagster.control.tables import SYS_PARAMS
from orch_dagster.errors import OrchError
from orch_dagster.schedule.calendar import Calendar, parse_calendar

CALENDAR, OFFSET, CATCHUP = "schedule.calendar", "schedule.offset", "schedule.catchup"
TICK_KEYS = (CALENDAR, OFFSET, CATCHUP)

T = TypeVar("T")

_FILE = "file:"
_COUNT = re.compile(r"\d{1,3}", re.ASCII)


class TickParamError(OrchError):
    """sys_params of a schedule have values that cannot be used.

    Args:
        faults: Each row, and what is wrong with its value.
    """

    def __init__(self, faults: Sequence[tuple[SysParam, str]]) -> None:
        super().__init__(
            "; ".join(
                f"{SYS_PARAMS.name} ({SYS_PARAMS.key_text(row.to_row())}): {reason}"
                for row, reason in faults
            )
        )
        self.reasons = tuple(reason for _, reason in faults)


@dataclass(frozen=True)
class TickParams:
    """What a tick goes by.

    Attributes:
        calendar: The business days.
        offset: How many of them a tick's business date is before the tick.
        catchup: How many passed-over dates a tick asks for besides its own, at most.
    """

    calendar: Calendar = field(default_factory=Calendar)
    offset: int = 1
    catchup: int = 5


def tick_params(winning: Mapping[str, SysParam], home: Path) -> TickParams:
    """Read the values.

    Args:
        winning: The row that holds for each param_key; see Schedule.winning.
        home: ORCH_HOME, where the path of a calendar starts.

    Raises:
        TickParamError: Names every row whose value cannot be used, and why.
    """
    default = TickParams()
    faults: list[tuple[SysParam, str]] = []

    def value(key: str, read: Callable[[str, Path], T], otherwise: T) -> T:
        row = winning.get(key)
        if row is None:
            return otherwise
        try:
            return read(row.param_value or "", home)
        except (ValueError, OSError) as error:
            faults.append((row, str(error)))
            return otherwise

    params = TickParams(
        calendar=value(CALENDAR, _calendar, default.calendar),
        offset=value(OFFSET, _count, default.offset),
        catchup=value(CATCHUP, _count, default.catchup),
    )
    if faults:
        raise TickParamError(faults)
    return params


def tick_param_fault(row: SysParam, home: Path) -> str | None:
    """What is wrong with the value of a row, or None; None too where it is not for ticks."""
    try:
        tick_params({row.param_key: row} if row.param_value else {}, home)
    except TickParamError as error:
        return "; ".join(error.reasons)
    return None


def _count(value: str, _home: Path) -> int:
    if not _COUNT.fullmatch(value):
        raise ValueError(f"{value!r} is no whole number from 0 to 999")
    return int(value)


def _calendar(value: str, home: Path) -> Calendar:
    """The calendar that a value holds or names.

    Raises:
        ValueError: Something in it is no date, or the file is no text.
        OSError: The file cannot be read.
    """
    if not value.startswith(_FILE):
        return parse_calendar(value)
    path = home / Path(value.removeprefix(_FILE).strip())
    try:
        # What a Windows editor puts before the first line is no part of it.
        return parse_calendar(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
