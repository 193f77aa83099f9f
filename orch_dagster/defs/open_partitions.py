"""Keep the partitions of Dagster's instance in step with the open dates of process_control."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dagster import DagsterInstance

from orch_dagster.control.group import GroupKey
from orch_dagster.control.open_dates import open_dates
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import PROCESS_CONTROL
from orch_dagster.defs.dagster_internals.partition_keys import (
    change_partition_keys,
    read_partition_keys,
)
from orch_dagster.defs.partitions import partitions_name


@dataclass(frozen=True)
class DatesChange:
    """The dates that a group's partitions lack, and those that they have too many.

    Attributes:
        group: The group's name.
        opened: The open dates that are missing among them.
        closed: The dates among them that are not open.
        is_sorted: Whether those that are there stand in order.
    """

    group: str
    opened: tuple[str, ...]
    closed: tuple[str, ...]
    is_sorted: bool = True

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to change."""
        return not self.opened and not self.closed and self.is_sorted

    def write(self, instance: DagsterInstance) -> None:
        """Write the change into the instance, at once and in order of date.

        Dates that another process opened or closed since the change was planned stay so.
        """

        def changed(present: Sequence[str]) -> list[str]:
            return sorted({*present, *self.opened}.difference(self.closed))

        if not self.is_empty:
            change_partition_keys(instance, partitions_name(self.group), changed)


def plan_changes(
    instance: DagsterInstance, store: ControlStore, groups: Collection[GroupKey]
) -> list[DatesChange]:
    """Compare the partitions of the groups with their open dates; write nothing.

    Returns:
        A change for each group whose partitions differ; none for two groups that differ by case
        alone, as their partitions would have one name.

    Raises:
        StoreError: If the control store can't be read.
    """
    count = Counter(group.name for group in groups)
    groups = [group for group in groups if count[group.name] == 1]
    # The partitions first: a date that is opened meanwhile is not taken for a closed one.
    present = _present(instance, {group.name for group in groups})
    keys = _days_of_keys(store, groups)
    differing = [group for group in groups if not _is_equal(present[group.name], keys[group])]
    changes = [
        _change(group.name, present[group.name], open_dates(store, group)) for group in differing
    ]
    return [change for change in changes if not change.is_empty]


def show_open_dates(
    instance: DagsterInstance, store: ControlStore, groups: Collection[GroupKey]
) -> None:
    """Bring the partitions of the groups in step with process_control.

    Raises:
        StoreError: If the control store can't be read.
    """
    for change in plan_changes(instance, store, groups):
        change.write(instance)


def add_open_dates(instance: DagsterInstance, group: GroupKey, biz_dts: Iterable[str]) -> None:
    """Add dates that are open to the partitions of their group, in order; remove none."""
    present = _present(instance, [group.name])[group.name]
    opened = sorted({*biz_dts}.difference(present))
    DatesChange(group.name, tuple(opened), (), _is_sorted(present)).write(instance)


def _present(instance: DagsterInstance, groups: Collection[str]) -> dict[str, Sequence[str]]:
    """Return the partitions of the groups, by their names."""
    names = {partitions_name(group): group for group in groups}
    return {names[name]: keys for name, keys in read_partition_keys(instance, names).items()}


def _days_of_keys(
    store: ControlStore, groups: Collection[GroupKey]
) -> Mapping[GroupKey, Sequence[str]]:
    """Return the dates of the groups' rows, in order, even of those that can't be used."""
    only = next(iter(groups)).columns if len(groups) == 1 else None
    days: dict[GroupKey, list[str]] = {group: [] for group in groups}
    by_columns: dict[tuple[object, object], list[str]] = {**days}
    for row in store.read_stored(PROCESS_CONTROL, only, PROCESS_CONTROL.keys).rows:
        if (of_group := by_columns.get((row["entity"], row["source_system"]))) is not None:
            of_group.append(str(row["biz_dt"]))
    return days


def _is_equal(present: Sequence[str], days: Sequence[str]) -> bool:
    # Stores return rows in the order of their keys.
    return list(present) == days


def _change(group: str, present: Sequence[str], opened: Collection[str]) -> DatesChange:
    known = set(present)
    return DatesChange(
        group,
        opened=tuple(sorted(day for day in opened if day not in known)),
        closed=tuple(day for day in present if day not in opened),
        is_sorted=_is_sorted(present),
    )


def _is_sorted(days: Sequence[str]) -> bool:
    return list(days) == sorted(days)
