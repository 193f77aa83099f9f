"""The variables that a job inherits, and those that it never sees."""

from __future__ import annotations

import pytest

from framework.contract.variables import JOB_VARIABLES
from orch_dagster.bundle.job_environment import (
    job_environment,
    secret_variables,
    with_variables,
)
from orch_dagster.control.records import SysParam
from orch_dagster.errors import SettingsError
from orch_dagster.settings import load_settings

ENVIRON = {
    "PATH": "/bin",
    "LC_ALL": "C",
    "SPARK_LOCAL_DIRS": "/tmp",
    "AWS_SECRET_ACCESS_KEY": "of the team",
    "CRM_MODE": "x",
    "ORCH_ENV": "DEV",
    "ORCH_CONTROL_URL": "postgresql+psycopg://u:hunter2@db/x",
    "DAGSTER_HOME": "/dagster",
    "DAGSTER_PG_PASSWORD": "hunter2",
    "OTHER_PW": "hunter2",
    # Of a job that calls orch.
    **dict.fromkeys(JOB_VARIABLES, "of the calling job"),
    "JOB_SECRETS": "JOB_SECRET_1,spark.ssl.keyPassword,API_TOKEN",
    "JOB_SECRET_1": "hunter2",
    "API_TOKEN": "hunter2",
}
MINE = ["PATH", "LC_ALL", "SPARK_LOCAL_DIRS", "AWS_SECRET_ACCESS_KEY", "CRM_MODE", "ORCH_ENV"]


@pytest.mark.parametrize(
    ("rules", "names"),
    [
        ([], MINE),
        (["-AWS_*"], [name for name in MINE if not name.startswith("AWS_")]),
        (["-AWS_*", "AWS_SECRET_*"], MINE),
        (["-*"], ["PATH", "LC_ALL", "SPARK_LOCAL_DIRS"]),
        (["-*", "CRM_*"], ["PATH", "LC_ALL", "SPARK_LOCAL_DIRS", "CRM_MODE"]),
        # What is withheld from every job has to be named on purpose.
        (["-*", "DAGSTER_HOME"], ["PATH", "LC_ALL", "SPARK_LOCAL_DIRS", "DAGSTER_HOME"]),
        (["ORCH_CONTROL_URL"], [*MINE, "ORCH_CONTROL_URL"]),
        (["-SPARK_LOCAL_DIRS"], [name for name in MINE if name != "SPARK_LOCAL_DIRS"]),
        (["*"], list(ENVIRON)),
    ],
)
def test_what_a_job_inherits(rules: list[str], names: list[str]) -> None:
    assert job_environment(ENVIRON, rules, {"OTHER_PW"}, "linux") == {
        name: ENVIRON[name] for name in names
    }


def test_what_programs_need_is_not_withheld_as_another_jobs_secret() -> None:
    environ = {"PATH": "/bin", "HOME": "/h", "SPARK_PW": "hunter2", "HADOOP_PW": "hunter2"}
    assert job_environment(environ, (), {*environ}, "linux") == {"PATH": "/bin", "HOME": "/h"}
    assert job_environment({"Path": "x"}, (), {"path"}, "win32") == {"Path": "x"}


def test_windows_ignores_the_case_of_names() -> None:
    environ = {"PATH": "x", "SYSTEMROOT": "y", "OTHER_PW": "z", "CRM": "1"}
    kept = job_environment(environ, ["-*", "Crm"], {"Other_Pw"}, "win32")
    assert kept == {"PATH": "x", "SYSTEMROOT": "y", "CRM": "1"}
    assert "OTHER_PW" in job_environment(environ, (), {"Other_Pw"}, "linux")
    assert "OTHER_PW" not in job_environment(environ, (), {"Other_Pw"}, "win32")


def test_only_secret_rows_name_variables() -> None:
    rows = [
        SysParam("A", "DEV", "*", "env:ONE", "secret"),
        SysParam("B", "DEV", "*", "file:env:TWO", "secret"),
        SysParam("C", "DEV", "*", "env:THREE", "system"),
        SysParam("D", "DEV", "*", None, "secret"),
    ]
    assert secret_variables(rows) == {"ONE"}


def test_a_rule_that_is_no_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCH_JOB_ENV", '["-CI_*", "CI BUILD"]')
    with pytest.raises(SettingsError, match=r"ORCH_JOB_ENV: .*'CI BUILD' is not a variable's name"):
        load_settings()
    monkeypatch.setenv("ORCH_JOB_ENV", '["-CI_*", "CI_BUILD"]')
    assert load_settings().job_env == ("-CI_*", "CI_BUILD")


def test_a_variable_replaces_the_one_of_another_spelling_on_windows() -> None:
    """Cmd and Java read the first of two spellings, and Python the last."""
    environ = {"DB_PASSWORD": "of the machine", "A": "1"}
    job = {"db_password": "of the row", "Log_File": "x", "LOG_FILE": "y"}
    expected = {"A": "1", "db_password": "of the row", "LOG_FILE": "y"}
    assert with_variables(environ, job, "win32") == expected
    assert with_variables(environ, job, "linux") == {**environ, **job}
