"""Business dates as Dagster partitions: the open dates of each group."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from itertools import takewhile
from typing import Any

import dagster as dg
from dagster import DagsterRun, PartitionKeyRange
from typing_extensions import override

from framework.contract.business_dates import date_fault
from orch_dagster.errors import NotReadyError
from orch_dagster.schedule.backfill import days_of_range
from orch_dagster.toolchain.shell_words import json_word

PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
# The dates of a run that skips some of its range; Dagster's own tags can't name them.
DATES_TAG = "orch/biz_dts"


class OpenDates(dg.DynamicPartitionsDefinition):
    """The open dates of a group, in order, as Dagster's instance has them.

    A run may name a date that the instance does not have, as it is not open, or was just opened by
    somebody else. Dagster's own error would end that run before its step, which names the command.
    """

    @override
    def get_partition_keys_in_range(self, partition_key_range: PartitionKeyRange) -> Sequence[str]:
        """Return the open dates of the range, whose ends may be closed; a single date as it is."""
        first, last = partition_key_range.start, partition_key_range.end
        if first == last:
            return [first]
        return [day for day in self.get_partition_keys() if first <= day <= last]

    @override
    def validate_partition_key(self, partition_key: str, context: Any) -> None:
        """Accept any date, as `dagster asset materialize --partition` and `dg launch` ask."""
        if date_fault(partition_key):
            super().validate_partition_key(partition_key, context)


def partitions_name(group: str) -> str:
    """Return the name of a group's partitions in Dagster's instance."""
    return f"{group}_biz_dt"


def partitions_of(group: str) -> OpenDates:
    """Return the partitions of the assets of a group."""
    return OpenDates(name=partitions_name(group))


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
            + json_word("--tags", json.dumps({PARTITION_TAG: "2024-05-15"}))
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


def dates_of_one_run(
    biz_dts: Sequence[str], opened: Collection[str], dates_per_run: int
) -> tuple[str, ...]:
    """Return the first dates that one run can name, at least one.

    Dagster makes no run of a range that begins or ends with a closed date; a run of one closed date
    fails with its sentence.
    """
    open_first = takewhile(lambda day: day in opened, biz_dts)
    return tuple(open_first)[:dates_per_run] or tuple(biz_dts[:1])


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
