"""The log key by which a preview shows; test_preview.py plays the daemon and GraphQL's dry runs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timezone

import dagster as dg
import pytest

from orch_dagster.defs.dagster_internals.previews import is_preview, tick_log


@pytest.mark.parametrize(
    ("log_key", "expected"), [(["repository", "schedule", "17"], False), (None, True)]
)
def test_only_a_tick_of_the_daemon_has_a_number(
    log_key: Sequence[str] | None, expected: bool
) -> None:
    at = datetime(2024, 5, 16, tzinfo=timezone.utc)
    schedule = dg.ScheduleEvaluationContext(None, at, log_key, "repository", "schedule")
    sensor = dg.SensorEvaluationContext(
        None, None, None, None, log_key, "repository", sensor_name="sensor"
    )
    for context in (schedule, sensor):
        assert is_preview(context) == expected
        assert (tick_log(context) is logging.getLogger("orch_dagster")) == expected


def test_a_call_of_one_s_own_is_no_preview() -> None:
    assert not is_preview(dg.build_schedule_context())
    assert not is_preview(dg.build_sensor_context())
