"""A real code server of many rows tells its jobs as the load before kept them, or made anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_MASTER
from orch_dagster.defs.job_texts import JobTexts
from orch_dagster.settings import Settings
from tests.code_location import Located

GROUP, LOCATION = "gels_fpms", "orch_dagster"


def op_descriptions(folder: Path) -> set[str | None]:
    """The descriptions of the ops of the group's job, as a new server of the home tells them."""
    target = ModuleTarget("orch_dagster.definitions", None, None, LOCATION)
    with (
        DagsterInstance.local_temp(str(folder)) as instance,
        WorkspaceProcessContext(instance, target) as process,
    ):
        location = process.create_request_context().get_code_location(LOCATION)
        job = location.get_repository(LOCATION).get_full_job(GROUP)
        return {each.description for each in job.job_snapshot.node_defs_snapshot.op_def_snaps}


def test_a_load_says_what_the_load_before_kept_and_what_has_changed(
    located: Located,
    store: ControlStore,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    located()
    monkeypatch.setenv("ORCH_LISTED_JOBS", "1")
    assert op_descriptions(tmp_path) == {"Landing job J1", "Landing job J2"}
    folder = settings.state_dir / "job_texts"
    texts = {
        file.stem: JobTexts(settings.state_dir).get(file.stem) or "" for file in folder.iterdir()
    }
    (of_group,) = (each for each, text in texts.items() if f'"{GROUP}"' in text[:200])
    assert len(texts) == 2
    # Marked, to tell a text that was kept from one that was made.
    JobTexts(settings.state_dir).put(
        of_group, texts[of_group].replace("Landing job J2", "Kept of J2")
    )
    assert op_descriptions(tmp_path) == {"Landing job J1", "Kept of J2"}
    (folder / f"{of_group}.json").write_text("damaged")
    assert op_descriptions(tmp_path) == {"Landing job J1", "Landing job J2"}
    row = store.read(JOB_MASTER, {"job_id": "J1"})[0]
    store.upsert(JOB_MASTER, [{**row, "comments": "changed"}])
    assert op_descriptions(tmp_path) == {"changed", "Landing job J2"}
    assert len([*folder.iterdir()]) == 2
