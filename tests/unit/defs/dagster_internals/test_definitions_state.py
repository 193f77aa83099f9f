"""An instance without the storage for the state of definitions."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance import InstanceRef

from orch_dagster.defs.dagster_internals.definitions_state import leave_out_definitions_state
from tests.unit.defs.dagster_internals.conftest import QUIET

# Before the first test.
AS_IT_IS = vars(InstanceRef)["defs_state_storage"]


@dg.op
def nothing() -> None:
    """Do nothing."""


@dg.job
def job() -> None:
    """Do it."""
    nothing()


def test_an_instance_opens_and_runs_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Set, as a command of an earlier test may have left it out, and is put back at the end.
    monkeypatch.setattr(InstanceRef, "defs_state_storage", AS_IT_IS)
    with dg.DagsterInstance.local_temp(str(tmp_path), QUIET) as instance:
        assert instance.defs_state_storage is not None
    leave_out_definitions_state()
    with dg.DagsterInstance.local_temp(str(tmp_path), QUIET) as instance:
        assert instance.defs_state_storage is None
        assert job.execute_in_process(instance=instance).success
