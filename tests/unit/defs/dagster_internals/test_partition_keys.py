"""The keys of dynamic partitions as Dagster's storage has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from threading import Barrier, Thread

import dagster as dg
import pytest

from orch_dagster.defs.dagster_internals.partition_keys import (
    change_partition_keys,
    read_partition_keys,
)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def to(*keys: str) -> Callable[[Sequence[str]], Sequence[str]]:
    return lambda _: keys


def ids(instance: dg.DagsterInstance) -> dict[str, str]:
    """Where each key stands, by the cursor of the page that ends with it."""
    found: dict[str, str] = {}
    cursor: str | None = None
    while True:
        page = instance.get_paginated_dynamic_partitions("days", 1, ascending=True, cursor=cursor)
        if not page.results:
            return found
        cursor = page.cursor
        found[page.results[0]] = cursor


def test_a_key_is_put_before_others_and_those_before_it_stay(instance: dg.DagsterInstance) -> None:
    change_partition_keys(instance, "days", to("a", "c", "d"))
    before = ids(instance)
    change_partition_keys(instance, "days", lambda present: sorted([*present, "b"]))
    assert instance.get_dynamic_partitions("days") == ["a", "b", "c", "d"]
    assert ids(instance)["a"] == before["a"]
    change_partition_keys(instance, "days", lambda present: [*present, "e"])
    assert [*ids(instance)] == ["a", "b", "c", "d", "e"]
    change_partition_keys(instance, "days", to("b", "d"))
    assert instance.get_dynamic_partitions("days") == ["b", "d"]
    change_partition_keys(instance, "days", to())
    assert instance.get_dynamic_partitions("days") == []


def test_other_definitions_are_not_touched(instance: dg.DagsterInstance) -> None:
    instance.add_dynamic_partitions("others", ["z", "y"])
    change_partition_keys(instance, "days", to("a"))
    change_partition_keys(instance, "days", to("b"))
    assert read_partition_keys(instance, ["others", "days", "none"]) == {
        "others": ["z", "y"],
        "days": ["b"],
        "none": [],
    }


def test_a_change_that_raises_leaves_the_keys(instance: dg.DagsterInstance) -> None:
    change_partition_keys(instance, "days", to("a", "b"))

    def twice(_: Sequence[str]) -> Sequence[str]:
        # Refused by the index as the last key is written, after the old ones were deleted.
        return ["b", "a", "a"]

    with pytest.raises(Exception, match="UNIQUE"):
        change_partition_keys(instance, "days", twice)
    assert instance.get_dynamic_partitions("days") == ["a", "b"]


def test_writers_at_once_lose_no_key(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = str(tmp_path_factory.mktemp("instance"))
    days = [f"2024-05-{day:02}" for day in range(1, 9)]
    barrier = Barrier(len(days))

    def add(day: str) -> None:
        with dg.DagsterInstance.local_temp(folder) as own:
            barrier.wait(60)
            change_partition_keys(own, "days", lambda present: sorted({*present, day}))

    with dg.DagsterInstance.local_temp(folder) as instance:
        instance.add_dynamic_partitions("days", ["2024-05-31"])
        threads = [Thread(target=add, args=[day]) for day in reversed(days)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert instance.get_dynamic_partitions("days") == [*days, "2024-05-31"]
