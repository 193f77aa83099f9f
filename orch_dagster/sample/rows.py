"""The control rows of the sample job JOB_1001, by table name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from orch_dagster.control.tables import (
    JOB_DEPENDENCY,
    JOB_MASTER,
    PROCESS_CONTROL,
    Row,
)
from orch_dagster.sample.contracts import CONTRACT_PATH, HOLDER_PATH

JOB_ID = "JOB_1001"
JOB_NAME = "etl_lnd_gels_fpms_t_contract_master"
ENTITY = "GELS"
SOURCE_SYSTEM = "FPMS"
BIZ_DT = date(2024, 5, 15)

# RFC 4180 in Spark's options: a quote inside quotes is doubled (escape), and a cell may hold line
# breaks (multiLine). With FAILFAST a row with too many or too few cells fails the job instead of
# landing as nulls.
CSV_OPTIONS: Mapping[str, str | bool] = {
    "header": True,
    "multiLine": True,
    "quote": '"',
    "escape": '"',
    "encoding": "UTF-8",
    "mode": "FAILFAST",
}

CONTEXT_PARAMS: Mapping[str, Any] = {
    "entity": ENTITY,
    "source_system": SOURCE_SYSTEM,
    "sources": [
        {"format": "csv", "path": CONTRACT_PATH, "options": CSV_OPTIONS},
        {"format": "csv", "path": HOLDER_PATH, "options": CSV_OPTIONS},
    ],
    "hql": f"{JOB_NAME}.hql",
    "sinks": [
        {
            "format": "orc",
            "path": "out/fdm_landing/gels_fpms_t_contract_master",
            "partition_cols": ["biz_dt"],
        }
    ],
}

COMPARE_COLS = (
    "product_code",
    "status_code",
    "premium_amt",
    "outstanding_amt",
    "expiry_date",
    "holder_id",
    "holder_address",
)


def sample_rows() -> dict[str, list[Row]]:
    """Return the rows of `orch init --sample`: one job, one open date, no parent.

    Returns:
        Rows by table name, in the order to write them in.
    """
    return {
        JOB_MASTER.name: [_job()],
        PROCESS_CONTROL.name: [_open_date(BIZ_DT)],
        JOB_DEPENDENCY.name: [_root()],
    }


def _job() -> Row:
    return {
        "job_id": JOB_ID,
        "job_name": JOB_NAME,
        "context_params": json.dumps(CONTEXT_PARAMS, indent=2),
        "script_path": f"{JOB_NAME}.py",
        "comments": "Insurance contracts of FPMS with their holders, the newest row of each",
    }


def _open_date(biz_dt: date) -> Row:
    return {
        "entity": ENTITY,
        "source_system": SOURCE_SYSTEM,
        "biz_dt": biz_dt.isoformat(),
        "start_dt": biz_dt.isoformat(),
        "end_dt": biz_dt.isoformat(),
        "process_dt": None,
        "reprocess_dt": None,
        "business_keys": "contract_no",
        "compare_cols": ",".join(COMPARE_COLS),
        "run_id": None,
        "last_update_ts": None,
    }


def _root() -> Row:
    return {
        "dependent_job_id": JOB_ID,
        "dependent_job_name": JOB_NAME,
        "parent_job_id": "",
        "parent_job_name": "",
        "dependency_level": 0,
    }
