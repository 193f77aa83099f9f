"""A real job script in its own process, by spark-submit, as the orchestrator starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orch_dagster.settings import REPOSITORY

JOBS = REPOSITORY / "jobs"
SUBMIT = Path(sys.executable).parent / ("spark-submit.cmd" if os.name == "nt" else "spark-submit")
HQL = """-- claims with their customer; a semicolon in a comment: ;
CREATE OR REPLACE TEMPORARY VIEW known AS SELECT * FROM row2 WHERE name <> 'a;b';
SELECT c.id, k.name, CAST(c.amount AS DECIMAL(10,2)) AS amount
FROM row1 c JOIN known k ON c.customer = k.customer
WHERE c.day = '${hivevar:biz_dt}'
"""


class Home:
    """A data root with two CSV sources, an HQL file and a three-line job script."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.messages = root / "messages.jsonl"
        self.log = root / "job.log"
        (root / "in").mkdir()
        (root / "hql").mkdir()
        (root / "hql" / "claims.hql").write_text(HQL, encoding="utf-8")
        (root / "job.py").write_text("from framework import run_landing\n\nrun_landing()\n")
        (root / "in" / "customers.csv").write_text("customer,name\n1,Ada\n2,Bob\n3,a;b\n")

    def claims(self, biz_dt: str, *rows: str) -> None:
        lines = ["id,customer,amount,day", *(f"{row},{biz_dt}" for row in rows)]
        (self.root / "in" / f"claims_{biz_dt}.csv").write_text("\n".join(lines) + "\n")

    def params(self, biz_dt: str, **context: Any) -> dict[str, Any]:
        header = {"header": "true"}
        return {
            "metadata": {
                "job_id": "1", "job_name": "etl_lnd_claims", "run_id": "run-1", "biz_dt": biz_dt,
                "biz_dts": [biz_dt], "environment": "DEV",
                "generated_at": "2024-05-15T00:00:00Z", "version": 1,
            },
            "job_master": {
                "job_id": "1", "job_name": "etl_lnd_claims", "script_path": "job.py",
                "context_params": {
                    "entity": "INS", "source_system": "SYS",
                    "sources": [
                        {"format": "csv", "path": "in/claims_{biz_dt}.csv", "options": header},
                        {"format": "csv", "path": "in/customers.csv", "options": header},
                    ],
                    "hql": "claims.hql",
                    "sinks": [
                        {"format": "orc", "path": "out/claims", "partition_cols": ["biz_dt"]}
                    ],
                    **context,
                },
            },
            "job_dependency": [], "process_control": [], "sys_params": [],
        }  # fmt: skip

    def run(self, params: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        from dagster_pipes import encode_param

        file = self.root / "params.json"
        file.write_text(json.dumps(params), encoding="utf-8")
        self.messages.write_text("")
        context = self.root / "context.json"
        context.write_text(json.dumps({"asset_keys": None, "run_id": "run-1", "extras": {}}))
        env = os.environ | {
            "LOG_FILE": str(self.log), "JOB_PARAMS_FILE": str(file),
            "JOB_BASE_DIR": str(self.root), "JOB_SQL_DIR": str(self.root / "hql"),
            "PYTHONPATH": str(JOBS), "PYSPARK_PYTHON": sys.executable,
            "DAGSTER_PIPES_CONTEXT": encode_param({"path": str(context)}),
            "DAGSTER_PIPES_MESSAGES": encode_param({"path": str(self.messages)}),
        }  # fmt: skip
        argv = [
            str(SUBMIT), "--master", "local[2]", "--conf", "spark.ui.enabled=false",
            "--conf", f"spark.sql.warehouse.dir={self.root / 'wh'}", str(self.root / "job.py"),
        ]  # fmt: skip
        return subprocess.run(
            argv, env=env, cwd=self.root, capture_output=True, text=True, timeout=300, check=False
        )

    def reported(self, kind: str) -> list[dict[str, Any]]:
        messages = [json.loads(line) for line in self.messages.read_text().splitlines()]
        custom = [m["params"].get("payload") for m in messages if m["method"].startswith("report_")]
        return [payload for payload in custom if payload["kind"] == kind]

    def closed(self) -> dict[str, Any]:
        messages = [json.loads(line) for line in self.messages.read_text().splitlines()]
        assert messages[-1]["method"] == "closed"
        return messages[-1]["params"]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.mark.spark
def test_lands_replaces_its_date_only_and_reports(home: Home, spark: Any) -> None:
    home.claims("2024-05-14", "1,1,1.50")
    home.claims("2024-05-15", "2,1,2.50", "3,2,3.50", "4,3,9")
    for biz_dt in ("2024-05-14", "2024-05-15"):
        done = home.run(home.params(biz_dt))
        assert done.returncode == 0, done.stderr
    (application,) = home.reported("application")
    assert application["spark_app_id"].startswith("local-")
    (landing,) = home.reported("landing")
    assert landing["biz_dt"] == "2024-05-15"
    assert landing["row_count"] == 2
    assert {"name": "amount", "type": "decimal(10,2)"} in landing["columns"]
    (sink,) = landing["sinks"]
    target = home.root / "out" / "claims" / "biz_dt=2024-05-15"
    on_disk = [file.stat().st_size for file in target.glob("part-*")]
    assert (sink["files"], sink["size_bytes"]) == (len(on_disk), sum(on_disk))
    assert home.closed() == {}

    first = home.root / "out" / "claims" / "biz_dt=2024-05-14"
    untouched = {file.name: file.stat().st_mtime_ns for file in first.iterdir()}
    home.claims("2024-05-15", "7,2,7.00")
    done = home.run(home.params("2024-05-15"))
    assert done.returncode == 0, done.stderr
    rows = spark.read.orc(str(home.root / "out" / "claims")).orderBy("id").collect()
    assert [(r["id"], r["name"], str(r["biz_dt"])) for r in rows] == [
        ("1", "Ada", "2024-05-14"),
        ("7", "Bob", "2024-05-15"),
    ]
    assert {file.name: file.stat().st_mtime_ns for file in first.iterdir()} == untouched
    assert sorted(p.name for p in (home.root / "out" / "claims").iterdir()) == [
        "biz_dt=2024-05-14",
        "biz_dt=2024-05-15",
    ]
    assert "landed 1 rows" in home.log.read_text()


KILLED = """
import os, signal
from framework import run_landing
from framework.storage.routed import RoutedFileSystem

def rename(self, source, target, real=RoutedFileSystem.rename):
    real(self, source, target)
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

if os.environ["JOB_KILL"] == "1":
    RoutedFileSystem.rename = rename
run_landing()
"""


@pytest.mark.spark
def test_a_job_killed_in_its_swap_is_finished_by_the_next_one(
    home: Home, spark: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old folder is aside and the new one not yet in place when the process is killed."""
    (home.root / "job.py").write_text(KILLED)
    table = home.root / "out" / "claims"
    for number, kill in [("1", "0"), ("2", "1"), ("3", "0")]:
        monkeypatch.setenv("JOB_KILL", kill)
        home.claims("2024-05-15", f"{number},1,1.50")
        done = home.run(home.params("2024-05-15"))
        assert (done.returncode != 0) == (kill == "1"), done.stderr
        assert (table / "_landing").exists() == (kill == "1")
        assert (table / "biz_dt=2024-05-15").exists() == (kill == "0")
    assert [row.id for row in spark.read.orc(str(table)).collect()] == ["3"]
    assert "an earlier landing was cut off: etl_lnd_claims 2024-05-15: rolled forward" in (
        home.log.read_text()
    )


@pytest.mark.spark
def test_a_refused_statement_is_reported_with_the_line_of_the_file(home: Home) -> None:
    home.claims("2024-05-15", "2,1,2.50")
    hql = home.root / "hql" / "claims.hql"
    hql.write_text("SELECT 1;\n\n-- why\nSELECT id,\n  nope\nFROM row1\n", encoding="utf-8")
    done = home.run(home.params("2024-05-15"))
    assert done.returncode != 0
    exception = home.closed()["exception"]
    assert exception["name"] == "HqlError"
    assert f"{hql}:5: " in exception["message"]
    assert not (home.root / "out").exists()
    assert home.reported("landing") == []


def test_a_missing_source_is_reported_before_spark_starts(home: Home) -> None:
    done = home.run(home.params("2024-05-15"))
    assert done.returncode != 0
    exception = home.closed()["exception"]
    assert exception["name"] == "SourceNotFoundError"
    assert f"{home.root.as_posix()}/in/claims_2024-05-15.csv" in exception["message"]
    assert home.reported("application") == []


@pytest.mark.spark
def test_of_several_dates_the_bad_ones_fail_alone(home: Home, spark: Any) -> None:
    """The view that the HQL creates without OR REPLACE is in no later date's way."""
    hql = home.root / "hql" / "claims.hql"
    hql.write_text(HQL.replace("OR REPLACE ", ""), encoding="utf-8")
    home.claims("2024-05-13", "1,1,1.50")
    home.claims("2024-05-14")
    home.claims("2024-05-16", "3,2,3.50", "4,1,4.50")
    params = home.params("2024-05-13")
    params["metadata"]["biz_dts"] = [f"2024-05-{day}" for day in (13, 14, 15, 16)]
    done = home.run(params)

    assert done.returncode != 0
    assert len(home.reported("application")) == 1
    assert {each["biz_dt"]: each["row_count"] for each in home.reported("landing")} == {
        "2024-05-13": 1,
        "2024-05-16": 2,
    }
    assert {each["biz_dt"]: each["name"] for each in home.reported("failure")} == {
        "2024-05-14": "EmptyResultError",
        "2024-05-15": "SourceNotFoundError",
    }
    exception = home.closed()["exception"]
    assert exception["name"] == "DatesFailedError"
    assert "2 of 4 dates did not land, the others did:" in exception["message"]
    assert spark.read.orc(str(home.root / "out" / "claims")).count() == 3
