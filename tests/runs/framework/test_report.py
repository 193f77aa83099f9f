from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dagster_pipes import encode_param

from orch_dagster.settings import REPOSITORY

JOBS = REPOSITORY / "jobs"


def run(tmp_path: Path, code: str, *, python_path: str = str(JOBS)) -> tuple[int, str, list[Any]]:
    context, messages = tmp_path / "context.json", tmp_path / "messages.jsonl"
    context.write_text(json.dumps({"asset_keys": None, "run_id": "run-1", "extras": {}}))
    messages.write_text("")
    env = os.environ | {
        "PYTHONPATH": python_path,
        "DAGSTER_PIPES_CONTEXT": encode_param({"path": str(context)}),
        "DAGSTER_PIPES_MESSAGES": encode_param({"path": str(messages)}),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    sent = [json.loads(line) for line in messages.read_text().splitlines()]
    return done.returncode, done.stderr, sent


def test_a_landing_is_reported_with_every_fact(tmp_path: Path) -> None:
    code, _, sent = run(
        tmp_path,
        "from framework import report\n"
        "with report.reporting():\n"
        "    report.application('app-1', None)\n"
        "    checks = [report.CheckResult('key_unique', False, True, {'row_count': 2})]\n"
        "    drift = report.Drift('2024-05-14', ({'name': 'a', 'type': 'int'},), (), ())\n"
        "    report.checks('2024-05-15', checks)\n"
        "    report.landing(report.LandingReport('2024-05-15', 2, ({'name': 'a', 'type': 'int'},),"
        " (report.SinkReport('/t', 'orc', 1, 9),), '2024-05-15T00:00:00.000+00:00', 1.5,"
        " 3, 1, '/r', drift, tuple(checks)))\n",
    )
    assert code == 0
    assert [message["method"] for message in sent] == [
        "opened", *["report_custom_message"] * 3, "closed"
    ]  # fmt: skip
    assert sent[1]["params"]["payload"] == {
        "kind": "application", "spark_app_id": "app-1", "spark_ui": None
    }  # fmt: skip
    check = {
        "name": "key_unique", "passed": False, "blocking": True, "metadata": {"row_count": 2}
    }  # fmt: skip
    assert sent[2]["params"]["payload"] == {
        "kind": "checks", "biz_dt": "2024-05-15", "checks": [check]
    }  # fmt: skip
    assert sent[3]["params"]["payload"] == {
        "kind": "landing", "biz_dt": "2024-05-15", "row_count": 2,
        "columns": [{"name": "a", "type": "int"}],
        "sinks": [{"path": "/t", "format": "orc", "files": 1, "size_bytes": 9}],
        "started_at": "2024-05-15T00:00:00.000+00:00", "duration_s": 1.5,
        "rows_read": 3, "rejected_rows": 1, "rejected_path": "/r",
        "drift": {
            "against": "2024-05-14", "added": [{"name": "a", "type": "int"}],
            "missing": [], "changed": [],
        },
        "checks": [check], "damaged_text": None, "text_searched": None,
    }  # fmt: skip
    assert sent[4]["params"] == {}


@pytest.mark.parametrize(
    "body", ["with report.reporting(): raise KeyError('x')", "report._open(); raise KeyError('x')"]
)
def test_the_exception_closes_the_channel(tmp_path: Path, body: str) -> None:
    code, _, sent = run(tmp_path, f"from framework import report\n{body}")
    assert code == 1
    assert sent[-1]["method"] == "closed"
    assert sent[-1]["params"]["exception"]["name"] == "KeyError"


def test_a_script_without_landing_closes_at_its_end(tmp_path: Path) -> None:
    code, _, sent = run(
        tmp_path, "from framework import report; report.application('app-1', 'http://ui')"
    )
    assert code == 0
    assert sent[1]["params"]["payload"]["spark_ui"] == "http://ui"
    assert sent[-1] == {**sent[-1], "method": "closed", "params": {}}


def test_reports_that_cannot_be_sent_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "dagster_pipes.py").write_text("raise ImportError('not here')")
    path = os.pathsep.join([str(tmp_path), str(JOBS)])
    code, err, sent = run(
        tmp_path, "from framework import report; report.application('a', None)", python_path=path
    )
    assert code == 1
    assert "ReportError" in err
    assert "ship its one file by --py-files" in err
    assert sent == []


def test_without_the_variables_nothing_is_told_and_nothing_loaded() -> None:
    done = subprocess.run(
        [
            sys.executable, "-c",
            "import sys; from framework import report\n"
            "with report.reporting(): report.application('a', None)\n"
            "print('dagster_pipes' in sys.modules)",
        ],
        env={"PYTHONPATH": str(JOBS), "SYSTEMROOT": "C:\\Windows"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("False", "")
