"""The settings of a schedule's dates, read at each tick so that a change applies at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from framework.contract.calendar_days import CalendarError
from framework.contract.system_settings import (
    PARAM_TYPE,
    SCHEDULE_CALENDAR,
    SCHEDULE_CATCHUP,
    SCHEDULE_CRON,
    SCHEDULE_OFFSET,
    SYSTEM_SETTINGS,
)
from orch_dagster.control.group import GroupKey
from orch_dagster.control.key_names import winning_params
from orch_dagster.control.records import SysParam, read_records
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import SYS_PARAMS
from orch_dagster.errors import OrchError
from orch_dagster.referenced_files import ReferencedFiles
from orch_dagster.schedule.calendar import Calendar, parse_calendar
from orch_dagster.schedule.schedules import Schedule
from orch_dagster.settings import Settings

TICK_KEYS = (SCHEDULE_CALENDAR.key, SCHEDULE_OFFSET.key, SCHEDULE_CATCHUP.key)

NOT_A_CRON = "{!r} is not a cron schedule such as 0 2 * * *"

T = TypeVar("T")


class TickParamError(OrchError):
    """The sys_params of a schedule have values that can't be used.

    Args:
        faults: Each row, with the fault of its value.
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
    """The settings of a tick.

    Attributes:
        calendar: The business days.
        offset: How many business days a tick's business date is before the tick.
        catchup: How many missed dates a tick requests besides its own, at most.
    """

    calendar: Calendar = field(default_factory=Calendar)
    offset: int = SCHEDULE_OFFSET.default_value
    catchup: int = SCHEDULE_CATCHUP.default_value


def fetch_tick_params(store: ControlStore, schedule: Schedule, settings: Settings) -> TickParams:
    """Read the settings of a schedule's tick as they are now.

    Raises:
        TickParamError: If values can't be used; names every such row, and why.
        StoreError: If the store can't be read.
    """
    where = {
        "param_key": list(TICK_KEYS),
        "environment": settings.env,
        "key_name": list(schedule.key_names),
        "param_type": PARAM_TYPE,
    }
    return tick_params(
        schedule.winning(read_records(store, SysParam, where)), settings.referenced_files
    )


def group_calendar(store: ControlStore, group: GroupKey, settings: Settings) -> Calendar:
    """Read the calendar of a group as it is now.

    Raises:
        TickParamError: If its sys_param can't be used.
        StoreError: If the store can't be read.
    """
    key_names = (group.name, "*")
    where = {
        "param_key": SCHEDULE_CALENDAR.key,
        "environment": settings.env,
        "key_name": list(key_names),
        "param_type": PARAM_TYPE,
    }
    rows = [row for row in read_records(store, SysParam, where) if row.param_value]
    winning = {row.param_key: row for row in winning_params(key_names, rows)}
    return tick_params(winning, settings.referenced_files).calendar


def tick_params(winning: Mapping[str, SysParam], files: ReferencedFiles) -> TickParams:
    """Read the settings of a tick.

    Args:
        winning: The row that applies for each param_key, as Schedule.winning returns it.
        files: The files that a calendar may be in.

    Raises:
        TickParamError: If values can't be used; names every such row, and why.
    """
    default = TickParams()
    faults: list[tuple[SysParam, str]] = []

    def value(key: str, parse: Callable[[str], T], otherwise: T) -> T:
        row = winning.get(key)
        if row is None:
            return otherwise
        try:
            return parse(row.param_value or "")
        except ValueError as error:
            faults.append((row, str(error)))
            return otherwise

    params = TickParams(
        calendar=value(
            SCHEDULE_CALENDAR.key, lambda text: read_calendar(text, files), default.calendar
        ),
        offset=value(SCHEDULE_OFFSET.key, SCHEDULE_OFFSET.parse, default.offset),
        catchup=value(SCHEDULE_CATCHUP.key, SCHEDULE_CATCHUP.parse, default.catchup),
    )
    if faults:
        raise TickParamError(faults)
    return params


def setting_error(
    key: str, value: str | None, files: ReferencedFiles, is_cron: Callable[[str], bool]
) -> str | None:
    """Return what is wrong with the value of any setting of sys_params, None if nothing is.

    Args:
        key: A param_key of SYSTEM_SETTINGS.
        value: The param_value.
        files: The files that a calendar may be in.
        is_cron: Returns whether Dagster accepts a text as a cron schedule.
    """
    error = SYSTEM_SETTINGS[key].error(value)
    if error or not value:
        return error
    if key == SCHEDULE_CRON.key and not is_cron(value):
        return NOT_A_CRON.format(value)
    if key == SCHEDULE_CALENDAR.key:
        try:
            read_calendar(value, files)
        except ValueError as reason:
            return str(reason)
    return None


def read_calendar(text: str, files: ReferencedFiles) -> Calendar:
    """Read the calendar that a value spells, or whose file it names.

    Raises:
        ValueError: If something in it can't be read, or the file can't; shows nothing of a file.
    """
    days_or_path = SCHEDULE_CALENDAR.parse(text)
    if not isinstance(days_or_path, str):
        return Calendar.of(days_or_path)
    try:
        return parse_calendar(files.read(days_or_path))
    except CalendarError as error:
        raise ValueError(f"{files.home / days_or_path}: {error.without_words}") from None
