"""orch log: which rows it finds, and what they look like at a terminal and in a pipe."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orch_dagster.cli.log_lines import log_lines
from orch_dagster.cli.main import main
from orch_dagster.control.connect import opened_store
from orch_dagster.control.tables import EXECUTION_LOG, Row, to_micros
from orch_dagster.settings import load_settings

JOB = "etl_lnd_gels_fpms_t_contract_master"
START = datetime(2024, 5, 16, 1, 2, 3, tzinfo=timezone.utc)
REASON = "LandingError: " + "no rows in out/contract " * 8


def orch(*words: str) -> Result:
    return CliRunner().invoke(main, [*words])


def row(number: int, status: str = "Completed", **columns: object) -> Row:
    start = START + timedelta(hours=number)
    return {
        "id": f"{to_micros(start)}_{number:012x}",
        "job_id": "JOB_1001",
        "job_name": JOB,
        "run_id": f"{number:08x}-0000-4000-8000-000000000000",
        "biz_dt": f"2024-05-{number:02}",
        "status": status,
        "start_time": start,
        "duration": 75.0 * number,
        "attempts": 1,
        "spark_app_id": f"local-{number}",
        **columns,
    }  # type: ignore[return-value]


@pytest.fixture
def rows(sample: Path) -> list[Row]:
    """Four rows of the sample's job, and one of a job that is gone."""
    assert sample.is_dir()
    found = [
        row(1, row_count=1_234_567),
        row(2, f"Failed: {REASON}", error_message=REASON),
        row(3, "Canceled"),
        row(4, "Started", duration=None, job_name="its_older_name"),
        row(5, row_count=0, job_id="GONE", job_name="gone"),
    ]
    # A run that was created before the others and began after them.
    found[0]["start_time"] = START + timedelta(hours=9)
    with opened_store(load_settings()) as store:
        store.upsert(EXECUTION_LOG, found)
    return found


def dates(*words: str) -> list[str]:
    done = orch("log", *words, "--json")
    assert done.exit_code == 0, done.output
    return [each["biz_dt"][-2:] for each in json.loads(done.stdout)]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], ["01", "05", "04", "03", "02"]),
        (["--limit", "2"], ["01", "05"]),
        (["--status", "failed"], ["02"]),
        (["--status", "started", "--status", "Canceled"], ["04", "03"]),
        (["--since", "2024-05-16T06:00:00"], ["01", "05"]),
        (["--since", "36h"], []),
        (["--job", "JOB_1001"], ["01", "04", "03", "02"]),
        (["--source", "GELS_FPMS"], ["01", "04", "03", "02"]),
        (["--job", JOB], ["01", "04", "03", "02"]),
        (["--job", "gone"], ["05"]),
        (["--job", "GONE"], ["05"]),
        (["--biz-dt", "2024-05-02", "--biz-dt", "2024-05-03"], ["03", "02"]),
        (["--from", "2024-05-03", "--to", "2024-05-04"], ["04", "03"]),
        (["--job", JOB, "--from", "2024-05-03", "--status", "started"], ["04"]),
    ],
)
def test_rows_are_found_and_the_newest_start_is_first(
    rows: list[Row], words: list[str], found: list[str]
) -> None:
    assert rows
    assert dates(*words) == found


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
@pytest.mark.parametrize("command", [["log"], ["log", "rebuild"]])
def test_a_moment_that_no_run_can_have_is_refused(
    sample: Path, command: list[str], moment: str
) -> None:
    told = orch(*command, "--since", moment)
    assert told.exit_code == 2
    assert "lies outside 1900-01-01 to 2200-12-31" in told.stderr


def test_a_range_that_is_upside_down_is_refused(sample: Path) -> None:
    told = orch("log", "--from", "2024-05-15", "--to", "2024-05-01")
    assert told.exit_code == 2
    assert "--from 2024-05-15 is after --to 2024-05-01" in told.stderr


def test_a_limit_is_said(rows: list[Row]) -> None:
    assert orch("log", "--limit", "2").stderr == (
        f"the newest 2 of {len(rows)} rows; --limit shows more\n"
    )
    assert orch("log").stderr == ""


def test_an_unknown_job_names_the_nearest(rows: list[Row]) -> None:
    assert rows
    told = orch("log", "--job", "gels_fmps")
    assert (told.exit_code, told.stdout) == (1, "")
    assert "did you mean gels_fpms?" in told.stderr


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_row_is_a_line_at_every_width(rows: list[Row], width: int) -> None:
    lines = [line.plain for line in log_lines(rows, width)]
    heading, first, failed, error, *_, last = lines
    assert max(len(line) for text in lines for line in text.splitlines()) <= width
    assert heading.split() == ["run", "job", "biz_dt"] + ["start"] * (width > 80) + [
        "rows", "duration", "status"
    ]  # fmt: skip
    assert first.split()[0] == "00000001"
    assert first.split()[2] == "2024-05-01"
    assert first.endswith("1,234,567  1 min 15 s  Completed")
    assert first.split()[1].endswith("contract_master")
    assert (first.split()[1] == JOB) == (width > 80)
    assert failed.endswith("Failed")
    assert all(line.startswith("    ") for line in error.splitlines())
    assert " ".join(error.split()) == REASON.strip()
    assert last.endswith("0  6 min 15 s  Completed")
    # The columns are below their headings.
    assert {line.index("2024-05-") for line in (first, failed, last)} == {heading.index("biz_dt")}


def test_a_status_has_its_colour(rows: list[Row]) -> None:
    text = {line.plain.split()[-1]: line for line in log_lines(rows, 80)}
    styles = {
        word: str(text[word].spans[-1].style)
        for word in ("Completed", "Failed", "Canceled", "Started")
    }
    assert styles == {
        "Completed": "green", "Failed": "red", "Canceled": "yellow", "Started": "cyan"
    }  # fmt: skip


def test_wide_shows_all_of_it(rows: list[Row]) -> None:
    _, first, *_ = (line.plain for line in log_lines(rows, 80, is_wide=True))
    for word in (str(rows[0]["run_id"]), JOB, "2024-05-16 10:02:03", "local-1"):
        assert word in first


def test_a_pipe_has_a_line_for_each_row_and_no_codes(rows: list[Row]) -> None:
    lines = orch("log").stdout.splitlines()
    assert len(lines) == 1 + len(rows) + 1
    assert f"    {REASON.strip()}" in lines
    assert "\x1b" not in "".join(lines)
