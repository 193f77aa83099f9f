"""Three small jobs whose rows say which run landed them, and what is in their sinks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from orch_dagster.settings import REPOSITORY
from tests import held_landings
from tests.endurance.chaos import struck_job
from tests.endurance.chaos.strikes import CHILD, PARENT, PLAIN, Plan
from tests.homes import Home

SCRIPT = Path(str(struck_job.__file__))
_HQL = "SELECT n, run_id, '${hivevar:biz_dt}' AS biz_dt FROM row1"


def add_jobs(home: Home, plans: list[Plan]) -> None:
    """Set an empty home up with the jobs, and open the dates of the plans."""
    jobs, hql = home.folder / "jobs", home.folder / "hql"
    shutil.copytree(REPOSITORY / "jobs" / "framework", jobs / "framework")
    for file in (SCRIPT, str(held_landings.__file__)):
        shutil.copy(file, jobs)
    hql.mkdir()
    (hql / "land.hql").write_text(_HQL)
    (home.folder / "in").mkdir()
    home.environ |= {"ORCH_JOBS_DIR": str(jobs), "ORCH_HQL_DIR": str(hql)}
    (home.folder / "rows.yaml").write_text(json.dumps(_rows(plans)))
    home.orch("init")
    home.orch("apply", "rows.yaml")


def content(home: Home, job_name: str, biz_dt: str) -> str:
    """Whose rows a date holds: a run id, "" for none, or a text that says what is wrong."""
    found = {_owner(root / f"biz_dt={biz_dt}") for root in _sinks(home, job_name)}
    return " and ".join(sorted(found)) if len(found) > 1 else found.pop()


def litter(home: Home) -> list[str]:
    """What is beside the dates in the sinks' folders."""
    return [
        str(path)
        for job_name in (PLAIN, PARENT, CHILD)
        for root in _sinks(home, job_name)
        if root.exists()
        for path in root.iterdir()
        if not path.name.startswith("biz_dt=")
    ]


def _sinks(home: Home, job_name: str) -> list[Path]:
    return [home.folder / path for path in _sink_paths(job_name)]


def _owner(folder: Path) -> str:
    if not folder.exists():
        return ""
    texts = [file.read_text(encoding="utf-8") for file in folder.glob("*.json")]
    lines = [json.loads(line) for text in texts for line in text.splitlines()]
    owners = {line["run_id"] for line in lines}
    numbers = sorted(line["n"] for line in lines)
    if len(owners) != 1 or numbers != [str(number) for number in range(struck_job.ROWS)]:
        return f"{len(lines)} rows of {sorted(owners)}"
    return owners.pop()


def _sink_paths(job_name: str) -> list[str]:
    # Two sinks of one job are swapped together.
    return [f"out/{job_name}/{name}" for name in (("a", "b") if job_name == PLAIN else ("a",))]


def _rows(plans: list[Plan]) -> dict[str, list[dict[str, Any]]]:
    def job(job_id: str, job_name: str, source: dict[str, Any]) -> dict[str, Any]:
        sinks = [
            {"format": "json", "path": path, "partition_cols": ["biz_dt"]}
            for path in _sink_paths(job_name)
        ]
        context = {"sources": [source], "hql": "land.hql", "sinks": sinks}
        return {
            "job_id": job_id, "job_name": job_name, "script_path": SCRIPT.name,
            "context_params": context,
        }  # fmt: skip

    def extract(job_name: str) -> dict[str, Any]:
        path = f"in/{job_name}_{{biz_dt}}.csv"
        return {"format": "csv", "path": path, "options": {"header": "true"}}

    landed = {"format": "json", "path": f"{_sink_paths(PARENT)[0]}/biz_dt={{biz_dt}}"}
    properties = {"spark.master": "local[1]", "spark.ui.enabled": "false"}
    keys = {"environment": "DEV", "key_name": "*", "param_type": "spark"}
    return {
        "job_master": [
            job("J1", PLAIN, extract(PLAIN)), job("J2", PARENT, extract(PARENT)),
            job("J3", CHILD, landed),
        ],
        "job_dependency": [
            {
                "dependent_job_id": "J3", "dependent_job_name": CHILD, "parent_job_id": "J2",
                "parent_job_name": PARENT, "dependency_level": 1,
            }
        ],
        "process_control": [
            {"entity": "INS", "source_system": source, "biz_dt": biz_dt}
            for source, biz_dt in sorted({(_source(plan.target), plan.biz_dt) for plan in plans})
        ],
        "sys_params": [
            {**keys, "param_key": name, "param_value": value} for name, value in properties.items()
        ],
    }  # fmt: skip


def _source(target: str) -> str:
    return "PLAIN" if target == PLAIN else "CHAIN"
