"""The schedules of a location."""

from __future__ import annotations

from collections.abc import Callable

from orch_dagster.control.records import JobMaster, SysParam
from orch_dagster.registry.jobs import build_registry
from orch_dagster.registry.location import Location
from orch_dagster.schedule.schedules import schedules_of
from orch_dagster.settings import Settings
from tests.growth import assert_linear


def test_thousands_of_crons_take_as_long_for_each(settings: Settings) -> None:
    def located(count: int) -> Callable[[], object]:
        names = [f"etl_lnd_a_b_t{number}" for number in range(count)]
        masters = [JobMaster(name, name, "{}", "landing.py") for name in names]
        params = [
            SysParam(key, "DEV", name, value, "system")
            for name in names
            for key, value in (("schedule.cron", "0 4 * * *"), ("schedule.timezone", "Asia/Tokyo"))
        ]
        location = Location(settings, build_registry(masters, [], lambda _: None), params, "1900")

        def work() -> object:
            found = schedules_of(location, lambda _: True)
            assert [len(found), found[0].timezone] == [count, "Asia/Tokyo"]
            return found

        return work

    assert_linear(located, 500)
