"""A bundle of one job of A B, as its context_params and sys_params say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from orch_dagster.bundle.bundle import BundleRequest, BundleRows, ParamBundle, assemble
from orch_dagster.control.records import ProcessControl, SysParam
from orch_dagster.registry.context_params import parse_context_params
from orch_dagster.registry.jobs import JobSpec


def job_bundle(context: Mapping[str, Any], sys_params: Iterable[SysParam]) -> ParamBundle:
    text = json.dumps({"entity": "A", "source_system": "B", **context})
    return assemble(
        JobSpec("J1", "job", parse_context_params(text, "job"), "landing.py"),
        BundleRequest(
            run_id="run-1",
            wanted=["2024-05-15"],
            environment="DEV",
            generated_at=datetime(2024, 5, 16, tzinfo=timezone.utc),
        ),
        BundleRows(
            dependencies=[],
            process_control=[ProcessControl("A", "B", "2024-05-15")],
            sys_params=sys_params,
        ),
    )
