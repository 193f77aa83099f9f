"""The bars of a run, as a terminal of some width has them."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from orch_dagster.cli.progress import Bars
from orch_dagster.spark.progress import Stage

JOB = "etl_lnd_gels_fpms_t_contract_master"
STAGE = Stage(3, "groupByKey at contract_master.py:117", 2000, 1200)


def terminal(width: int) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return (
        Console(file=file, force_terminal=True, width=width, highlight=False, legacy_windows=False),
        file,
    )


def last_lines(file: io.StringIO, count: int) -> list[str]:
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue())
    return [line for line in re.split(r"[\r\n]+", text) if line.strip()][-count:]


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (60, "stage 3: 1200 of 2000 tasks 0:00:00"),
        (80, "stage 3: 1200 of 2000 tasks 0:00:00"),
        (100, f"{JOB} ━━━━━━━╺━━━━ stage 3: 1200 of 2000 tasks 0:00:00"),
        (140, f"{JOB} ━━━━━━━╺━━━━ stage 3: 1200 of 2000 tasks {STAGE.name} 0:00:00"),
    ],
)
def test_what_counts_is_whole_at_every_width(width: int, wanted: str) -> None:
    console, file = terminal(width)
    with Bars(console, JOB) as bars:
        bars.stages(JOB, [STAGE])
    (line,) = last_lines(file, 1)
    assert wanted in line
    assert len(line) <= width


def test_a_bar_for_each_job_while_it_runs() -> None:
    console, file = terminal(100)
    with Bars(console, "gels_fpms") as bars:
        for job_name in ("a", "b[bold]c"):
            bars.begun(job_name)
            bars.begun(job_name)
        bars.stages("a", [Stage(3, "x", 20, 12), Stage(4, "y", 30, 1)])
        bars.stages("b[bold]c", [STAGE])
        bars.stages("b[bold]c", [])
        # Nobody began it, or it has ended.
        bars.stages("z", [STAGE])
    of_chain, of_a, of_b = last_lines(file, 3)
    assert "gels_fpms" in of_chain
    assert "a " in of_a
    assert "2 stages: 13 of 50 tasks" in of_a
    assert "b[bold]c" in of_b
    assert "tasks" not in of_b


def test_a_job_that_has_ended_has_none() -> None:
    console, file = terminal(100)
    with Bars(console, "gels_fpms") as bars:
        bars.begun("first")
        bars.ended("first")
        bars.ended("first")
    (line,) = last_lines(file, 1)
    assert "gels_fpms" in line


def test_a_file_gets_none() -> None:
    file = io.StringIO()
    with Bars(Console(file=file), JOB) as bars:
        bars.stages(JOB, [STAGE])
    assert file.getvalue() == ""
