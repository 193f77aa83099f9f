"""What commands print of others: it is shown, and nothing in it acts."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from rich.progress import Task

from orch_dagster.cli.main import main
from orch_dagster.cli.output import (
    new_console,
    print_document,
    print_json,
    print_lines,
    print_rows,
    say,
    say_error,
)
from orch_dagster.cli.progress import _Clipped
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG, JOB_MASTER, PROCESS_CONTROL, SYS_PARAMS

EVIL = "\x1b[2J\x1b]0;t\x07 :warning: [red]\n\u202e2024\u2028forged\udcff"
SHOWN = r"\x1b[2J\x1b]0;t\x07 :warning: [red]\n\u202e2024\u2028forged\udcff"


def test_a_sentence_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say(EVIL)
    say(EVIL, err=True)
    assert capsys.readouterr() == (SHOWN + "\n", SHOWN + "\n")


def test_a_cell_is_in_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"a": EVIL, "b": 1}], ["a", "b"], "none")
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split() == ["a", "b"]
    assert row.rstrip() == f"{SHOWN}  1"


def test_a_console_takes_no_word_for_an_emoji(capsys: pytest.CaptureFixture[str]) -> None:
    new_console().print("a :warning: [red]b[/red]")
    assert capsys.readouterr().out == "a :warning: [red]b[/red]\n"


def test_json_has_the_same_values_in_codes(capsys: pytest.CaptureFixture[str]) -> None:
    value = {EVIL: [EVIL, "\x9b\x7f é漢🙂"]}
    print_json(value)
    text = capsys.readouterr().out
    assert json.loads(text) == value
    assert text.isprintable() is False
    assert text.replace("\n", "").isprintable()
    assert "é漢🙂" in text


def test_further_lines_of_an_error_are_no_errors(capsys: pytest.CaptureFixture[str]) -> None:
    say_error("nothing was applied:\n  one\ntwo\x1b")
    assert capsys.readouterr().err == "orch: nothing was applied:\n  one\n  two\\x1b\n"


def test_lines_keep_their_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines("a\tb\nc\r\x1b\n")
    assert capsys.readouterr().out == "a\tb\nc\\r\\x1b\n"


def test_a_document_is_for_programs_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    print_document("a: '\u202e'\n")
    assert capsys.readouterr().out == "a: '\u202e'\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_document("a: '\u202e'\n")
    assert capsys.readouterr().out == "a: '\\u202e'\n"


def test_the_name_of_a_stage_does_not_act() -> None:
    task = Task(0, "job", None, 0, _get_time=lambda: 0, fields={"place": f"collect {EVIL}"})  # type: ignore[arg-type]
    assert _Clipped("place").render(task).plain == f"collect {SHOWN}"


def test_no_command_lets_a_row_act(store: ControlStore) -> None:
    keys = {"environment": "DEV", "key_name": EVIL}
    rows = {
        JOB_MASTER: [{"job_id": EVIL, "job_name": EVIL, "comments": EVIL, "script_path": EVIL}],
        PROCESS_CONTROL: [{"entity": EVIL, "source_system": EVIL, "biz_dt": "2024-05-15"}],
        SYS_PARAMS: [{**keys, "param_key": EVIL, "param_value": EVIL, "param_type": "spark"}],
        EXECUTION_LOG: [
            {"id": EVIL, "job_id": EVIL, "job_name": EVIL, "run_id": EVIL, "status": EVIL,
             "spark_app_id": EVIL, "error_message": EVIL}
        ],
    }  # fmt: skip
    for table, of_table in rows.items():
        # A surrogate can't be stored.
        store.upsert(table, json.loads(json.dumps(of_table).replace(r"\udcff", "")))
    shown = SHOWN.removesuffix(r"\udcff")
    for words in (["log"], ["log", "--json"], ["jobs"], ["doctor"], ["due"], ["log", "--job", "x"]):
        done = CliRunner().invoke(main, words)
        text = done.output.replace("\n", "")
        assert text.isprintable(), (words, done.output)
        assert "⚠" not in text
        assert not any(line.startswith("forged") for line in done.output.splitlines())
    assert shown in CliRunner().invoke(main, ["log"]).output
