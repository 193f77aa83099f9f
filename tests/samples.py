"""Params documents for tests."""

from __future__ import annotations

from typing import Any

DATE = "2024-05-15"


def document(*, biz_dts: tuple[str, ...] = (DATE,), **context: Any) -> dict[str, Any]:
    """Return the params of a job with one CSV source and one ORC sink; `context` replaces."""
    return {
        "metadata": {
            "job_id": 7, "job_name": "job", "run_id": "run-1", "biz_dt": biz_dts[0],
            "biz_dts": list(biz_dts), "environment": "DEV",
            "generated_at": "2024-05-15T02:00:00Z", "version": 1,
        },
        "job_master": {
            "job_id": 7, "job_name": "job", "script_path": "job.py", "comments": None,
            "context_params": {
                "entity": "INS", "source_system": "SYS",
                "sources": [
                    {"format": "csv", "path": "in/{biz_dt}.csv", "options": {"header": True}}
                ],
                "sinks": [{"format": "orc", "path": "out/t", "partition_cols": ["biz_dt"]}],
                **context,
            },
        },
        "job_dependency": [],
        "process_control": [
            {
                "entity": "INS", "source_system": "SYS", "biz_dt": biz_dts[0],
                "start_dt": "2024-05-01", "end_dt": "2024-05-14T23:59:59Z", "process_dt": None,
            }
        ],
        "sys_params": [],
    }  # fmt: skip
