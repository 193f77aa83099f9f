"""A step as a run asks for it, in plain values: no Dagster run, no context."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg

from orch_dagster.control.group import GroupKey
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_MASTER, PROCESS_CONTROL, SYS_PARAMS, Row
from orch_dagster.defs.step.attempt import Attempt
from orch_dagster.defs.step.begun import LogMetadata, StepRequest
from orch_dagster.execution_log import StepReport
from orch_dagster.registry.context_params import parse_context_params
from orch_dagster.registry.jobs import JobSpec

RUN_ID = "0b5dd4f2-6a3b-4d6e-9c1f-2f1f6f0f7a11"
CREATED = datetime(2024, 5, 16, 1, 2, 3, tzinfo=timezone.utc)
LOG_NAME = "job_2024-05-16_01-02-03_0b5dd4f2.log"
DAY = "2024-05-15"
KEY: Row = {"entity": "GELS", "source_system": "FPMS"}
SOURCE = {"format": "csv", "path": "in/t.csv"}
SINK = {"format": "orc", "path": "out/t", "partition_cols": ["biz_dt"]}


@dataclass
class KeptReports:
    """A StepReporter that keeps what it is given."""

    reports: list[StepReport] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    open_dates: dict[GroupKey, tuple[str, ...]] = field(default_factory=dict)

    def report(self, report: StepReport, message: str) -> None:
        self.reports.append(report)
        self.messages.append(message)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def show_log(self, path: Path) -> LogMetadata:
        return {"log_file": dg.MetadataValue.path(str(path))}

    def add_open_dates(self, group: GroupKey, biz_dts: Collection[str]) -> None:
        self.open_dates[group] = tuple(biz_dts)

    def close(self) -> None:
        """Nothing was reserved."""


def spec(name: str = "job", **context: Any) -> JobSpec:
    """A job of GELS FPMS that lands one sink."""
    text = json.dumps({**KEY, "sources": [SOURCE], "sinks": [SINK], **context})
    return JobSpec(f"J_{name}", name, parse_context_params(text, name), "landing.py")


def request(*biz_dts: str, attempt: int = 1, reports: Sequence[StepReport] = ()) -> StepRequest:
    """What a run asks of that job."""
    return StepRequest(spec(), RUN_ID, CREATED, biz_dts or (DAY,), Attempt(attempt, tuple(reports)))


def fill(store: ControlStore, *biz_dts: str, **system: str) -> None:
    """Put the job into the store, with its open dates and settings of it."""
    store.upsert(JOB_MASTER, [{"job_id": "J_job", "job_name": "job"}])
    store.upsert(PROCESS_CONTROL, [{**KEY, "biz_dt": day} for day in biz_dts or (DAY,)])
    keys = {"environment": "DEV", "key_name": "job", "param_type": "system"}
    store.upsert(
        SYS_PARAMS,
        [
            {**keys, "param_key": key.replace("_", "."), "param_value": value}
            for key, value in system.items()
        ],
    )
