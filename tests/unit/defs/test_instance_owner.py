"""An instance that is temporary, or another store's, is said where Dagit shows it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from dagster import DagsterInstance

from orch_dagster.defs.dagster_internals.process_instance import TEMPORARY_PREFIX
from orch_dagster.defs.instance_owner import claim_instance, folder_warning, owner_warning
from orch_dagster.defs.repository import ControlTables
from orch_dagster.defs.translator import job_id_in, op_tags
from orch_dagster.registry.location import load_location
from orch_dagster.settings import Settings
from tests.code_location import Located

HERE, OTHER = "sqlite:////here/control.db", "kudu://k:7051"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    (tmp_path / "dagster").mkdir()
    with DagsterInstance.local_temp(str(tmp_path / "dagster")) as made:
        yield made


class TestOwner:
    def test_the_first_store_owns_an_instance(self, instance: DagsterInstance) -> None:
        assert owner_warning(instance, HERE) is None
        assert owner_warning(instance, HERE) is None
        warning = owner_warning(instance, OTHER)
        assert warning is not None
        assert f"belongs to the control store {HERE}" in warning
        assert f"reads {OTHER}" in warning

        # `orch init`
        claim_instance(instance, OTHER)
        assert owner_warning(instance, OTHER) is None
        assert owner_warning(instance, HERE) is not None

    def test_a_password_in_the_url_makes_no_other_store(self, instance: DagsterInstance) -> None:
        assert owner_warning(instance, "postgresql+psycopg://me:***@db/orch") is None
        assert owner_warning(instance, "postgresql+psycopg://me@db/orch") is None
        assert owner_warning(instance, "postgresql+psycopg://you@db/orch") is not None

    def test_a_home_that_was_copied_with_its_store_and_instance(self, tmp_path: Path) -> None:
        for home in ("one", "two"):
            folder = tmp_path / home / ".orch" / "dagster"
            if home == "one":
                folder.mkdir(parents=True)
            else:
                shutil.copytree(tmp_path / "one", tmp_path / "two")
            with DagsterInstance.local_temp(str(folder)) as instance:
                store = f"sqlite:///{tmp_path / home / '.orch' / 'control.db'}"
                assert owner_warning(instance, store) is None
                assert owner_warning(instance, "sqlite:////elsewhere/control.db") is not None

    def test_a_temporary_one(self, tmp_path: Path) -> None:
        folder = tmp_path / f"{TEMPORARY_PREFIX}x"
        folder.mkdir()
        with DagsterInstance.local_temp(str(folder)) as instance:
            assert "is temporary" in str(owner_warning(instance, HERE))


class TestFolder:
    def test_warnings(self, settings: Settings) -> None:
        def said(folder: str) -> str | None:
            return folder_warning(settings, {"DAGSTER_HOME": folder})

        assert said(str(settings.dagster_home)) is None
        assert said("/var/dagster") is None
        assert "is temporary" in str(said(""))
        assert "is temporary" in str(said(f"/x/{TEMPORARY_PREFIX}y"))
        assert "belongs to another home" in str(said("/other/.orch/dagster"))


def test_a_copy_whose_env_names_the_original(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    (copy / ".orch").mkdir(parents=True)
    monkeypatch.chdir(copy)
    environ = {"DAGSTER_HOME": str(settings.dagster_home)}
    assert folder_warning(settings, environ) is None
    (copy / ".env").write_text(
        f"ORCH_HOME=${{ORCH_HOME:-{settings.home.as_posix()}}}\n", encoding="utf-8"
    )
    warning = str(folder_warning(settings, environ))
    assert f"{copy / '.env'} names another home, {settings.home}" in warning
    assert f"`orch init` in {copy} corrects" in warning


def test_dagit_shows_it_on_jobs_and_assets(
    located: Located, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    located()
    location = replace(load_location(settings), instance_warning="the instance is temporary")
    tables = ControlTables(lambda: location)
    with caplog.at_level(logging.WARNING, "orch_dagster"):
        names = [name for name in tables.get_job_names() if not name.startswith("__")]
    assert caplog.messages == ["the instance is temporary"]
    shown = [tables.get_job(name).description for name in names]
    for asset in tables.get_assets_defs_by_key().values():
        shown += asset.descriptions_by_key.values()
    assert len(shown) > 2
    assert all("**Warning:** the instance is temporary" in str(text) for text in shown)


@pytest.mark.parametrize(
    "reader", ["postgresql+psycopg://me:***@db/o", "postgresql+psycopg://me@db/o"]
)
@pytest.mark.parametrize(
    "writer", ["postgresql+psycopg://me:***@db/o", "postgresql+psycopg://me@db/o"]
)
def test_a_run_is_of_the_store_with_or_without_its_password(
    located: Located, writer: str, reader: str
) -> None:
    spec = next(iter(located().location.registry.jobs.values()))
    assert job_id_in(op_tags(spec, writer), reader) == spec.job_id
    assert job_id_in(op_tags(spec, writer), "postgresql+psycopg://you@db/o") is None
