"""Which schedules there are, when they tick, and what is said of parameters that are none."""

from __future__ import annotations

import dagster as dg
import pytest

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import SYS_PARAMS
from orch_dagster.defs.schedule.definitions import schedule_findings
from orch_dagster.errors import SettingsError
from orch_dagster.schedule.schedules import time_zone
from tests.code_location import Located, schedule_param


def test_a_schedule_for_each_source_which_loads_stopped(located: Located) -> None:
    (schedule,) = located().get_all_schedules()
    assert (schedule.name, schedule.job_name) == ("gels_fpms_by_biz_dt", "gels_fpms")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED


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


def test_a_job_with_a_cron_of_its_own_has_a_schedule_of_its_own(
    located: Located, store: ControlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.upsert(
        SYS_PARAMS,
        [
            schedule_param("cron", "0 4 * * *", "job_2"),
            schedule_param("timezone", "Asia/Singapore", "job_2"),
            # Without a cron of its own, a job goes by its group.
            schedule_param("timezone", "Asia/Tokyo", "job_1"),
            schedule_param("timezone", "Europe/Berlin"),
        ],
    )
    # Dagster refuses a schedule whose job it does not list.
    monkeypatch.setenv("ORCH_LISTED_JOBS", "1")
    location = located()
    found = {
        schedule.name: (schedule.job_name, schedule.cron_schedule, schedule.execution_timezone)
        for schedule in location.get_all_schedules()
    }
    assert found == {
        "gels_fpms_by_biz_dt": ("gels_fpms", "0 2 * * *", "Europe/Berlin"),
        "job_2_by_biz_dt": ("job_2", "0 4 * * *", "Asia/Singapore"),
    }
    listed = {job.name for job in location.get_all_jobs()}
    assert listed == {"gels_fpms", "job_2", "__ASSET_JOB"}
    group = location.location.registry.groups["gels_fpms"]
    assert time_zone(location.location, group.key_names) == "Europe/Berlin"


def test_a_group_whose_jobs_all_have_their_own_has_none(
    located: Located, store: ControlStore
) -> None:
    crons = [schedule_param("cron", "0 4 * * *", f"job_{number}") for number in (1, 2)]
    store.upsert(SYS_PARAMS, crons)
    names = [schedule.name for schedule in located().get_all_schedules()]
    assert names == ["job_1_by_biz_dt", "job_2_by_biz_dt"]


def test_what_is_no_schedule_is_told_and_the_setting_holds(
    located: Located, store: ControlStore
) -> None:
    store.upsert(
        SYS_PARAMS,
        [
            schedule_param("cron", "at two", "gels_fpms"),
            schedule_param("cron", "at three", "job_1"),
            schedule_param("timezone", "Mars/X"),
        ],
    )
    location = located()
    (schedule,) = location.get_all_schedules()
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 2 * * *", "UTC")
    found = [str(finding) for finding in schedule_findings(location.location)]
    assert len(found) == 3
    assert any("'at two' is not a cron schedule" in text for text in found)
    assert any("'Mars/X' is not a time zone" in text for text in found)


@pytest.mark.parametrize("cron", ["0 0 31 4,6 *", "0-59/1," * 8_000 + "0 * * * *"])
def test_a_cron_without_a_tick_or_of_any_length_keeps_no_schedule_from_loading(
    cron: str, located: Located, store: ControlStore
) -> None:
    """Dagster takes minutes to read the second, and its daemon fails at the first."""
    store.upsert(SYS_PARAMS, [schedule_param("cron", cron, "gels_fpms")])
    location = located()
    (schedule,) = location.get_all_schedules()
    assert schedule.cron_schedule == "0 2 * * *"
    (found,) = map(str, schedule_findings(location.location))
    assert "not a cron schedule" in found
    assert len(found) < 400


def test_what_no_tick_could_go_by_is_told_at_load(located: Located, store: ControlStore) -> None:
    store.upsert(
        SYS_PARAMS,
        [
            schedule_param("offset", "-1", "gels_fpms"),
            schedule_param("catchup", "5"),
            schedule_param("calendar", "file:holidays.txt"),
        ],
    )
    calendar, offset = (
        str(finding) for finding in schedule_findings(located().location) if finding.is_warning
    )
    assert calendar.startswith(
        "sys_params (param_key=schedule.calendar, environment=DEV, key_name=*): param_value: "
    )
    assert "holidays.txt" in calendar
    assert offset == (
        "sys_params (param_key=schedule.offset, environment=DEV, key_name=gels_fpms): "
        "param_value: '-1' is not a whole number from 0 to 999; the ticks that use it fail "
        "until it is corrected"
    )


def test_a_setting_that_is_no_cron_is_refused(
    located: Located, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCH_SCHEDULE_CRON", "at two")
    with pytest.raises(SettingsError, match="ORCH_SCHEDULE_CRON: 'at two' is not a cron"):
        located().get_all_schedules()
