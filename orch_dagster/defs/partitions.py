"""Business dates as Dagster partitions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import dagster as dg
from dagster import (
    DagsterRun,
)

from orch_dagster.control.tables import is_iso_date
from orch_dagster.errors import NotReadyError
from orch_dagster.schedule.backfill import days_of_range

PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
# Which dates of its range a run is for, where they are not all of them; ours.
DATES_TAG = "orch/biz_dts"

# Partitions end at midnight UTC; at UTC+14 the local date is up to a day ahead of UTC's, whose own
# date is one after the last that has ended.
_DATES_AHEAD = 2


def daily_partitions(first_biz_dt: str) -> dg.DailyPartitionsDefinition:
    """The partitions of every asset: each date from the first, today in every time zone."""
    return dg.DailyPartitionsDefinition(
        start_date=first_biz_dt, timezone="UTC", end_offset=_DATES_AHEAD
    )


def last_biz_dt(today_utc: date) -> str:
    """The last of the partitions, on that day."""
    return (today_utc + timedelta(_DATES_AHEAD - 1)).isoformat()


def biz_dts_of(run: DagsterRun) -> tuple[str, ...]:
    """The business dates that a run is asked for, oldest first.

    Raises:
        NotReadyError: The run names none, or something that is not a date.
    """
    one = run.tags.get(PARTITION_TAG)
    first, last = run.tags.get(RANGE_START_TAG, one), run.tags.get(RANGE_END_TAG, one)
    if first is None or last is None:
        raise NotReadyError(
            f"the run names no business date: give it the tag {PARTITION_TAG}, as in "
            f"""--tags '{{"{PARTITION_TAG}": "2024-05-15"}}'"""
        )
    for text in (first, last):
        if not is_iso_date(text):
            raise NotReadyError(f"{text!r} is not a business date; give one such as 2024-05-15")
    if last < first:
        raise NotReadyError(f"the range of business dates {first} … {last} ends before it starts")
    days = days_of_range(first, last)
    chosen = run.tags.get(DATES_TAG, "").split()
    if unknown := sorted(set(chosen) - set(days)):
        raise NotReadyError(
            f"the tag {DATES_TAG} names {', '.join(unknown)}, outside the run's range "
            f"{first} … {last}"
        )
    return tuple(day for day in days if day in chosen) if chosen else days


def tags_of(biz_dts: Sequence[str]) -> dict[str, str]:
    """The tags by which a run is for just these dates, which are in order.

    Dagster knows one date, or a range; which of a range's dates are meant, only we do.
    """
    if len(biz_dts) == 1:
        return {PARTITION_TAG: biz_dts[0]}
    tags = {RANGE_START_TAG: biz_dts[0], RANGE_END_TAG: biz_dts[-1]}
    has_gaps = len(days_of_range(biz_dts[0], biz_dts[-1])) > len(biz_dts)
    return {**tags, DATES_TAG: " ".join(biz_dts)} if has_gaps else tags
