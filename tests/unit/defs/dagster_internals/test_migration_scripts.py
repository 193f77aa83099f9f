"""How often the scripts of migrations are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster import DagsterInstance

from orch_dagster.defs.dagster_internals.migration_scripts import read_migrations_once


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The folders whose scripts are read, from a process that has read none."""
    found: list[str] = []
    as_it_was = vars(ScriptDirectory)["from_config"]
    unwrapped = getattr(ScriptDirectory.from_config, "__wrapped__", None)
    if unwrapped is not None:
        ScriptDirectory.from_config = unwrapped
    load = ScriptDirectory._load_revisions

    def noted(scripts: ScriptDirectory) -> object:
        found.append(str(scripts.dir))
        return load(scripts)

    monkeypatch.setattr(ScriptDirectory, "_load_revisions", noted)
    yield found
    ScriptDirectory.from_config = as_it_was


def test_the_databases_of_dagster_are_opened_with_one_reading(
    reads: list[str], tmp_path: Path
) -> None:
    read_migrations_once()
    read_migrations_once()
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        with DagsterInstance.local_temp(str(folder)) as instance:
            for number in range(3):
                instance.report_engine_event("begun", run_id=f"run-{number}", job_name="j")
    assert len(reads) == 1
    # Each new database is marked as one of the newest version, as without the change.
    newest = ScriptDirectory(reads[0]).get_current_head()
    for file in tmp_path.rglob("*.db"):
        with sa.create_engine(f"sqlite:///{file}").connect() as connection:
            marked = connection.execute(sa.text("select version_num from alembic_version"))
            assert marked.scalar() == newest, file


def test_the_scripts_of_others_are_read_each_time(reads: list[str], tmp_path: Path) -> None:
    read_migrations_once()
    (tmp_path / "versions").mkdir()
    config = Config()
    config.set_main_option("script_location", str(tmp_path))
    for _ in range(2):
        assert ScriptDirectory.from_config(config).get_current_head() is None
    assert reads == [str(tmp_path)] * 2
