from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.contract.calendar_days import CalendarDays
from framework.contract.system_settings import (
    CHECKS_BLOCKING,
    RETRY_DELAY,
    RETRY_MAX,
    SCHEDULE_CALENDAR,
    SCHEDULE_CRON,
    SCHEDULE_OFFSET,
    SCHEDULE_TIMEZONE,
    SCHEMA_DRIFT,
    SYSTEM_SETTINGS,
    SystemSetting,
    unknown_key,
)


@pytest.mark.parametrize(
    ("setting", "text", "value"),
    [
        (SCHEDULE_CRON, "0 2 * * *", "0 2 * * *"),
        (SCHEDULE_TIMEZONE, "Europe/Vienna", "Europe/Vienna"),
        (
            SCHEDULE_CALENDAR,
            "2024-05-01, +2024-05-04 # Labour Day, 9\n",
            CalendarDays(
                holidays=frozenset({date(2024, 5, 1)}), working_days=frozenset({date(2024, 5, 4)})
            ),
        ),
        (SCHEDULE_CALENDAR, "file: conf/days.txt", "conf/days.txt"),
        (SCHEDULE_OFFSET, "007", 7),
        (RETRY_MAX, "99", 99),
        (RETRY_DELAY, "1.5", 1.5),
        (CHECKS_BLOCKING, " True ", "true"),
        (SCHEMA_DRIFT, "refuse", "refuse"),
    ],
)
def test_a_value_is_parsed(setting: SystemSetting[object], text: str, value: object) -> None:
    assert setting.parse(text) == value
    assert setting.error(text) is None


@pytest.mark.parametrize(
    ("setting", "text", "sentence"),
    [
        (SCHEDULE_CRON, " ", "' ' is not a cron schedule such as 0 2 * * *"),
        (SCHEDULE_TIMEZONE, "Mars/X", "'Mars/X' is not a time zone such as Europe/Berlin"),
        (SCHEDULE_CALENDAR, "2024-02-30", "not dates such as 2024-05-01: '2024-02-30' in line 1"),
        (SCHEDULE_CALENDAR, "20240501", "not dates such as 2024-05-01: '20240501' in line 1"),
        (SCHEDULE_CALENDAR, "file: ", "'file: ' names no file: give file:PATH"),
        (SCHEDULE_OFFSET, "-1", "'-1' is not a whole number from 0 to 999"),
        (SCHEDULE_OFFSET, "1" * 5000, f"{'1' * 5000!r} is not a whole number from 0 to 999"),
        (RETRY_MAX, "many", "'many' is not a whole number from 0 to 99"),
        (RETRY_MAX, "", "'' is not a whole number from 0 to 99"),
        (RETRY_DELAY, "1e3", "'1e3' is not seconds, from 0 to 99999"),
        (CHECKS_BLOCKING, "maybe", "'maybe' is not true or false"),
        (SCHEMA_DRIFT, "ignore", "'ignore' is not report or refuse"),
    ],
)
def test_a_bad_value_is_refused_in_a_sentence(
    setting: SystemSetting[object], text: str, sentence: str
) -> None:
    assert setting.error(text) == sentence


def test_a_row_without_a_value_is_as_if_it_were_not_there_but_for_retries() -> None:
    blank = {key for key, setting in SYSTEM_SETTINGS.items() if setting.error(None) is None}
    assert set(SYSTEM_SETTINGS) - blank == {"retry.max", "retry.delay"}


@given(st.sampled_from(sorted(SYSTEM_SETTINGS)), st.text())
def test_no_text_breaks_a_parser(key: str, text: str) -> None:
    """Whatever a row holds, the answer is a value or a ValueError with a sentence."""
    error = SYSTEM_SETTINGS[key].error(text)
    assert error is None or len(error) > 5


def test_defaults_are_values() -> None:
    for setting in SYSTEM_SETTINGS.values():
        if not setting.default.startswith("ORCH_"):
            assert setting.error(setting.default) is None


@pytest.mark.parametrize(
    ("key", "nearest", "is_own"),
    [
        ("retry.maximum", "retry.max", False),
        ("Retry.Max", "retry.max", False),
        ("checks.bloking", "checks.blocking", False),
        ("schema_drift", "schema.drift", False),
        ("schedule.x", "schedule.cron", False),
        ("retry.", "retry.max", False),
        ("api.token", None, True),
        ("", None, True),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(
    key: str, nearest: str | None, is_own: bool
) -> None:
    found = unknown_key(key)
    assert found is not None
    assert (found.nearest, found.is_own) == (nearest, is_own)
    assert str(found).startswith(f"{key} is not a setting of param_type system: ")
    assert (nearest or "schema.drift") in str(found)


def test_a_known_key_is_not_unknown() -> None:
    assert [key for key in SYSTEM_SETTINGS if unknown_key(key)] == []
