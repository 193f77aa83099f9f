"""sys_params to how often a job is tried again."""

from __future__ import annotations

import pytest

from orch_dagster.bundle.retries import Retries, retries_of
from orch_dagster.control.records import SysParam
from orch_dagster.errors import NotReadyError


def param(key: str, value: str | None, type_: str = "system") -> SysParam:
    return SysParam(key, "DEV", "*", value, type_)


def test_without_rows_nothing_is_tried_again() -> None:
    assert not retries_of([param("retry.max", "3", "spark")]).allow_after(1)


def test_as_often_as_the_row_says() -> None:
    retries = retries_of([param("retry.max", "2"), param("retry.delay", "1.5")])
    assert retries == Retries(2, 1.5)
    assert [retries.allow_after(attempt) for attempt in (1, 2, 3)] == [True, True, False]


def test_every_value_that_cannot_be_used_is_named() -> None:
    with pytest.raises(NotReadyError) as refused:
        retries_of([param("retry.max", "-1"), param("retry.delay", None)])
    said = str(refused.value)
    assert "param_key=retry.max" in said
    assert "'-1' is not a whole number from 0 to 99" in said
    assert "param_key=retry.delay" in said
    assert "'' is not seconds" in said
