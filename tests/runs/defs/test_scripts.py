"""Scripts that are no landing: what they report by Pipes themselves, and how they are judged.

They open no session; where not Spark itself says what went wrong, none is started.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import dagster as dg
import pytest

from orch_dagster.control.connect import open_store
from orch_dagster.control.tables import JOB_MASTER
from orch_dagster.sample.rows import JOB_ID, JOB_NAME
from orch_dagster.settings import REPOSITORY
from tests.homes import BIZ_DT, STORE_URL, Home
from tests.plain_spark import plain_spark

PIPES = """
from dagster_pipes import PipesContext, open_dagster_pipes
with open_dagster_pipes() as pipes:
    {body}
"""
CONTEXT = {"entity": "GELS", "source_system": "FPMS"}
SINK = {"format": "orc", "path": "out/t", "partition_cols": ["biz_dt"]}


def give_script(home: Home, source: str, **context: object) -> None:
    """Make the sample's job one of this script."""
    jobs = home.folder / "jobs"
    shutil.copytree(REPOSITORY / "jobs", jobs)
    (jobs / "own.py").write_text(source, encoding="utf-8")
    home.environ["ORCH_JOBS_DIR"] = str(jobs)
    store = open_store(STORE_URL, home.folder)
    text = json.dumps({**CONTEXT, **context})
    store.update(JOB_MASTER, [{"job_id": JOB_ID, "script_path": "own.py", "context_params": text}])
    store.close()


def materialized(home: Home) -> dict[str, object] | None:
    """Metadata of the date's materialization as plain values, or None."""
    key = dg.AssetKey(["gels", "fpms", JOB_NAME])
    with dg.DagsterInstance.from_config(home.environ["DAGSTER_HOME"]) as instance:
        found = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=key, asset_partitions=[BIZ_DT]), limit=2
        ).records
    if not found:
        return None
    (record,) = found
    assert record.asset_materialization is not None
    return {name: value.value for name, value in record.asset_materialization.metadata.items()}


def message_of_failure(home: Home) -> str:
    """Run the job, which must fail without a materialization; what its row says."""
    assert home.execute(JOB_NAME).returncode != 0
    assert materialized(home) is None
    return str(home.log_rows(JOB_NAME)[0]["error_message"])


@pytest.fixture
def plain_home(sample_home: Home, tmp_path: Path) -> Home:
    """A home with the sample, whose spark-submit runs scripts by Python alone."""
    if sys.platform != "win32":
        sample_home.environ["ORCH_SPARK_HOME"] = str(plain_spark(tmp_path / "spark"))
    return sample_home


def test_metadata_of_its_own_is_kept_beside_ours(plain_home: Home) -> None:
    body = "pipes.report_asset_materialization(metadata={'rejected': 7})"
    give_script(plain_home, PIPES.format(body=body))
    done = plain_home.execute(JOB_NAME)
    assert done.returncode == 0, done.stdout + done.stderr
    metadata = materialized(plain_home)
    assert metadata is not None
    assert metadata["rejected"] == 7
    assert Path(str(metadata["log_file"])).is_file()
    assert plain_home.log_rows(JOB_NAME)[0]["status"] == "Completed"


def test_a_check_that_no_asset_has_fails_run_and_row_alike(plain_home: Home) -> None:
    body = "pipes.report_asset_check('key_unique', passed=True)"
    give_script(plain_home, PIPES.format(body=body))
    message = message_of_failure(plain_home)
    assert "reported the asset check 'key_unique', which its asset does not" in message


def test_a_landing_reported_in_another_form_is_not_believed(plain_home: Home) -> None:
    message = {"kind": "landing", "biz_dt": BIZ_DT}
    give_script(
        plain_home,
        PIPES.format(body=f"pipes.report_custom_message({message!r})"),
        sources=[{"format": "csv", "path": "x"}],
        sinks=[SINK],
    )
    message = message_of_failure(plain_home)
    assert "in a form that can't be read (row_count is missing" in message


def test_exit_code_0_without_a_landing_is_no_success(plain_home: Home) -> None:
    give_script(plain_home, "", sources=[{"format": "csv", "path": "x"}], sinks=[SINK])
    assert plain_home.execute(JOB_NAME).returncode != 0
    row = plain_home.log_rows(JOB_NAME)[0]
    assert row["status"].startswith("Failed: unknown whether the job landed")
    assert materialized(plain_home) is None


@pytest.mark.spark
def test_its_own_exception_is_the_message(sample_home: Home) -> None:
    give_script(sample_home, "\nraise ValueError('[/x] no such product')\n")
    done = sample_home.orch("run", JOB_NAME, "--biz-dt", BIZ_DT, check=False)
    assert done.returncode == 1
    row = sample_home.log_rows(JOB_NAME)[0]
    assert row["error_message"] == "exit code 1: ValueError: [/x] no such product (own.py:2)"
    assert row["error_message"] in done.stderr
