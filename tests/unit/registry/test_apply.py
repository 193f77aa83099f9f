"""orch apply: all of the rows or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_MASTER, PROCESS_CONTROL
from orch_dagster.registry.apply import ApplyError, apply_files
from orch_dagster.settings import Settings

GOOD = """
job_master:
  - job_id: J1
    job_name: etl_lnd_acme_crm_t_a
    script_path: landing.py
    context_params:
      sources: [{format: csv, path: "a/{biz_dt}.csv"}]
      sinks: [{format: orc, path: out/a, partition_cols: [biz_dt]}]
job_dependency:
  - {dependent_job_id: J1, dependent_job_name: etl_lnd_acme_crm_t_a, dependency_level: 7}
process_control:
  - {entity: ACME, source_system: CRM, biz_dt: 2024-05-15}
"""


def written(tmp_path: Path, text: str) -> list[Path]:
    file = tmp_path / "rows.yaml"
    file.write_text(text, encoding="utf-8")
    return [file]


def test_inserts_then_leaves_then_changes(
    tmp_path: Path, store: ControlStore, settings: Settings
) -> None:
    first = apply_files(written(tmp_path, GOOD), store, settings)
    assert [(row["inserted"], row["changed"], row["left"]) for row in first.as_rows()] == [
        (1, 0, 0)
    ] * 3
    assert ["dependency_level is 7" in finding.reason for finding in first.warnings] == [True]
    assert store.read(PROCESS_CONTROL)[0]["biz_dt"] == "2024-05-15"

    again = apply_files(written(tmp_path, GOOD), store, settings)
    assert [row["left"] for row in again.as_rows()] == [1, 1, 1]

    changed = apply_files(written(tmp_path, GOOD.replace("out/a", "out/b")), store, settings)
    assert [row["changed"] for row in changed.as_rows()] == [1, 0, 0]


def test_tells_every_problem_and_writes_nothing(
    tmp_path: Path, store: ControlStore, settings: Settings
) -> None:
    bad = GOOD.replace("landing.py", "../escape.py").replace("2024-05-15}", "2024-13-45}")
    with pytest.raises(ApplyError) as caught:
        apply_files(written(tmp_path, bad + "execution_log: []\nnope: []\n"), store, settings)
    told = str(caught.value)
    for word in ("../escape.py", "2024-13-45", "execution_log is not", "nope is not"):
        assert word in told
    assert store.read(JOB_MASTER) == []
    assert store.read(PROCESS_CONTROL) == []
