"""What sys_params say of a schedule's dates, and what is said of those that say nothing useful."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from orch_dagster.control.records import SysParam
from orch_dagster.referenced_files import ReferencedFiles
from orch_dagster.schedule.calendar import Calendar
from orch_dagster.schedule.settings import TickParamError, TickParams, setting_error, tick_params


def param(key: str, value: str | None) -> SysParam:
    return SysParam(f"schedule.{key}", "DEV", "gels_fpms", value, "system")


def read(home: Path, **values: str) -> TickParams:
    rows = [param(key, value) for key, value in values.items()]
    return tick_params({row.param_key: row for row in rows}, ReferencedFiles(home))


def error(home: Path, key: str, value: str | None) -> str | None:
    files = ReferencedFiles(home)
    return setting_error(f"schedule.{key}", value, files, lambda text: text == "0 2 * * *")


def test_what_holds_where_nothing_is_said(tmp_path: Path) -> None:
    assert read(tmp_path, cron="0 2 * * *") == TickParams(Calendar(), offset=1, catchup=5)


def test_values_as_they_are_meant(tmp_path: Path) -> None:
    found = read(tmp_path, calendar="2024-05-01, 2024-12-25", offset="0", catchup="20")
    holidays = frozenset({date(2024, 5, 1), date(2024, 12, 25)})
    assert found == TickParams(Calendar(holidays), offset=0, catchup=20)


def test_a_calendar_in_a_file_of_the_home(tmp_path: Path) -> None:
    file = tmp_path / "conf" / "holidays.txt"
    file.parent.mkdir()
    # As a Windows editor saves it.
    file.write_bytes(
        "\ufeff# Österreich\r\n2024-05-01\r\n2024-10-26 # Nationalfeiertag\r\n".encode()
    )
    expected = {date(2024, 5, 1), date(2024, 10, 26)}
    assert read(tmp_path, calendar="file:conf/holidays.txt").calendar.holidays == expected
    assert read(tmp_path / "conf", calendar=f"file:{file}").calendar.holidays == expected
    with pytest.raises(
        TickParamError, match=r"holidays\.txt is outside ORCH_HOME .*ORCH_SECRET_DIRS"
    ):
        read(tmp_path / "other", calendar=f"file:{file}")


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("offset", "-1", "'-1' is not a whole number from 0 to 999"),
        ("offset", "one", "'one' is not a whole number from 0 to 999"),
        ("offset", "1000", "'1000' is not a whole number from 0 to 999"),
        ("catchup", "5.0", "'5.0' is not a whole number from 0 to 999"),
        # Digits of another script are none for us.
        ("catchup", "٣", "'٣' is not a whole number from 0 to 999"),
        ("calendar", "2024-05-01;", "not dates such as 2024-05-01: '2024-05-01;' in line 1"),
        ("calendar", "sun-thurs", "not weekdays such as sat or sun-thu: 'sun-thurs' in line 1"),
        ("calendar", "file:none.txt", "none.txt can't be read ("),
    ],
)
def test_a_bad_value_is_named_with_its_row(
    tmp_path: Path, key: str, value: str, fault: str
) -> None:
    with pytest.raises(TickParamError) as raised:
        read(tmp_path, **{key: value})
    said = str(raised.value)
    assert said.startswith(
        f"sys_params (param_key=schedule.{key}, environment=DEV, key_name=gels_fpms): "
    )
    assert fault in said
    assert fault in str(error(tmp_path, key, value))


def test_a_file_that_is_no_calendar_is_named_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "days.txt").write_text("2024-05-01\n1 May 2025\nroot:x:0:0\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe2\0")
    with pytest.raises(
        TickParamError, match=r"days\.txt: not dates such as 2024-05-01, in line 2, 3$"
    ) as raised:
        read(tmp_path, calendar="file:days.txt")
    # It may be another file, and hold what nobody may see.
    assert "May" not in str(raised.value)
    with pytest.raises(TickParamError, match=r"binary is not text in UTF-8"):
        read(tmp_path, calendar="file:binary")


def test_all_bad_values_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(TickParamError) as raised:
        read(tmp_path, offset="x", catchup="y", calendar="z")
    assert str(raised.value).count("sys_params (") == 3


@pytest.mark.parametrize(
    ("key", "value"),
    [("offset", "2"), ("calendar", ""), ("catchup", None), ("cron", "0 2 * * *"), ("cron", None)],
)
def test_nothing_is_wrong_with(tmp_path: Path, key: str, value: str | None) -> None:
    assert error(tmp_path, key, value) is None


def test_a_cron_is_judged_by_dagster(tmp_path: Path) -> None:
    said = error(tmp_path, "cron", "at two")
    assert said == "'at two' is not a cron schedule such as 0 2 * * *"
