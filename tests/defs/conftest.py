"""A code location in this process, on the embedded store."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_MASTER, PROCESS_CONTROL
from orch_dagster.defs.repository import ControlTables
from orch_dagster.location import load_location
from orch_dagster.settings import load_settings

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
