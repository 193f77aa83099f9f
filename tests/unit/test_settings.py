"""The environment as one value, or all that is wrong with it."""

from __future__ import annotations

from datetime import date
from pathlib import Path, PureWindowsPath

import pytest
from pydantic import ValidationError

from orch_dagster.errors import SettingsError
from orch_dagster.files import on_given_drive, real_path
from orch_dagster.sample.rows import CONTEXT_PARAMS
from orch_dagster.settings import REPOSITORY, Settings, load_settings
from orch_dagster.shipped import SHIPPED

SAMPLE_HQL = str(CONTEXT_PARAMS["hql"])


def test_nothing_set_is_the_repository(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORCH_HOME")
    settings = load_settings()

    assert settings.home == REPOSITORY
    assert (REPOSITORY / "pyproject.toml").is_file()
    assert settings.control_url == "sqlite:///.orch/control.db"
    assert settings.env == "DEV"
    assert settings.first_biz_dt is None
    assert settings.jobs_dir == REPOSITORY / "jobs"
    assert settings.hql_dir == REPOSITORY / "hql"


def test_runtime_folders_are_under_home(home: Path) -> None:
    settings = load_settings()

    assert settings.base_dir == str(home)
    assert settings.state_dir == home / ".orch"
    assert settings.dagster_home == home / ".orch" / "dagster"
    assert settings.params_dir == home / "params"
    assert settings.logs_dir == home / "logs"


def test_values_are_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCH_FIRST_BIZ_DT", "2023-01-31")
    monkeypatch.setenv("ORCH_SCRIPT_URL_PREFIXES", '["hdfs://jobs/", "s3a://b/"]')
    monkeypatch.setenv("ORCH_MAX_CONCURRENT_JOBS", "7")
    monkeypatch.setenv("ORCH_STOP_GRACE_S", "0.5")
    monkeypatch.setenv("ORCH_UNHEARD_OF", "x")
    settings = load_settings()

    assert settings.first_biz_dt == date(2023, 1, 31)
    assert settings.script_url_prefixes == ("hdfs://jobs/", "s3a://b/")
    assert (settings.max_concurrent_jobs, settings.stop_grace_s) == (7, 0.5)


def test_logs_may_be_kept_for_as_long_as_a_calendar_goes(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCH_LOG_RETENTION_DAYS", "99999")
    assert load_settings().log_retention_days == 99_999


@pytest.mark.parametrize("name", [field.upper() for field in Settings.model_fields])
def test_an_empty_variable_is_one_that_is_not_set(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = load_settings()
    monkeypatch.setenv(f"ORCH_{name}", "")
    if name == "HOME":
        before = before.model_copy(update={"home": REPOSITORY})

    assert load_settings() == before


class TestDataRoot:
    @pytest.mark.parametrize(
        "url", ["hdfs://nn:8020/data", "s3a://bucket/x", "file:///data", "hdfs:/x"]
    )
    def test_a_url_stays(self, home: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        monkeypatch.setenv("ORCH_DATA_ROOT", url)
        assert load_settings().base_dir == url

    def test_a_path_does_not_depend_on_the_working_folder(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("ORCH_DATA_ROOT", "data/x")
        assert load_settings().base_dir == str(home / "data" / "x")
        monkeypatch.setenv("ORCH_DATA_ROOT", str(tmp_path / "abs"))
        assert load_settings().base_dir == str(tmp_path / "abs")


def test_all_problems_at_once_with_their_variables(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = {
        "ORCH_FIRST_BIZ_DT": "soon",
        "ORCH_SCRIPT_URL_PREFIXES": "hdfs://jobs/",
        "ORCH_MAX_CONCURRENT_JOBS": "0",
        "ORCH_TIMEOUT_MINUTES": "-1",
        "ORCH_STOP_GRACE_S": "long",
    }
    for name, value in bad.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as caught:
        load_settings()
    problems = str(caught.value).split("; ")
    assert {problem.partition(":")[0] for problem in problems} == set(bad)
    assert all(f"(got {bad[problem.partition(':')[0]]!r})" in problem for problem in problems)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        # Seconds since 1970 to Pydantic.
        ("ORCH_FIRST_BIZ_DT", "1715731200"),
        ("ORCH_FIRST_BIZ_DT", "20240515"),
        ("ORCH_FIRST_BIZ_DT", "2024-02-30"),
        # Beyond what a calendar and a wait can have.
        ("ORCH_LOG_RETENTION_DAYS", "1000000"),
        ("ORCH_STOP_GRACE_S", "inf"),
        ("ORCH_STOP_GRACE_S", "1e12"),
    ],
)
def test_a_value_that_would_fail_later_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^{name}: "):
        load_settings()


def test_a_value_is_shown_as_it_was_given(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCH_HOME", "not\\absolute")
    with pytest.raises(SettingsError, match=r"\(got 'not\\absolute'\)"):
        load_settings()


def test_settings_are_frozen(settings: Settings) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        settings.env = "PROD"


def test_an_older_name_of_a_setting_still_works_and_the_newer_wins(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCH_SILENCE_S", "90")
    assert load_settings().heartbeat_timeout_s == 90
    monkeypatch.setenv("ORCH_HEARTBEAT_TIMEOUT_S", "120")
    assert load_settings().heartbeat_timeout_s == 120


@pytest.mark.parametrize("name", ["ORCH_SILENCE_S", "ORCH_HEARTBEAT_TIMEOUT_S"])
def test_a_refused_value_is_named_by_the_variable_that_holds_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "60")
    with pytest.raises(SettingsError, match=rf"^{name}: .*greater than 60 \(got '60'\)$"):
        load_settings()


class TestSearchPaths:
    """The project's own folders first, then what ships with the package."""

    def test_without_folders_of_its_own_a_home_has_what_ships(self, settings: Settings) -> None:
        assert settings.jobs_path == settings.module_path == (SHIPPED / "jobs",)
        assert settings.hql_path == (SHIPPED / "hql",)

    @pytest.mark.parametrize("is_named", [False, True])
    def test_folders_of_its_own_lose_nothing_that_ships(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, is_named: bool
    ) -> None:
        jobs, hql = home / "jobs", home / "hql"
        jobs.mkdir()
        hql.mkdir()
        if is_named:
            monkeypatch.setenv("ORCH_JOBS_DIR", "jobs")
            monkeypatch.setenv("ORCH_HQL_DIR", str(hql))
        settings = load_settings()

        assert settings.jobs_path == settings.module_path == (jobs, SHIPPED / "jobs")
        assert settings.script_file("landing.py") == SHIPPED / "jobs" / "landing.py"
        assert settings.hql_file(SAMPLE_HQL) == SHIPPED / "hql" / SAMPLE_HQL
        assert settings.script_file("none.py") is settings.hql_file("none.hql") is None
        (jobs / "landing.py").touch()
        (hql / SAMPLE_HQL).touch()
        assert settings.script_file("landing.py") == jobs / "landing.py"
        assert settings.hql_file(SAMPLE_HQL) == hql / SAMPLE_HQL

    def test_a_framework_of_its_own_is_the_one_that_scripts_import(self, home: Path) -> None:
        (home / "jobs" / "framework").mkdir(parents=True)
        settings = load_settings()

        assert settings.framework_dir == home / "jobs"
        assert settings.module_path == (home / "jobs",)


def test_a_drive_that_stands_for_a_servers_folder_stays() -> None:
    """As Path.resolve makes \\\\server\\share of it, of which Spark reads nothing."""
    given, real = PureWindowsPath(r"Z:\home"), PureWindowsPath(r"\\server\share\home")
    assert on_given_drive(given, real) == given
    link, folder = PureWindowsPath(r"c:\link"), PureWindowsPath(r"C:\folder")
    assert str(on_given_drive(link, folder)) == r"C:\folder"


def test_links_are_followed(home: Path, tmp_path: Path) -> None:
    try:
        (tmp_path / "link").symlink_to(home)
    except OSError:
        pytest.skip("this user may not make links")
    assert real_path(tmp_path / "x" / ".." / "link") == home.resolve()
