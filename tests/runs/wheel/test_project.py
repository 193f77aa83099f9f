"""A project made by the wheel alone: its demo, its own job, and Dagster's commands in it."""

from __future__ import annotations

import json
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from orch_dagster.settings import REPOSITORY
from orch_dagster.shipped import SHIPPED
from tests.homes import Home
from tests.waiting import wait_until
from tests.wheel_project import built_wheel, installed, project_in

JOB = "etl_lnd_gels_fpms_t_contract_master"
PARTITION = "2024-05-15"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def project(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("user")
    return project_in(folder / "my landing", installed(wheel, folder / "env"))


def test_the_wheel_holds_what_a_clone_has_beside_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    folder = "orch_dagster/shipped_files"
    for pattern in ("jobs/**/*.py", "hql/*.hql", "examples/chain/*", "examples/testing/*.py"):
        files = [path.relative_to(SHIPPED).as_posix() for path in SHIPPED.glob(pattern)]
        assert files
        assert {f"{folder}/{file}" for file in files} <= names
    for file in ("dagster.yaml", "workspace.yaml", "docs/kudu/compose.yaml"):
        assert f"{folder}/{file}" in names
    assert "framework/contract/__init__.py" in names
    templates = (REPOSITORY / "orch_dagster" / "project" / "files").rglob("*.tmpl")
    assert {path.relative_to(REPOSITORY).as_posix() for path in templates} <= names
    assert not [name for name in names if name.startswith(("tests/", "bench/", "tools/"))]


def test_what_the_wheel_asks_for_is_what_it_runs_with_here(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
        lines = archive.read(name).decode().splitlines()
    asked = [Requirement(line.partition(": ")[2]) for line in lines if "Requires-Dist: " in line]
    needed = [each for each in asked if each.marker is None]
    assert {"dagster", "dagster-dg-cli", "pyspark", "python-dotenv"} <= {e.name for e in needed}
    for each in needed:
        assert each.specifier.contains(metadata.version(each.name)), each


@pytest.mark.spark
def test_the_demo(project: Home) -> None:
    shown = project.orch("demo").stdout
    assert "Completed" in shown
    assert str(REPOSITORY) not in shown
    assert [row["status"] for row in project.json("log")] == ["Completed"]
    # What was built beside it.
    said = project.folder / "logs" / "accelerate.log"
    assert str(said) in " ".join(shown.split())
    wait_until(lambda: "built in " in said.read_text(encoding="utf-8"), "the archive", 600)
    assert [path.stat().st_mode & 0o077 for path in (said, said.parent)] == [0, 0]
    assert "Beside it" not in project.orch("init", "--accelerate").stdout


@pytest.mark.spark
def test_the_job_that_a_project_starts_with_and_its_test(project: Home) -> None:
    project.orch("apply", "registry/shop.yaml")
    project.orch("run", "etl_lnd_shop_web_t_order", "--biz-dt", PARTITION)
    assert "1 passed" in project.line("pytest -q").stdout


@pytest.mark.spark
def test_commands_of_dg_without_an_option(project: Home) -> None:
    project.orch("init", "--sample")
    assert "All definitions loaded successfully" in project.line("dg check defs").stdout
    listed = json.loads(project.line("dg list defs --json").stdout)
    assert f"gels/fpms/{JOB}" in [asset["asset_key"] for asset in listed["assets"]]
    before = len(project.json("log"))
    project.line(f"dg launch --job {JOB} --partition {PARTITION}")
    rows = project.json("log")
    assert len(rows) == before + 1
    assert rows[0]["status"] == "Completed"


def test_outside_of_a_project_the_error_says_what_to_do(project: Home) -> None:
    outside = Home(project.folder.parent, project.environ)
    done = outside.orch("jobs", check=False)
    assert done.returncode == 1
    assert "is not in a project: make one by `orch new FOLDER`" in done.stderr
