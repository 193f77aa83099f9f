"""A code location in this process, on the embedded store."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import dagster as dg
import pytest

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_DEPENDENCY, JOB_MASTER, PROCESS_CONTROL
from orch_dagster.defs.repository import ControlTables
from orch_dagster.registry.location import load_location
from orch_dagster.settings import load_settings
from tests.played_runs import Played

Located = Callable[[], ControlTables]


@pytest.fixture
def located(store: ControlStore) -> Located:
    """Loads the location of two plain jobs of GELS FPMS, one date open, as it is when asked."""
    context = json.dumps({"entity": "GELS", "source_system": "FPMS"})
    store.upsert(
        JOB_MASTER,
        [
            {
                "job_id": f"J{number}",
                "job_name": f"job_{number}",
                "script_path": "landing.py",
                "context_params": context,
            }
            for number in (1, 2)
        ],
    )
    source = {"entity": "GELS", "source_system": "FPMS"}
    store.upsert(PROCESS_CONTROL, [{**source, "biz_dt": "2024-05-15"}])
    return lambda: ControlTables(lambda: load_location(load_settings()))


def schedule_param(key: str, value: str, key_name: str = "*") -> dict[str, str]:
    """A row of sys_params."""
    return {
        "param_key": f"schedule.{key}",
        "environment": "DEV",
        "key_name": key_name,
        "param_value": value,
        "param_type": "system",
    }


def add_jobs(store: ControlStore, source: str, parents: Mapping[str, Sequence[str]]) -> None:
    """Jobs of GELS and that source system, each after its parents; a job's id is its name."""
    context = json.dumps({"entity": "GELS", "source_system": source})
    row = {"script_path": "landing.py", "context_params": context}
    store.upsert(JOB_MASTER, [{"job_id": name, "job_name": name, **row} for name in parents])
    edges = [(name, parent) for name, its in parents.items() for parent in its]
    store.upsert(
        JOB_DEPENDENCY,
        [
            {"dependent_job_id": name, "dependent_job_name": name, "parent_job_id": parent}
            for name, parent in edges
        ],
    )


def open_date(store: ControlStore, source: str, biz_dt: str, **values: str) -> None:
    """A row of process_control of GELS and that source system."""
    key = {"entity": "GELS", "source_system": source, "biz_dt": biz_dt}
    store.upsert(PROCESS_CONTROL, [{**key, **values}])


def _instance_in(folder: Path) -> dg.DagsterInstance:
    # By default each run has a database of its own, which takes a second to make.
    storage = {
        "module": "dagster._core.storage.event_log",
        "class": "ConsolidatedSqliteEventLogStorage",
        "config": {"base_dir": str(folder)},
    }
    return dg.DagsterInstance.local_temp(str(folder), overrides={"event_log_storage": storage})


@pytest.fixture(scope="session")
def _empty_instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance's files as they are before any run; making them takes a second."""
    folder = tmp_path_factory.mktemp("dagster")
    with _instance_in(folder) as instance:
        instance.get_runs()
        instance.get_ticks("", "")
    return folder


@pytest.fixture
def played(
    store: ControlStore, tmp_path: Path, _empty_instance: Path
) -> Iterator[Callable[[], Played]]:
    """Loads the location of what is in the store then, with an instance of its own."""
    folder = tmp_path / "dagster"
    shutil.copytree(_empty_instance, folder)
    with _instance_in(folder) as instance:
        yield lambda: Played(ControlTables(lambda: load_location(load_settings())), instance, store)
