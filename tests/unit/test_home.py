"""The home of the working folder, and its .env."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orch_dagster import home as homes
from orch_dagster.errors import SettingsError
from orch_dagster.home import find_home, load_env_file, names_another_home
from orch_dagster.settings import REPOSITORY, load_settings

PYPROJECT = '[project]\nname = "x"\n\n[tool.orch]\n'


@pytest.fixture
def project(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that nothing but its pyproject.toml names; the working folder is one below it."""
    monkeypatch.delenv("ORCH_HOME")
    (home / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (home / "hql" / "sub").mkdir(parents=True)
    monkeypatch.chdir(home / "hql" / "sub")
    return home


def unset(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Unset variables, so that they are as they were after the test, whoever sets them in it."""
    for name in names:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


class TestHome:
    def test_a_project_is_found_from_any_folder_below_it(self, project: Path) -> None:
        settings = load_settings()
        assert settings.home == project
        assert settings.hql_dir == project / "hql"

    def test_so_is_a_home_that_init_made(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (home / ".orch").mkdir()
        (home / "data").mkdir()
        monkeypatch.chdir(home / "data")
        assert find_home() == home

    def test_the_nearest_counts(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        inner = project / "hql" / "sub"
        (inner / ".orch").mkdir()
        assert find_home() == inner

    def test_the_variable_is_stronger(
        self, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ORCH_HOME", str(tmp_path))
        assert load_settings().home == tmp_path

    @pytest.mark.parametrize(
        "text", ["[tool.other]\n", "# [tool.orch]\n", "[tool.orchid]\n", "\xe9"]
    )
    def test_another_pyproject_is_no_project(self, project: Path, text: str) -> None:
        (project / "pyproject.toml").write_text(text, encoding="latin-1")
        assert find_home() == REPOSITORY

    def test_without_a_clone_the_error_says_what_to_do(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("ORCH_HOME")
        monkeypatch.setattr(homes, "_CLONE", None)
        monkeypatch.chdir(home)
        with pytest.raises(SettingsError) as caught:
            load_settings()
        assert str(caught.value) == (
            f"{home} is not in a project: make one by `orch new FOLDER` and work there, or set "
            "ORCH_HOME to its folder"
        )


class TestEnvFile:
    def test_a_default_gives_way_and_a_plain_value_does_not(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As Dagster's own commands read it."""
        (project / ".env").write_text(
            "ORCH_ENV=${ORCH_ENV:-TEST}\nORCH_STOP_GRACE_S=2\nORCH_LISTED_JOBS=${ORCH_LISTED_JOBS:-7}",
            encoding="utf-8",
        )
        for name, value in {"ORCH_ENV": "PROD", "ORCH_STOP_GRACE_S": "1"}.items():
            monkeypatch.setenv(name, value)
        unset(monkeypatch, "ORCH_LISTED_JOBS")
        load_env_file()
        settings = load_settings()
        assert (settings.env, settings.stop_grace_s, settings.listed_jobs) == ("PROD", 2, 7)

    def test_a_copied_home_keeps_to_itself(
        self, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        unset(monkeypatch, "DAGSTER_HOME")
        (project / ".env").write_text(
            f"ORCH_HOME={tmp_path}\nDAGSTER_HOME={tmp_path}/.orch/dagster\n", encoding="utf-8"
        )
        load_env_file()
        assert "DAGSTER_HOME" not in os.environ
        assert load_settings().home == project

    def test_an_instance_of_ones_own_choice_is_taken(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        unset(monkeypatch, "DAGSTER_HOME")
        own = project / "dagster home"
        own.mkdir()
        (project / ".env").write_text(f"DAGSTER_HOME={own}\n", encoding="utf-8")
        load_env_file()
        assert os.environ["DAGSTER_HOME"] == str(own)

    def test_a_file_that_is_not_text_is_named(self, project: Path) -> None:
        (project / ".env").write_text("A=1\n", encoding="utf-16")
        with pytest.raises(SettingsError) as caught:
            load_env_file()
        assert str(caught.value).startswith(f"{project / '.env'} can't be read: ")
        assert str(caught.value).endswith("; save it as UTF-8")

    def test_a_file_that_cannot_be_read_is_named_once(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not as Python quotes it, with two backslashes for each on Windows."""
        file = project / ".env"
        file.touch()

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied", r"C:\a\.env")

        monkeypatch.setattr("dotenv.dotenv_values", refuse)
        with pytest.raises(SettingsError) as caught:
            load_env_file()
        assert str(caught.value) == f"{file} can't be read: Permission denied"

    def test_no_home_no_variables(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = dict(os.environ)
        load_env_file()
        assert dict(os.environ) == before


def test_whose_instance_it_is(tmp_path: Path) -> None:
    assert names_another_home("/other/.orch/dagster", tmp_path)
    assert not names_another_home(f"{tmp_path}/.orch/dagster", tmp_path)
    assert not names_another_home("/var/dagster", tmp_path)
    assert not names_another_home("", tmp_path)
