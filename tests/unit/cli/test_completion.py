"""What a shell offers while a command is typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from orch_dagster.cli.main import main
from orch_dagster.control.connect import opened_store
from orch_dagster.control.tables import EXECUTION_LOG
from orch_dagster.settings import load_settings

JOB = "etl_lnd_gels_fpms_t_contract_master"
DAY = "2024-05-15"


def offered(*words: str) -> list[str]:
    """What is offered for the last word, after the others."""
    *before, incomplete = words
    complete = ShellComplete(main, {}, "orch", "_ORCH_COMPLETE")
    return [item.value for item in complete.get_completions([*before], incomplete)]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["do"], ["doctor"]),
        (["log", "re"], ["rebuild"]),
        (["run", ""], [JOB, "gels_fpms", "JOB_1001"]),
        (["run", "job_"], ["JOB_1001"]),
        (["params", "etl_"], [JOB]),
        (["check", JOB, "gels"], ["gels_fpms"]),
        (["remove", "GELS"], ["gels_fpms"]),
        (["export", ""], ["gels_fpms"]),
        (["log", "--job", "JOB"], ["JOB_1001"]),
        (["log", "--status", ""], ["completed", "failed", "canceled", "started"]),
        (["open", ""], ["gels_fpms"]),
        (["close", "gels_fpms", ""], [DAY]),
        (["run", JOB, "--biz-dt", "2024"], [DAY]),
        (["run", "nobody", "--biz-dt", "2023"], []),
        (["dates", "gels_fpms", "--from", ""], [DAY]),
        (["log", "--follow", ""], ["9f", "3f"]),
        (["log", "--follow", "3"], ["3f"]),
        (["log", "rebuild", "--gone", "9"], ["9f"]),
    ],
)
def test_names_dates_and_runs_are_offered(
    sample: Path, words: list[str], wanted: list[str]
) -> None:
    assert sample.is_dir()
    rows = [{"id": f"{n}_x", "run_id": f"{n}f", "job_name": JOB, "biz_dt": DAY} for n in (3, 9)]
    with opened_store(load_settings()) as store:
        store.upsert(EXECUTION_LOG, rows)
    assert offered(*words) == wanted


@pytest.mark.parametrize("words", [["run", ""], ["open", "g"], ["log", "--follow", ""]])
def test_before_init_nothing_is_offered_and_nothing_is_made(home: Path, words: list[str]) -> None:
    assert offered(*words) == []
    assert list(home.iterdir()) == []
