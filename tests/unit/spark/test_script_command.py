"""The command of a script that is no landing job: what is looked up, added and refused."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orch_dagster.bundle.secrets import Secrets
from orch_dagster.settings import REPOSITORY, Settings, load_settings
from orch_dagster.shipped import SHIPPED
from orch_dagster.spark.command import SubmitCommand
from orch_dagster.spark.submit import (
    ScriptSubmit,
    prepare_script,
    refuse_variables,
    script_folder,
    with_windows_tools,
)
from orch_dagster.text import Masker
from orch_dagster.toolchain.errors import HadoopHomeError, SubmitRefusedError
from tests.arguments import arguments

URL = "s3://code/count.py"


@pytest.fixture
def submit(tmp_path: Path) -> ScriptSubmit:
    return ScriptSubmit(
        script=URL, app_name="numbers", run_id="run-1", properties_file=tmp_path / "p.properties"
    )


def prepared(submit: ScriptSubmit, settings: Settings, **changes: Any) -> tuple[list[str], Any]:
    command = prepare_script(
        replace(submit, **changes), settings, {"DAGSTER_PIPES_CONTEXT": "c"}, os.environ
    )
    return arguments(command), command


def option(argv: list[str], name: str) -> str:
    return argv[argv.index(name) + 1]


def test_a_script_alone(submit: ScriptSubmit, settings: Settings) -> None:
    argv, command = prepared(submit, settings)
    assert argv[-1] == URL
    assert "spark.app.name=numbers" in argv
    assert command.env["PYTHONPATH"] == str(settings.jobs_dir)
    assert command.env["DAGSTER_PIPES_CONTEXT"] == "c"
    assert command.env["JOB_BASE_DIR"] == settings.base_dir
    # There are none: no run's parameters, and its output is the step's log.
    assert not {"JOB_PARAMS_FILE", "LOG_FILE", "JOB_SECRETS"} & set(command.env)
    # On Windows each run has a file of properties.
    has_file = sys.platform == "win32"
    assert (bool(command.properties), submit.properties_file.exists()) == (has_file, has_file)


def test_arguments_come_after_the_script(submit: ScriptSubmit, settings: Settings) -> None:
    argv, _ = prepared(submit, settings, arguments=("--year", "2024", "--conf", "a b"))
    assert argv[-5:] == [URL, "--year", "2024", "--conf", "a b"]


def test_its_own_files_travel_after_ours(submit: ScriptSubmit, settings: Settings) -> None:
    argv, _ = prepared(
        submit, settings, py_files=("/p/lib.zip",), files=("/p/a.csv",), jars=("/p/b.jar",)
    )
    names = [Path(entry).name for entry in option(argv, "--py-files").split(",")]
    assert [name.split("-")[0] for name in names] == ["framework", "dagster_pipes", "lib.zip"]
    assert (option(argv, "--files"), option(argv, "--jars")) == ("/p/a.csv", "/p/b.jar")


def test_a_driver_on_the_cluster_gets_what_it_would_read_here(
    submit: ScriptSubmit, settings: Settings
) -> None:
    cluster = {"spark.master": "yarn", "spark.submit.deployMode": "cluster"}
    argv, _ = prepared(submit, settings, properties=cluster, py_files=("/p/lib.zip",))
    names = [Path(entry).name for entry in option(argv, "--py-files").split(",")]
    kinds = [name.split("-")[0] for name in names]
    assert kinds == ["framework", "dagster_pipes", "lib.zip", "jobs"]
    assert re.search(r"/hql-\w+\.zip#orch_hql$", option(argv, "--archives"))
    assert "spark.yarn.appMasterEnv.JOB_SQL_DIR=orch_hql" in argv


@pytest.mark.parametrize("staging", ["", "hdfs://nn/staging"])
def test_a_driver_on_the_cluster_alone_reports_by_a_folder(
    submit: ScriptSubmit, staging: str, tmp_path: Path
) -> None:
    environ = {**os.environ, "HADOOP_CONF_DIR": str(tmp_path)}
    cluster = {"spark.master": "yarn", "spark.submit.deployMode": "cluster"}
    if staging:
        cluster["spark.yarn.stagingDir"] = staging
    of_cluster = replace(submit, properties=cluster)
    folders = [script_folder(of_cluster, environ) for _ in range(2)]
    paths = {folder.path for folder in folders if folder}
    # Each attempt has its own.
    assert len(paths) == 2
    start = f"{staging}/" if staging else ""
    assert all(path.startswith(f"{start}.orchMessages-run-1-numbers-") for path in paths)
    for properties in ({}, {"spark.master": "yarn"}, {"spark.master": "spark://h:7077"}):
        assert script_folder(replace(submit, properties=properties), environ) is None


def test_secrets_are_in_a_file_and_in_variables_alone(
    submit: ScriptSubmit, settings: Settings
) -> None:
    secrets = Secrets(
        properties={"spark.my.key": "hunter2-a"},
        variables={"TOKEN": "hunter2-b"},
        mask=Masker(["hunter2-a", "hunter2-b"]),
    )
    argv, command = prepared(
        submit, settings, secrets=secrets, variables={"MODE": "x"}, properties={"spark.a": "1"}
    )
    assert "hunter2" not in " ".join(command.argv)
    assert "spark.a=1" in argv
    assert command.env["TOKEN"] == "hunter2-b"
    assert command.env["MODE"] == "x"
    assert command.env["JOB_SECRETS"] == "TOKEN,spark.my.key"
    assert "hunter2-a" in submit.properties_file.read_text(encoding="utf-8")
    assert option(argv, "--properties-file") == str(submit.properties_file)


@pytest.mark.parametrize("name", ["JOB_PARAMS_FILE", "PYTHONPATH", "ORCH_HOME", "spark_home"])
def test_variables_that_are_ours_are_refused(
    submit: ScriptSubmit, settings: Settings, name: str
) -> None:
    with pytest.raises(SubmitRefusedError, match=f"set for every job: {name}"):
        prepared(submit, settings, variables={name: "x"})


def test_a_script_is_looked_for_in_the_jobs_folder(
    submit: ScriptSubmit, settings: Settings, tmp_path: Path
) -> None:
    argv, _ = prepared(submit, settings, script="landing.py")
    assert argv[-1] == str(settings.jobs_dir / "landing.py")
    own = tmp_path / "own.py"
    own.touch()
    argv, _ = prepared(submit, settings, script=str(own))
    assert argv[-1] == str(own)
    with pytest.raises(SubmitRefusedError, match=r"script of numbers is missing: .*none\.py"):
        prepared(submit, settings, script="none.py")


def test_a_home_with_folders_of_its_own_still_has_what_ships(
    submit: ScriptSubmit, home: Path
) -> None:
    for name in ("jobs", "hql"):
        (home / name).mkdir()
    argv, command = prepared(submit, load_settings(), script="landing.py")

    assert argv[-1] == str(SHIPPED / "jobs" / "landing.py")
    module_path = os.pathsep.join(map(str, (home / "jobs", SHIPPED / "jobs")))
    assert command.env["PYTHONPATH"] == module_path
    assert f"spark.executorEnv.PYTHONPATH={module_path}" in argv
    assert command.env["JOB_SQL_DIR"] == str(home / "hql")
    assert command.env["JOB_MORE_SQL_DIRS"] == str(SHIPPED / "hql")


def test_in_cluster_mode_variables_go_to_the_driver(
    submit: ScriptSubmit, settings: Settings
) -> None:
    cluster = {"spark.master": "yarn", "spark.submit.deployMode": "cluster"}
    argv, command = prepared(submit, settings, properties=cluster, variables={"MODE": "x"})
    assert "spark.yarn.appMasterEnv.MODE=x" in argv
    assert "MODE" not in command.env
    assert not [word for word in argv if "JOB_PARAMS_FILE" in word]


def test_each_submit_gets_hadoops_tools_for_windows() -> None:
    """As each command is built in one place, which looks for them."""
    package = REPOSITORY / "orch_dagster"
    builders = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "build_command(" in path.read_text(encoding="utf-8")
    }
    assert builders == {"spark/command.py", "spark/submit.py"}


def test_hadoops_tools_for_windows_are_on_the_path_of_a_job(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "winutils.exe").touch()
    environ = {"HADOOP_HOME": str(tmp_path), "PATH": "C:\\own"}
    command = SubmitCommand((), {"A": "1"}, {}, "")
    found = with_windows_tools(command, environ, "win32", needs_library=False)
    assert found.env == {"A": "1", "PATH": f"{tmp_path / 'bin'};C:\\own"}
    assert with_windows_tools(command, environ, "linux", needs_library=True) is command
    with pytest.raises(HadoopHomeError, match=r"hadoop\.dll is missing"):
        with_windows_tools(command, environ, "win32", needs_library=True)


@pytest.mark.parametrize(
    ("name", "value", "special"),
    [
        ("SPARK_CONF_DIR", "C:\\wow!", "!"),
        ("HADOOP_CONF_DIR", '"C:\\a b"', '"'),
        ("YARN_CONF_DIR", "C:\\%USERNAME%", "%USERNAME%"),
        ("SPARK_DIST_CLASSPATH", "C:\\a;C:\\b!\\*", "!"),
        ("SPARK_SUBMIT_OPTS", "-Da=b -Dc&d", "&"),
    ],
)
def test_a_variable_that_cmd_would_read_in_the_command_is_refused(
    name: str, value: str, special: str
) -> None:
    with pytest.raises(SubmitRefusedError, match=rf"^{name}: .* holds '{re.escape(special)}'"):
        refuse_variables({name: value}, "win32")
    refuse_variables({name: value}, "linux")
    refuse_variables(
        {name: "C:\\R&D (50%)\\conf" if name != "SPARK_SUBMIT_OPTS" else "-Da"}, "win32"
    )
