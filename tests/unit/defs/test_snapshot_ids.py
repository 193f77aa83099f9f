"""The ids of snapshots, kept from load to load where many rows make them slow."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from dagster._serdes import create_snapshot_id

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_MASTER
from orch_dagster.defs.dagster_internals.job_content import snapshot_id
from orch_dagster.settings import Settings
from tests.code_location import Located, add_jobs

NAMES = ["gels_fpms", "gels_pas", "gels_rms", "__ASSET_JOB"]


@pytest.fixture
def kept(
    located: Located, store: ControlStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The file of the ids, of three groups that a load has just seen."""
    monkeypatch.setenv("ORCH_LISTED_JOBS", "1")
    add_jobs(store, "PAS", {"pas_1": ["J1"], "pas_2": ["pas_1"], "pas_3": []})
    add_jobs(store, "RMS", {"rms_1": []})
    located().load_all_definitions()
    return settings.state_dir / "snapshot_ids.json"


def made_and_true(located: Located) -> tuple[set[str], bool]:
    """The jobs whose snapshots a load makes, and whether all ids are those of their snapshots."""
    location = located()
    location.load_all_definitions()
    jobs = {job.name: job for job in location.get_all_jobs()}
    assert set(jobs) == set(NAMES)
    made = {name for name, job in jobs.items() if "get_job_snapshot_id" not in vars(job)}
    texts = {name: create_snapshot_id(job.get_job_snapshot()) for name, job in jobs.items()}
    return made, texts == {name: snapshot_id(job) for name, job in jobs.items()}


def test_a_load_without_a_change_makes_one_to_compare_it(located: Located, kept: Path) -> None:
    before = kept.read_bytes()
    assert made_and_true(located) == ({"gels_rms"}, True)
    assert kept.read_bytes() == before


def test_a_changed_row_is_in_the_ids_of_its_group_and_of_all(
    located: Located, store: ControlStore, kept: Path
) -> None:
    row = store.read(JOB_MASTER, {"job_id": "J1"})[0]
    store.upsert(JOB_MASTER, [{**row, "comments": "changed"}])
    assert made_and_true(located) == ({"gels_rms", "gels_fpms", "__ASSET_JOB"}, True)
    assert made_and_true(located) == ({"gels_rms"}, True)
    assert len(json.loads(kept.read_text())) == len(NAMES)


def test_ids_of_another_dagster_are_all_made_anew(located: Located, kept: Path) -> None:
    kept.write_text(json.dumps({content: "old" for content in json.loads(kept.read_text())}))
    assert made_and_true(located) == (set(NAMES), True)
    assert made_and_true(located) == ({"gels_rms"}, True)


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', "\x00", ""])
def test_a_file_that_holds_none_is_written_again(located: Located, kept: Path, text: str) -> None:
    before = kept.read_bytes()
    kept.write_text(text)
    assert made_and_true(located) == (set(NAMES), True)
    assert kept.read_bytes() == before


def test_a_file_that_can_not_be_written_is_told_and_costs_no_load(
    located: Located, kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept.unlink()
    kept.mkdir()
    (kept / "held").touch()
    with caplog.at_level(logging.INFO, "orch_dagster"):
        assert made_and_true(located) == (set(NAMES), True)
    assert "ids of snapshots are not kept" in caplog.text


def test_few_rows_keep_none(located: Located, settings: Settings) -> None:
    located().load_all_definitions()
    assert not (settings.state_dir / "snapshot_ids.json").exists()
