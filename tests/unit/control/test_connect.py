"""ORCH_CONTROL_URL to a store, or to one sentence."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import pytest

from orch_dagster.control.connect import open_store
from orch_dagster.control.tables import JOB_MASTER
from orch_dagster.errors import PermanentStoreError, SettingsError


def test_a_relative_file_starts_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store = open_store("sqlite:///.orch/control.db", tmp_path / "home")

    store.ensure_tables()
    store.close()

    assert (tmp_path / "home/.orch/control.db").is_file()
    assert [*(tmp_path / "elsewhere").iterdir()] == []


def test_an_absolute_file_stays(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'here.db'}", tmp_path / "home")
    store.ensure_tables()
    store.close()

    assert (tmp_path / "here.db").is_file()


@pytest.mark.parametrize("name", ["a?b", "a?b=c"])
def test_a_path_that_the_url_would_cut_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=r"has a '\?', which ends the path in a URL"):
        open_store(f"sqlite:///{tmp_path}/{name}/control.db", tmp_path)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["a#b", "a:b", "a@b", "a;b&c=d", "büß '\"", "a[b]"])
def test_a_path_with_other_signs_is_that_file(tmp_path: Path, name: str) -> None:
    store = open_store("sqlite:///.orch/control.db", tmp_path / name)
    store.ensure_tables()
    store.close()
    assert (tmp_path / name / ".orch" / "control.db").is_file()


def test_nothing_is_connected_or_written_before_the_first_call(tmp_path: Path) -> None:
    open_store("sqlite:///.orch/control.db", tmp_path).close()

    assert [*tmp_path.iterdir()] == []


def test_a_read_before_init_says_so_and_writes_nothing(tmp_path: Path) -> None:
    store = open_store("sqlite:///.orch/control.db", tmp_path)

    with pytest.raises(PermanentStoreError, match="orch init"):
        store.read(JOB_MASTER)
    store.close()
    assert [*tmp_path.iterdir()] == []


def test_a_file_that_is_no_database_is_permanent(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("these are notes, not a database\n" * 50)
    store = open_store("sqlite:///notes.db", tmp_path)

    with pytest.raises(PermanentStoreError, match="not a database"):
        store.read(JOB_MASTER)
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "control.db",
        "postgresql//orch:s3cret@host/db",
        "postgresql+psycopg://orch:s3cret@host:port/db",
        "mysql://orch:s3cret@host/db",
        "postgresql+nodriver://orch:s3cret@host/db",
        "sqlite+nodriver:///control.db",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_what_is_no_store_is_refused_without_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ORCH_CONTROL_URL") as caught:
        open_store(url, tmp_path)

    assert "s3cret" not in str(caught.value)


def test_a_driver_that_is_not_installed_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Python's own way of saying that an import must fail.
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(SettingsError, match=r'pip install "orch_dagster\[postgres\]"'):
        open_store("postgresql+psycopg://orch@localhost/orch", tmp_path)


def test_an_address_shows_no_password_of_the_query(tmp_path: Path) -> None:
    url = "postgresql+psycopg://orch:pw1@db/c?sslmode=require&password=pw2&sslpassword=pw3"
    with closing(open_store(url, tmp_path)) as store:
        assert store.address == "postgresql+psycopg://orch:***@db/c?sslmode=require"
