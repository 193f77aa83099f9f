"""What goes wrong is one line on stderr and exit 1; a wrong call is exit 2."""

from __future__ import annotations

import errno
import io
import signal
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from typing_extensions import Buffer

from orch_dagster.cli import registry
from orch_dagster.cli.main import main

JOB = "etl_lnd_gels_fpms_t_contract_master"
COMMANDS = {
    "jobs": ["jobs"],
    "params": ["params", JOB, "--biz-dt", "2024-05-15"],
    "open": ["open", "GELS", "FPMS", "2024-05-15"],
    "log": ["log"],
    "rebuild": ["log", "rebuild"],
}


def orch(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def assert_one_line(result: Result, *said: str) -> None:
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("orch: ")
    for word in said:
        assert word in line


@pytest.mark.parametrize("name", COMMANDS)
def test_before_init(home: Path, name: str) -> None:
    assert_one_line(orch(*COMMANDS[name]), "orch init")
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_setting_that_cannot_be_used(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("ORCH_FIRST_BIZ_DT", "soon")
    monkeypatch.setenv("ORCH_MAX_CONCURRENT_JOBS", "0")
    assert_one_line(orch(*COMMANDS[name]), "ORCH_FIRST_BIZ_DT", "ORCH_MAX_CONCURRENT_JOBS")


def test_a_store_of_no_known_kind(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCH_CONTROL_URL", "mysql://orch:s3cret@host/db")
    result = orch("jobs")

    assert_one_line(result, "ORCH_CONTROL_URL", "mysql")
    assert "s3cret" not in result.stderr


def test_an_unknown_job_names_the_nearest(sample: Path) -> None:
    assert_one_line(
        orch("params", JOB + "s", "--biz-dt", "2024-05-15"),
        f"no job {JOB}s",
        f"did you mean {JOB}?",
        "orch doctor",
    )
    assert_one_line(orch("params", "zzz", "--biz-dt", "2024-05-15"), "`orch jobs` lists")


def test_a_date_that_is_not_open_names_the_command(sample: Path) -> None:
    assert_one_line(
        orch("params", JOB, "--biz-dt", "2024-05-16"),
        "entity=GELS, source_system=FPMS, biz_dt=2024-05-16",
        "`orch open gels_fpms --biz-dt 2024-05-16`",
    )


@pytest.mark.parametrize("date", ["2024-02-30", "20240515", "today", "", "2024-05-15T00:00"])
@pytest.mark.parametrize(
    "words", [["params", JOB, "--biz-dt"], ["log", "--biz-dt"], ["open", "A", "B"]]
)
def test_a_bad_date_is_a_wrong_call(home: Path, words: list[str], date: str) -> None:
    result = orch(*words, date)

    assert result.exit_code == 2
    assert "is not a date such as 2024-05-15" in result.stderr
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [["nope"], ["params"], ["params", JOB], ["apply"], ["apply", "none.yaml"], ["open", "A"]],
)
def test_other_wrong_calls(home: Path, words: list[str]) -> None:
    assert orch(*words).exit_code == 2


def test_an_argument_that_is_no_text_is_a_wrong_call_too(home: Path) -> None:
    result = orch("jobs", "\udcff")
    assert result.exit_code == 2
    assert r"\udcff" in result.stderr


def test_apply_tells_a_line_for_each_problem(sample: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.yaml"
    file.write_text(
        "process_control: [{entity: A, source_system: B, biz_dt: soon},"
        " {entity: A, source_system: B, biz_dt: later}]"
    )
    result = orch("apply", str(file))

    assert result.exit_code == 1
    first, *others = result.stderr.splitlines()
    assert first == "orch: nothing was applied:"
    assert len(others) == 2


class _LeftPipe(io.RawIOBase):
    """A pipe whose reader has left, as Windows tells it."""

    has_left = True

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        if self.has_left:
            raise OSError(errno.EINVAL, "Invalid argument")
        return memoryview(data).nbytes


def test_a_reader_that_has_read_enough_ends_a_command_without_a_word(
    sample: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As Git Bash's `head` does; elsewhere it is EPIPE, at which click ends."""
    raw = _LeftPipe()
    pipe = io.TextIOWrapper(io.BufferedWriter(raw), "utf-8")
    monkeypatch.setattr("sys.stdout", pipe)
    with pytest.raises(SystemExit) as ended:
        main(["jobs", "--json"])

    assert ended.value.code == 1
    assert capsys.readouterr().err == ""
    # The interpreter flushes it at its end.
    sys.stdout.flush()
    raw.has_left = False
    pipe.close()


def test_an_invalid_argument_of_another_call_is_told(
    sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError(errno.EINVAL, "Invalid argument", "C:/x|y")

    monkeypatch.setattr(registry, "load_settings", fail)
    assert_one_line(orch("jobs"), "C:/x|y: Invalid argument")


def test_ctrl_break_ends_a_command_as_ctrl_c_does(
    sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Windows alone has it.
    number = getattr(signal, "SIGBREAK", None) or signal.SIGUSR1
    monkeypatch.setattr(signal, "SIGBREAK", number, raising=False)
    before = signal.signal(number, lambda *_: None)
    monkeypatch.setattr(registry, "load_settings", lambda: signal.raise_signal(number))
    try:
        result = orch("jobs")
    finally:
        signal.signal(number, before)

    assert (result.exit_code, result.stderr) == (130, "orch: interrupted\n")
