from __future__ import annotations

import json
from pathlib import Path

import pytest

from orch_dagster.registry.context_params import parse_context_params
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.settings import Settings
from orch_dagster.spark.sharing import is_plain_landing, sharing_fault

GUARDED = 'if __name__ == "__main__":\n    run_landing()\n'


@pytest.mark.parametrize(
    "text",
    [
        f"from framework import run_landing\n{GUARDED}",
        f'"""Lands it."""\nfrom __future__ import annotations\n'
        f"from framework.landing import run_landing\n\n# All of it.\n{GUARDED}",
        "from framework import run_landing\nrun_landing()\n",
    ],
)
def test_a_plain_landing(tmp_path: Path, text: str) -> None:
    (tmp_path / "job.py").write_text(text, encoding="utf-8")
    assert is_plain_landing(tmp_path / "job.py")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "from framework import run_landing\n",
        f"from framework import get_spark, run_landing\n{GUARDED}",
        f"from framework import run_landing\nimport os\n{GUARDED}",
        f"from framework import run_landing\nrun_landing = print\n{GUARDED}",
        f"from framework import read_source as run_landing\n{GUARDED}",
        f"from other import run_landing\n{GUARDED}",
        f"from .framework import run_landing\n{GUARDED}",
        "from framework import run_landing\nrun_landing(1)\n",
        "from framework import run_landing\nif True:\n    run_landing()\n",
        f"from framework import run_landing\n{GUARDED}else:\n    print()\n",
        f"from framework import run_landing\n{GUARDED}    print()\n",
        f"from framework import run_landing\n{GUARDED}\nrun_landing()\n",
        "def f(:",
        "a\0b",
    ],
)
def test_any_other_script_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "job.py").write_text(text, encoding="utf-8")
    assert not is_plain_landing(tmp_path / "job.py")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "hql").mkdir()
    return Settings(home=tmp_path)


def fault(
    settings: Settings,
    hql: str = "SELECT 1",
    *,
    script: str = "landing.py",
    master: str = "local[2]",
    **properties: str,
) -> str | None:
    (settings.home / "hql" / "x.hql").write_text(hql, encoding="utf-8")
    context = {
        "entity": "INS",
        "source_system": "SYS",
        "sources": [{"format": "csv", "path": "in.csv"}],
        "hql": "x.hql",
        "sinks": [{"format": "orc", "path": "out/t", "partition_cols": ["biz_dt"]}],
    }
    spec = JobSpec("J", "j", parse_context_params(json.dumps(context), "j"), script)
    return sharing_fault(spec, settings, properties, {"spark.master": master})


@pytest.mark.parametrize(
    "hql",
    [
        "-- all\nSELECT * FROM row1;",
        "/* a */ WITH x AS (SELECT 1) SELECT * FROM x",
        "(SELECT 1) UNION (SELECT 2)",
        "SET hivevar:x = 1; create or replace temporary view v as select 1; SELECT * FROM v",
        "FROM row1 SELECT id",
        "RESET; VALUES (1)",
    ],
)
def test_queries_and_what_is_of_their_session_may_share(settings: Settings, hql: str) -> None:
    assert fault(settings, hql) is None


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE t AS SELECT 1",
        "CREATE GLOBAL TEMPORARY VIEW v AS SELECT 1",
        "CREATE OR REPLACE GLOBAL TEMPORARY VIEW v AS SELECT 1",
        "CREATE TEMPORARY FUNCTION f AS 'x.Y'",
        "CREATE VIEW v AS SELECT 1",
        "CACHE TABLE row1",
        "ADD JAR x.jar",
        "DROP TABLE t",
        "INSERT INTO t VALUES (1)",
        "FROM row1 INSERT INTO t SELECT *",
        "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
        "${hivevar:what} TABLE t",
        "MAP id USING 'cat' FROM row1",
    ],
)
def test_what_reaches_others_may_not(settings: Settings, statement: str) -> None:
    found = fault(settings, f"{statement};\nSELECT 1")
    assert found is not None
    assert found.startswith("x.hql:1 is neither a query")


def test_the_reason_is_named(settings: Settings) -> None:
    (settings.home / "jobs").mkdir()
    (settings.home / "jobs" / "own.py").write_text("print()")
    assert (
        fault(settings, script="own.py") == "its script own.py is more than a call of run_landing"
    )
    assert fault(settings, script="hdfs://jobs/a.py") is not None
    assert fault(settings, master="yarn") == "its master is 'yarn', and only local ones are shared"
