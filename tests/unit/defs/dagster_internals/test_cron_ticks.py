"""A cron that is well-formed and has no day, which Dagster makes a schedule of."""

from __future__ import annotations

import dagster as dg
import pytest

from orch_dagster.defs.dagster_internals.cron_ticks import has_ticks


@pytest.mark.parametrize(
    "cron", ["0 2 * * *", "0 0 29 2 *", "0 0 L * *", "@hourly", "0 0 31 4,5 *"]
)
def test_one_with_a_day_ticks_however_rare_it_is(cron: str) -> None:
    assert has_ticks(cron)


@pytest.mark.parametrize("cron", ["0 0 31 4,6 *", "0 0 31 9,11 *"])
def test_one_without_a_day_never_ticks_though_dagster_takes_it(cron: str) -> None:
    dg.ScheduleDefinition(job_name="any", cron_schedule=cron)
    assert not has_ticks(cron)
