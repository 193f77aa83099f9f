"""orch new, and what it and orch init keep in .env."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orch_dagster.cli.env_file import write_env_file
from orch_dagster.cli.main import main
from orch_dagster.settings import load_settings

NAME = "my project"
KEPT = "ORCH_CONTROL_URL=${ORCH_CONTROL_URL:"
FILES = {
    ".gitignore",
    "README.md",
    "dagster.yaml",
    "data/shop/2024-05-15/order.csv",
    "examples/chain/README.md",
    "examples/chain/registry.yaml",
    "examples/testing/conftest.py",
    "examples/testing/test_chain_jobs.py",
    "hql/etl_lnd_shop_web_t_order.hql",
    "jobs/.gitkeep",
    "pyproject.toml",
    "registry/shop.yaml",
    "tests/conftest.py",
    "tests/test_shop.py",
    "workspace.yaml",
}


def orch(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


@pytest.fixture
def outside(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder that is no home; its user has set no variable."""
    monkeypatch.chdir(home)
    unset(monkeypatch, "ORCH_HOME", "DAGSTER_HOME", "ORCH_CONTROL_URL")
    return home


def unset(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Unset variables, so that they are as they were after the test, whoever sets them in it."""
    for name in names:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.fixture
def project(outside: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    result = orch("new", NAME)
    assert result.exit_code == 0, result.output
    unset(monkeypatch, "ORCH_HOME", "DAGSTER_HOME")
    monkeypatch.chdir(outside / NAME)
    return outside / NAME


class TestNew:
    def test_the_files_of_a_project(self, project: Path) -> None:
        files = [path.relative_to(project) for path in project.rglob("*") if path.is_file()]
        made = {path.as_posix() for path in files if path.parts[0] not in (".env", ".orch")}
        assert made == FILES
        assert 'name = "my-project"' in (project / "pyproject.toml").read_text(encoding="utf-8")
        readme = (project / "README.md").read_text(encoding="utf-8")
        assert readme.startswith("# my-project\n")
        assert len(readme.splitlines()) <= 12

    def test_commands_work_there_and_below(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(project / "hql")
        files = ("../registry/shop.yaml", "../examples/chain/registry.yaml")
        applied = orch("apply", *files)
        assert applied.exit_code == 0, applied.output
        assert "warning" not in applied.output
        jobs = json.loads(orch("jobs", "--json").stdout)
        assert {job["job_id"] for job in jobs} == {"SHOP_1", "JOB_2001", "JOB_2002", "JOB_2003"}
        assert load_settings().home == project

    def test_a_file_that_is_there_is_named_and_nothing_is_written(self, outside: Path) -> None:
        folder = outside / NAME
        (folder / "registry").mkdir(parents=True)
        for name in ("README.md", "registry/shop.yaml", "notes.txt"):
            (folder / name).write_text("mine", encoding="utf-8")
        result = orch("new", NAME)

        assert result.exit_code == 1
        assert result.stderr.startswith(f"orch: {folder} has README.md, registry/shop.yaml, which")
        assert len(list(folder.rglob("*"))) == 4
        assert (folder / "README.md").read_text(encoding="utf-8") == "mine"

    def test_a_folder_may_hold_other_files(self, outside: Path) -> None:
        (outside / NAME).mkdir()
        (outside / NAME / "notes.txt").touch()
        assert orch("new", NAME).exit_code == 0

    def test_a_folder_in_which_no_job_could_run(self, outside: Path) -> None:
        result = orch("new", "a#b")
        assert result.exit_code == 1
        assert "has '#' in its path" in result.stderr
        assert not (outside / "a#b").exists()

    def test_a_home_that_the_environment_names_is_left_alone_and_said(
        self, outside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = tmp_path / "other"
        monkeypatch.setenv("ORCH_HOME", str(other))
        monkeypatch.setenv("DAGSTER_HOME", str(other / ".orch" / "dagster"))
        result = orch("new", NAME)

        assert result.exit_code == 0
        for name in ("ORCH_HOME", "DAGSTER_HOME"):
            assert f"warning: {name} is set to {other}" in result.stderr
        assert not other.exists()
        assert (outside / NAME / ".orch" / "dagster" / "dagster.yaml").is_file()

    def test_in_another_project_it_takes_nothing_of_it(self, project: Path) -> None:
        (project / ".env").write_text("ORCH_CONTROL_URL=sqlite:///mine.db\n", encoding="utf-8")
        assert orch("new", "inner").exit_code == 0
        assert (project / "inner" / ".orch" / "control.db").is_file()
        assert not (project / "mine.db").exists()


class TestKeptInEnv:
    def lines(self, project: Path) -> list[str]:
        return (project / ".env").read_text(encoding="utf-8").splitlines()

    def test_the_stores_url_for_commands_without_the_variable(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ORCH_CONTROL_URL", "sqlite:///own.db")
        assert orch("init").exit_code == 0
        assert f"{KEPT}-sqlite:///own.db}}" in self.lines(project)

        unset(monkeypatch, "ORCH_CONTROL_URL")
        assert orch("jobs").exit_code == 0
        assert os.environ["ORCH_CONTROL_URL"] == "sqlite:///own.db"
        # A later `orch init` with another one replaces the default.
        monkeypatch.setenv("ORCH_CONTROL_URL", "sqlite:///new.db")
        assert f"is now {KEPT}-sqlite:///new.db}}" in orch("init").stdout
        assert sum("CONTROL_URL" in line for line in self.lines(project)) == 1

    def test_a_choice_of_ones_own_stays_behind_the_mark_of_a_windows_editor(
        self, project: Path
    ) -> None:
        (project / ".env").write_text("DAGSTER_HOME=D:/own\r\n", encoding="utf-8-sig", newline="")
        write_env_file(load_settings())
        assert [line for line in self.lines(project) if "DAGSTER_HOME" in line] == [
            "DAGSTER_HOME=D:/own"
        ]

    def test_never_a_password(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        url = "postgresql+psycopg://me:hunter2@db:5432/orch?sslmode=require&sslpassword=hunter3"
        monkeypatch.setenv("ORCH_CONTROL_URL", url)
        write_env_file(load_settings())

        bare = "postgresql+psycopg://me@db:5432/orch?sslmode=require"
        assert self.lines(project)[-1] == f"{KEPT}-{bare}}}"

    def test_kudus_masters_as_they_are(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = "kudu://a:7051,b:7051?driver=jvm"
        monkeypatch.setenv("ORCH_CONTROL_URL", url)
        write_env_file(load_settings())
        assert self.lines(project)[-1] == f"{KEPT}-{url}}}"

    def test_a_moved_project_is_itself_again_after_init(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        moved = project.with_name("moved")
        # Windows moves no folder in which a process is.
        monkeypatch.chdir(project.parent)
        project.rename(moved)
        monkeypatch.chdir(moved)
        result = orch("init")

        assert result.exit_code == 0, result.output
        assert f"is now ORCH_HOME=${{ORCH_HOME:-{moved.as_posix()}}}" in result.stdout
        assert self.lines(moved) == [
            f"DAGSTER_HOME=${{DAGSTER_HOME:-{moved.as_posix()}/.orch/dagster}}",
            f"ORCH_HOME=${{ORCH_HOME:-{moved.as_posix()}}}",
        ]
        assert not project.exists()

    def test_dagster_yaml_is_the_projects(self, project: Path) -> None:
        own = project / "dagster.yaml"
        own.write_text("telemetry: {enabled: false}\n", encoding="utf-8")
        config = project / ".orch" / "dagster" / "dagster.yaml"
        assert f"Dagster reads {config}, which differs from {own}" in orch("init").stdout
        config.unlink()
        orch("init")
        assert config.read_text(encoding="utf-8") == own.read_text(encoding="utf-8")
