"""Which folders no job could run in: what Spark, Hadoop or Dagster take for something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from orch_dagster.cli.main import main
from orch_dagster.settings import Settings, load_settings
from orch_dagster.toolchain.folder_check import folder_fault, folder_faults

# Each was landed in by a real `orch run`.
GOOD = ["a b", "a%b", "a%", "a;b", "a&b", "a=b", "a'b", 'a"b', "büß", "a+b", "a$b", "a!b", "a@b",
        "~a", "a|b", "a<b>", "-a", "a`b", "a.", "a "]  # fmt: skip
BAD = ["a#b", "a?b", "a*b", "a[b", "a]b", "a{b", "a}b", "a\\b", "a,b", "a:b", "a%2Fb", "a%20b",
       "a\nb", "a\udcffb"]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_home_that_works(name: str) -> None:
    assert folder_fault(f"/data/{name}/home", "home", "linux") is None


@pytest.mark.parametrize("name", BAD)
def test_a_home_that_does_not(name: str) -> None:
    assert folder_fault(f"/data/{name}/home", "home", "linux") is not None


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        (r"C:\Users\Ada B\orch", None),
        ("C:/data/orch", None),
        (r"\\server\share\orch", "is in a folder of a server"),
        ("//server/share/orch", "is in a folder of a server"),
        ("D:orch", "is relative to the working folder of drive D"),
        (r"C:\a,b", "has ',' in its path"),
        (r"C:\R&D (50%)!", "has '&', '%', '!' in its path"),
        (r"C:\a[1];b", "has '[', ']', ';' in its path"),
        (r"C:\a.\b", "has the name 'a.', whose dot or space at the end Windows drops"),
        (r"C:\a \b", "has the name 'a ', whose dot or space at the end Windows drops"),
        (r"C:\data\NUL.d\b", "has the name 'NUL.d', which means a device on Windows"),
    ],
)
def test_windows(path: str, fault: str | None) -> None:
    found = folder_fault(path, "home", "win32")
    assert found is None if fault is None else (found or "").startswith(fault)


def test_a_data_root_in_the_words_of_git_bash_is_refused(settings: Settings) -> None:
    """As of a .env, where nobody changes it to Windows' own."""
    given = settings.model_copy(update={"data_root": "/c/Users/me"})
    assert "Git Bash" not in "".join(folder_faults(given, "linux"))
    assert (
        "ORCH_DATA_ROOT: '/c/Users/me' is a folder in the words of Git Bash, and for Windows one "
        "named c: write C:/Users/me"
    ) in [*folder_faults(given, "win32")]


def test_scripts_may_be_in_a_folder_of_a_server() -> None:
    assert folder_fault(r"\\server\share\jobs", "jobs", "win32") is None
    assert folder_fault(r"\\server\share\data", "data", "win32") is not None


@pytest.mark.parametrize(
    ("variable", "name"),
    [("ORCH_HOME", "a#b"), ("ORCH_JOBS_DIR", "a#b"), ("ORCH_DATA_ROOT", "a:b")],
)
def test_init_refuses_in_one_sentence_and_creates_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, name: str
) -> None:
    folder = tmp_path / name
    monkeypatch.setenv(variable, str(folder))
    done = CliRunner().invoke(main, ["init", "--sample"])
    assert done.exit_code == 1
    assert done.output == (
        f"orch: {variable}: '{folder}' has {name[1]!r} in its path, which Spark or Dagster "
        f"takes for something else than a name: choose a folder without\n"
    )
    assert [*folder_faults(load_settings())] == [done.output.removeprefix("orch: ").strip()]
    assert not folder.exists()
    assert [*home.iterdir()] == []
    doctor = CliRunner().invoke(main, ["doctor"])
    assert f"missing Folders: {variable}" in doctor.output


def test_a_script_is_found_in_all_but_one() -> None:
    """As spark-submit runs them."""
    bad = [name for name in (*GOOD, *BAD[:-2]) if folder_fault(f"/{name}", "jobs", "linux")]
    assert bad == ["a#b"]


def test_a_data_root_by_url_and_one_that_only_spark_would_list(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for root in ("hdfs://nn:8020/data", "hdfs:/data", "a,b", "a%2Fb", "a#b"):
        monkeypatch.setenv("ORCH_DATA_ROOT", root)
        assert [*folder_faults(load_settings())] == []
    assert home.exists()
