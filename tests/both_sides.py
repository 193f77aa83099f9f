"""What apply and what a run's plan say of the same context_params."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from framework.contract.paths import as_location
from framework.errors import HqlError, ParamsError
from framework.params_loader import parse_params
from framework.plan import plan_landing
from orch_dagster.registry.context_params import (
    ContextParamsError,
    context_warnings,
    parse_context_params,
)

NAME = "etl_lnd_gels_fpms_t_contract"
DAY = date(2024, 5, 15)

_PREFIX = "job_master.context_params."


def faults_of_apply(context: Mapping[str, Any], base: str) -> tuple[str, ...]:
    try:
        parse_context_params(json.dumps(context), NAME, base)
    except ContextParamsError as error:
        return error.faults
    return ()


def warnings_of_apply(context: Mapping[str, Any], base: str) -> tuple[str, ...]:
    """Return what a run refuses on dates with some windows."""
    try:
        context_params = parse_context_params(json.dumps(context), NAME, base)
    except ContextParamsError as error:
        return error.warnings
    return tuple(context_warnings(context_params, NAME, base))


def faults_of_run(
    context: Mapping[str, Any], base: str, window: tuple[str, str] | None
) -> tuple[str, ...]:
    """Return what a run of a date refuses; an HQL file that is missing only it can know."""
    start, end = window or (None, None)
    day = {"biz_dt": DAY.isoformat(), "start_dt": start, "end_dt": end}
    document = {
        "metadata": {
            "job_id": "1",
            "job_name": NAME,
            "run_id": "r",
            "biz_dt": DAY.isoformat(),
            "biz_dts": [DAY.isoformat()],
            "environment": "DEV",
            "version": 1,
        },
        "job_master": {"context_params": context},
        "process_control": [day],
    }
    try:
        plan_landing(parse_params(json.loads(json.dumps(document)), "p"), DAY, as_location(base))
    except ParamsError as error:
        return tuple(text.replace(_PREFIX, "") for text in error.problems)
    except HqlError as error:
        assert "no such file" in str(error)
    return ()
