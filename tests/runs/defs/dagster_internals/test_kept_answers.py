"""A real code server of many rows answers as the load before kept it, or with what is made anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_MASTER
from orch_dagster.defs.snapshot_texts import SnapshotTexts
from orch_dagster.settings import Settings
from tests.code_location import Located

GROUP, LOCATION = "gels_fpms", "orch_dagster"


def told(folder: Path) -> tuple[set[str | None], set[str | None]]:
    """Return the descriptions of assets, and of the ops of the group's job, of a new server."""
    target = ModuleTarget("orch_dagster.definitions", None, None, LOCATION)
    with (
        DagsterInstance.local_temp(str(folder)) as instance,
        WorkspaceProcessContext(instance, target) as process,
    ):
        location = process.create_request_context().get_code_location(LOCATION)
        repository = location.get_repository(LOCATION)
        ops = repository.get_full_job(GROUP).job_snapshot.node_defs_snapshot.op_def_snaps
        assets = repository.get_asset_node_snaps()
        return {each.description for each in assets}, {each.description for each in ops}


def test_a_load_says_what_the_load_before_kept_and_what_has_changed(
    located: Located,
    store: ControlStore,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    located()
    monkeypatch.setenv("ORCH_LISTED_JOBS", "1")
    own = {"Landing job J1", "Landing job J2"}
    assert told(tmp_path) == (own, own)
    folder = settings.state_dir / "snapshot_texts"
    kept = SnapshotTexts(settings.state_dir)
    texts = {file.stem: kept.get(file.stem) or "" for file in folder.iterdir()}
    assert len(texts) == 3
    (of_group,) = (each for each, text in texts.items() if f'"{GROUP}"' in text[:200])
    (of_all,) = (each for each, text in texts.items() if "ExternalRepositoryData" in text[:200])
    # Marked, to tell a text that was kept from one that was made.
    for each, name in ((of_all, "Kept of J1"), (of_group, "Kept of J2")):
        kept.put(each, texts[each].replace(f"Landing job {name[-2:]}", name))
    assert told(tmp_path) == (
        {"Kept of J1", "Landing job J2"},
        {"Landing job J1", "Kept of J2"},
    )
    for file in folder.iterdir():
        file.write_text("damaged")
    assert told(tmp_path) == (own, own)
    row = store.read(JOB_MASTER, {"job_id": "J1"})[0]
    store.upsert(JOB_MASTER, [{**row, "comments": "changed"}])
    assert told(tmp_path) == ({"changed", "Landing job J2"}, {"changed", "Landing job J2"})
    assert len([*folder.iterdir()]) == 3
