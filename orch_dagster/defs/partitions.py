"""Business dates as Dagster partitions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, timedelta

import dagster as dg
from dagster import DagsterRun

from framework.contract.business_dates import date_fault
from orch_dagster.errors import NotReadyError
from orch_dagster.schedule.backfill import days_of_range

PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
# The dates of a run that skips some of its range; Dagster's own tags can't name them.
DATES_TAG = "orch/biz_dts"

# Partitions end at midnight UTC, and the date at UTC+14 is up to two days after the last ended one.
_DATES_AHEAD = 2


def daily_partitions(first_biz_dt: str) -> dg.DailyPartitionsDefinition:
    """Build the partitions of every asset: each date from the first to today in any time zone."""
    return dg.DailyPartitionsDefinition(
        start_date=first_biz_dt, timezone="UTC", end_offset=_DATES_AHEAD
    )


def last_biz_dt(today_utc: date) -> str:
    """Return the last partition on that day."""
    return (today_utc + timedelta(_DATES_AHEAD - 1)).isoformat()


def biz_dts_of(run: DagsterRun) -> tuple[str, ...]:
    """Return the business dates that a run's tags request, oldest first.

    Raises:
        NotReadyError: If the run names no date, or an invalid one.
    """
    biz_dt = run.tags.get(PARTITION_TAG)
    first, last = run.tags.get(RANGE_START_TAG, biz_dt), run.tags.get(RANGE_END_TAG, biz_dt)
    if first is None or last is None:
        raise NotReadyError(
            f"the run names no business date: give it the tag {PARTITION_TAG}, as in "
            f"""--tags '{{"{PARTITION_TAG}": "2024-05-15"}}'"""
        )
    for text in (first, last):
        if fault := date_fault(text):
            raise NotReadyError(f"{text!r} is not a business date: it {fault}")
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


def biz_dts_or_none(run: DagsterRun) -> tuple[str, ...]:
    """Return the business dates that a run's tags request; none for a run without valid dates."""
    try:
        return biz_dts_of(run)
    except NotReadyError:
        return ()


def tags_of(biz_dts: Sequence[str]) -> dict[str, str]:
    """Return the tags of a run for exactly these dates, given in order.

    Dagster's own tags hold one date or a whole range; DATES_TAG names the dates of one with gaps.
    """
    if len(biz_dts) == 1:
        return {PARTITION_TAG: biz_dts[0]}
    tags = {RANGE_START_TAG: biz_dts[0], RANGE_END_TAG: biz_dts[-1]}
    has_gaps = len(days_of_range(biz_dts[0], biz_dts[-1])) > len(biz_dts)
    return {**tags, DATES_TAG: " ".join(biz_dts)} if has_gaps else tags


def run_key_of(name: str, biz_dts: Sequence[str], *others: str) -> str:
    """Return a run key for a request of these dates, by which a daemon makes one run of it.

    Args:
        name: The job or group.
        biz_dts: The dates, in order; at least one.
        others: What else tells this request from others of the same dates; empty texts are left
            out.
    """
    if len(biz_dts) == 1:
        return " ".join(filter(None, [name, *biz_dts, *others]))
    # Not the dates themselves: an index of Postgres takes at most 2,704 bytes of a tag.
    rest = hashlib.sha256(" ".join([*biz_dts, *others]).encode()).hexdigest()[:16]
    return f"{name} {biz_dts[0]} {biz_dts[-1]} {rest}".lstrip()
