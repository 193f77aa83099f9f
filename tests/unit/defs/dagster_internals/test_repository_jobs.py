"""A job of a repository, for a run in this process, also Dagster's job of all assets."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orch_dagster.control.store import ControlStore
from orch_dagster.defs.dagster_internals.asset_jobs import IMPLICIT_ASSET_JOB_NAME
from orch_dagster.defs.dagster_internals.repository_jobs import repository_job
from tests import code_location
from tests.code_location import add_jobs

FRESH_LOCATION = Path(code_location.__file__).with_name("fresh_location.py")


def test_the_implicit_job_has_the_assets_of_all_groups(
    store: ControlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_jobs(store, "FPMS", {"first": []})
    add_jobs(store, "OTHER", {"other": ["first"]})
    shutil.copy(FRESH_LOCATION, tmp_path / "location_of_two_groups.py")
    monkeypatch.syspath_prepend(tmp_path)
    # Dagster takes the first folder off the path, which is that of the command.
    monkeypatch.syspath_prepend(tmp_path / "none")
    job = repository_job("location_of_two_groups", "defs", IMPLICIT_ASSET_JOB_NAME)
    keys = [key.to_user_string() for key in job.get_definition().asset_layer.executable_asset_keys]
    assert sorted(keys) == ["gels/fpms/first", "gels/other/other"]
