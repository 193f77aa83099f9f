"""The rows that keep the history of execution_log are rows that `orch apply` takes."""

from __future__ import annotations

from orch_dagster.control.store import ControlStore
from orch_dagster.registry.apply import apply_files
from orch_dagster.registry.location import load_location
from orch_dagster.settings import Settings
from tests.registries import EXAMPLES

FILE = EXAMPLES / "execution_log_history" / "execution_log.yaml"


def test_its_rows_make_a_job_and_open_no_date(store: ControlStore, settings: Settings) -> None:
    assert apply_files([FILE], store, settings).warnings == ()
    registry = load_location(settings).registry
    assert registry.findings == ()
    (spec,) = registry.jobs.values()
    assert list(registry.groups) == ["control_orch"]
    assert (settings.jobs_dir / spec.script_path).is_file()
    assert (settings.hql_dir / str(spec.context.hql)).is_file()
