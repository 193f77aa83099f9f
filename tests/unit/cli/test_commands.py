"""The commands that start no Spark, as their user gives them."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from orch_dagster.cli.main import main

JOB = "etl_lnd_gels_fpms_t_contract_master"


def orch(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def test_init_is_idempotent_and_names_the_instance(sample: Path) -> None:
    again = orch("init", "--sample")
    assert again.exit_code == 0
    assert "all five tables are there" in again.output
    env = (sample / ".env").read_text(encoding="utf-8")
    assert f"DAGSTER_HOME=${{DAGSTER_HOME:-{(sample / '.orch/dagster').as_posix()}}}" in env
    assert env.count("DAGSTER_HOME=") == 1
    assert (sample / ".orch/dagster/dagster.yaml").is_file()


def test_jobs_params_and_log_as_json(sample: Path) -> None:
    assert sample.is_dir()
    assert [row["job_name"] for row in json.loads(orch("jobs", "--json").output)] == [JOB]
    params = json.loads(orch("params", JOB, "--biz-dt", "2024-05-15", "--json").output)
    assert params["metadata"]["biz_dts"] == ["2024-05-15"]
    assert len(params["sys_params"]) == 6
    assert json.loads(orch("log", "--json").output) == []


def test_params_shows_no_secret(sample: Path) -> None:
    row = (
        "  - {{param_key: {}, environment: DEV, key_name: '*', param_value: {}, param_type: {}}}\n"
    )
    rows = [("api.token", "hunter2", "system"), ("spark.x.password", "hunter3", "spark")]
    rows.append(("DB_PASSWORD", "env:DB_PASSWORD", "secret"))
    file = sample / "rows.yaml"
    file.write_text("sys_params:\n" + "".join(row.format(*each) for each in rows))
    assert orch("apply", str(file)).exit_code == 0
    for words in ([], ["--json"]):
        told = orch("params", JOB, "--biz-dt", "2024-05-15", *words)
        assert told.exit_code == 0
        assert "hunter" not in told.output
        assert "******" in told.output
        assert "env:DB_PASSWORD" in told.output


def test_open_copies_the_newest_row(sample: Path) -> None:
    assert sample.is_dir()
    assert orch("params", JOB, "--biz-dt", "2024-05-16").exit_code == 1
    assert orch("open", "gels", "fpms", "2024-05-16").exit_code == 0
    params = json.loads(orch("params", JOB, "--biz-dt", "2024-05-16", "--json").output)
    assert params["process_control"][0]["business_keys"] == "contract_no"


def test_a_bad_date_and_an_unknown_job_are_one_line(sample: Path) -> None:
    assert sample.is_dir()
    assert orch("open", "gels", "fpms", "2024-02-30").exit_code == 2
    unknown = orch("params", "nope", "--biz-dt", "2024-05-15")
    assert unknown.exit_code == 1
    assert unknown.output.startswith("orch: no job nope")
    assert len(unknown.output.splitlines()) == 1


def test_a_store_that_was_never_set_up_names_the_command(home: Path) -> None:
    assert home.is_dir()
    told = orch("jobs")
    assert told.exit_code == 1
    assert "orch init" in told.output
