"""The sys_params that apply to a job."""

from __future__ import annotations

import random
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from orch_dagster.control.key_names import ParamsByKeyName, winning_params
from orch_dagster.control.records import SysParam
from tests.growth import assert_linear

KEY_NAMES = ("the_job", "gels_fpms", "*")


def param(key: str, key_name: str, value: str = "1", param_type: str = "spark") -> SysParam:
    return SysParam(key, "DEV", key_name, value, param_type)


def test_the_narrower_wins() -> None:
    rows = [
        param("a", "*"),
        param("a", "gels_fpms"),
        param("a", "the_job"),
        param("b", "*"),
        param("b", "gels_fpms"),
        param("c", "*"),
    ]
    winners = {row.param_key: row.key_name for row in winning_params(KEY_NAMES, rows)}
    assert winners == {"a": "the_job", "b": "gels_fpms", "c": "*"}


def test_those_of_others_do_not_hold() -> None:
    others = ["other_job", "gels_other", "GELS_FPMS", "gels", "", "**"]
    assert winning_params(KEY_NAMES, [param("a", name) for name in others]) == []


def test_a_narrower_row_of_another_type_wins_too() -> None:
    rows = ParamsByKeyName([param("a", "*"), param("a", "the_job", param_type="system")])
    assert rows.winning_of_type(KEY_NAMES, "spark") == {}
    assert rows.winning_of_type(("*",), "spark") == {"a": "1"}


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from([*KEY_NAMES, "x"])),
        unique=True,
    ),
    st.randoms(),
)
def test_the_order_of_the_rows_makes_no_difference(
    keys: list[tuple[str, str]], dice: random.Random
) -> None:
    rows = [param(*key) for key in keys]
    first = winning_params(KEY_NAMES, rows)
    dice.shuffle(rows)

    assert winning_params(KEY_NAMES, rows) == first
    assert [row.param_key for row in first] == sorted({k for k, name in keys if name != "x"})


def test_thousands_of_jobs_with_rows_of_their_own_take_as_long_for_each() -> None:
    def winners_of_all(count: int) -> Callable[[], object]:
        names = [f"job_{number}" for number in range(count)]
        rows = [param("schedule.cron", name) for name in names]

        def work() -> object:
            by_key_name = ParamsByKeyName(rows)
            return [by_key_name.winning((name, "g", "*")) for name in names]

        return work

    assert_linear(winners_of_all, 4000)
