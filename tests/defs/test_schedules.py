"""A schedule a source: when it ticks, and what it asks for."""

from __future__ import annotations

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import SYS_PARAMS
from orch_dagster.defs.schedules import schedule_findings
from orch_dagster.errors import SettingsError
from tests.defs.conftest import Located, schedule_param


def tick(schedule: dg.ScheduleDefinition, at: datetime) -> dg.ScheduleExecutionData:
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance, scheduled_execution_time=at)
        return schedule.evaluate_tick(context)


def test_a_tick_asks_for_the_day_before_once(located: Located) -> None:
    (schedule,) = located().get_all_schedules()
    assert (schedule.name, schedule.job_name) == ("gels_fpms_by_biz_dt", "gels_fpms")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED

    asked = tick(schedule, datetime(2024, 5, 16, 2, tzinfo=timezone.utc)).run_requests
    assert asked is not None
    (request,) = asked
    assert (request.run_key, request.partition_key) == ("2024-05-15", "2024-05-15")
    assert request.tags["dagster/partition"] == "2024-05-15"


def test_a_date_that_is_not_open_is_skipped_with_the_command(located: Located) -> None:
    (schedule,) = located().get_all_schedules()
    told = tick(schedule, datetime(2024, 5, 17, 2, tzinfo=timezone.utc))
    assert not told.run_requests
    assert "`orch open GELS FPMS 2024-05-16`" in str(told.skip_message)


def test_the_date_is_the_local_one(located: Located, store: ControlStore) -> None:
    store.upsert(SYS_PARAMS, [schedule_param("timezone", "Pacific/Kiritimati")])
    (schedule,) = located().get_all_schedules()
    # 00:30 of the 16th there is still the 15th in UTC.
    local = datetime(2024, 5, 16, 0, 30, tzinfo=ZoneInfo("Pacific/Kiritimati"))
    asked = tick(schedule, local).run_requests
    assert asked is not None
    assert [request.partition_key for request in asked] == ["2024-05-15"]


def test_the_narrower_parameter_wins(located: Located, store: ControlStore) -> None:
    store.upsert(
        SYS_PARAMS,
        [
            schedule_param("cron", "0 1 * * *"),
            schedule_param("cron", "30 3 * * 1-5", "gels_fpms"),
            schedule_param("timezone", "Asia/Singapore"),
        ],
    )
    (schedule,) = located().get_all_schedules()
    assert (schedule.cron_schedule, schedule.execution_timezone) == (
        "30 3 * * 1-5",
        "Asia/Singapore",
    )


def test_what_is_no_schedule_is_told_and_the_setting_holds(
    located: Located, store: ControlStore
) -> None:
    store.upsert(
        SYS_PARAMS,
        [schedule_param("cron", "at two", "gels_fpms"), schedule_param("timezone", "Mars/X")],
    )
    location = located()
    (schedule,) = location.get_all_schedules()
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 2 * * *", "UTC")
    found = [str(finding) for finding in schedule_findings(location.location)]
    assert len(found) == 2
    assert any("'at two' is no cron schedule" in text for text in found)
    assert any("'Mars/X' is no time zone" in text for text in found)


def test_a_setting_that_is_no_cron_is_refused(
    located: Located, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCH_SCHEDULE_CRON", "at two")
    with pytest.raises(SettingsError, match="ORCH_SCHEDULE_CRON: 'at two' is no cron"):
        located().get_all_schedules()
