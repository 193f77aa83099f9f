"""`orch check`: one spark-submit, all findings of all jobs, and the command fails on faults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.homes import BIZ_DT, new_home

CSV = {"format": "csv", "path": "in/{biz_dt}.csv", "schema": "id INT, name STRING"}


@pytest.mark.spark
def test_all_findings_of_a_job_and_of_what_lands_its_source(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    folder = home.folder / "hql"
    folder.mkdir()
    home.environ["ORCH_HQL_DIR"] = str(folder)
    (folder / "parent.hql").write_text("SELECT id,\n  nome\nFROM row1")
    (folder / "child.hql").write_text("SELECT id, name\nFROM row1")
    (folder / "other.hql").write_text("SELEC 1")

    def job(job_id: str, source: dict[str, str]) -> dict[str, object]:
        sink = {"format": "orc", "path": f"out/{job_id}", "partition_cols": ["biz_dt"]}
        context = {"sources": [source], "hql": f"{job_id}.hql", "sinks": [sink]}
        name = f"etl_lnd_ins_sys_{job_id}"
        return {"job_id": job_id, "job_name": name, "script_path": "landing.py",
                "context_params": context}  # fmt: skip

    edge = {"dependent_job_id": "child", "dependent_job_name": "etl_lnd_ins_sys_child"}
    rows = {
        "job_master": [
            job("parent", CSV), job("child", {"format": "orc", "path": "out/parent"}),
            job("other", CSV),
        ],
        "job_dependency": [{**edge, "parent_job_id": "parent"}],
        "process_control": [{"entity": "INS", "source_system": "SYS", "biz_dt": BIZ_DT}],
    }  # fmt: skip
    (home.folder / "rows.yaml").write_text(json.dumps(rows))
    home.here("init")
    home.here("apply", "rows.yaml")

    failed = home.here("check", "--json", check=False)
    assert failed.exit_code == 1
    found = {each["job_name"]: each for each in json.loads(failed.stdout)}
    of_parent = found["etl_lnd_ins_sys_parent"]
    assert (of_parent["file"], of_parent["line"]) == (str(folder / "parent.hql"), 2)
    assert "`nome` cannot be resolved" in of_parent["text"]
    assert found["etl_lnd_ins_sys_other"]["line"] == 1
    # Its columns are not known while its parent has a fault.
    assert found["etl_lnd_ins_sys_child"]["is_note"]

    (folder / "parent.hql").write_text("SELECT id, name FROM row1")
    passed = home.here("check", "etl_lnd_ins_sys_child")
    assert passed.output.splitlines()[-1] == "jobs: 1, faults: 0, notes: 0"
    assert not (home.folder / "out").exists()
    assert [path.name for path in (home.folder / ".orch").glob("check-*")] == []
