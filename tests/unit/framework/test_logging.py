from __future__ import annotations

import re
from pathlib import Path

import pytest

from framework.logging import get_logger, set_spark_log_level

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (INFO |WARN |ERROR) \[(\S+)\] (.*)")


@pytest.fixture
def log_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "job.log"
    monkeypatch.setenv("LOG_FILE", str(file))
    return file


def test_a_line_has_the_one_format_and_goes_to_the_file_only(
    log_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    get_logger("a.job").info("landed %d rows", 3)
    match = LINE.fullmatch(log_file.read_text().rstrip("\n"))
    assert match
    assert match.groups() == ("INFO ", "a.job", "landed 3 rows")
    assert capfd.readouterr() == ("", "")


def test_asking_twice_doubles_nothing(log_file: Path) -> None:
    get_logger("twice")
    get_logger("twice").warning("once")
    get_logger("twice.child").warning("once")
    assert log_file.read_text().count("once") == 2


def test_further_lines_are_indented(log_file: Path) -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        get_logger("trace").exception("failed\nbadly")
    first, *rest = log_file.read_text(encoding="utf-8").splitlines()
    assert LINE.fullmatch(first)
    assert rest[0] == "    badly"
    assert rest[-1] == "    second"
    assert all(line.startswith("    ") for line in rest)


def test_a_value_forges_no_line_and_nothing_in_it_acts(log_file: Path) -> None:
    forged = "2024-05-15T00:00:00.000Z INFO  [orch] job completed: landed"
    for line_break in ("\n", "\r", "\x85", "\u2028"):
        get_logger("odd").info("value %s", f"\x1b[2J{line_break}{forged}")
    lines = log_file.read_text(encoding="utf-8").splitlines()
    assert [line.partition("] ")[2] for line in lines[::2]] == [r"value \x1b[2J"] * 4
    assert lines[1::2] == ["    " + forged] * 4


def test_a_log_of_its_largest_size_takes_no_line_and_stderr_does(
    log_file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    log_file.write_bytes(b"x" * 999 + b"\n")
    monkeypatch.setenv("JOB_LOG_MAX_BYTES", "1001")
    # The file is asked for anew with each path.
    monkeypatch.setenv("LOG_FILE", str(log_file.with_name("other.log")))
    get_logger("first").info("hello")
    monkeypatch.setenv("LOG_FILE", str(log_file))
    get_logger("full").info("the last")
    get_logger("full").info("too much")
    (first, last) = log_file.read_text().splitlines()
    assert (first, last[-15:]) == ("x" * 999, "[full] the last")
    (counted,) = capfd.readouterr().err.splitlines()
    assert counted.endswith("[full] too much")


def test_text_that_is_no_utf8_does_not_stop_the_line(log_file: Path) -> None:
    # A logger of its own: pytest records those that exist, and no worker can send it this text.
    get_logger("lone").info("lone surrogate \udcff, 漢")
    assert "lone surrogate \\udcff, 漢" in log_file.read_text(encoding="utf-8")


def test_without_a_file_it_is_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    get_logger("plain").info("hello")
    out, err = capfd.readouterr()
    assert out == ""
    assert LINE.fullmatch(err.strip())


def test_a_file_that_cannot_be_opened_is_said_on_stderr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_FILE", str(tmp_path / "absent" / "job.log"))
    get_logger("lost").info("hello")
    lines = capfd.readouterr().err.splitlines()
    assert "LOG_FILE can't be opened" in lines[0]
    assert lines[1].endswith("[lost] hello")


def test_an_unknown_spark_level_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown Spark log level 'loud'; use one of ALL"):
        set_spark_log_level(None, "loud")  # type: ignore[arg-type]


@pytest.mark.spark
def test_python_names_of_levels_work_for_spark(spark) -> None:  # type: ignore[no-untyped-def]
    set_spark_log_level(spark, "warning")
    root = spark._jvm.org.apache.logging.log4j.LogManager.getRootLogger()
    assert str(root.getLevel()) == "WARN"
    set_spark_log_level(spark, "error")
    assert str(root.getLevel()) == "ERROR"
