"""Another try for what may pass, none for what will not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orch_dagster.control.store import RETRY_WAITS_S, with_retries
from orch_dagster.errors import PermanentStoreError, RowError, TransientStoreError

NO_WAITS = (0, 0, 0)


def failing(times: int, error: Exception) -> tuple[Callable[[], str], list[int]]:
    """A call that fails so many times and then answers, and the tries it saw."""
    tries: list[int] = []

    def call() -> str:
        tries.append(len(tries) + 1)
        if len(tries) <= times:
            raise error
        return "answer"

    return call, tries


def transient(text: str = "reset") -> TransientStoreError:
    return TransientStoreError(text, store="s", table="t")


def test_the_waits_are_those_of_the_design() -> None:
    assert RETRY_WAITS_S == (1, 2, 4)


@pytest.mark.parametrize("failures", [0, 1, 2, 3])
def test_an_answer_within_four_tries(failures: int) -> None:
    call, tries = failing(failures, transient())
    warnings: list[str] = []

    assert with_retries(call, warn=warnings.append, waits_s=NO_WAITS) == "answer"
    assert len(tries) == failures + 1
    assert len(warnings) == failures


def test_the_last_error_comes_out_as_it_was() -> None:
    error = transient()
    call, tries = failing(99, error)
    warnings: list[str] = []

    with pytest.raises(TransientStoreError) as caught:
        with_retries(call, warn=warnings.append, waits_s=NO_WAITS)
    assert caught.value is error
    assert len(tries) == 4
    assert len(warnings) == 3


@pytest.mark.parametrize(
    "error", [PermanentStoreError("no table", store="s"), RowError(["bad"]), KeyError("x")]
)
def test_everything_else_is_tried_once(error: Exception) -> None:
    call, tries = failing(99, error)
    warnings: list[str] = []

    with pytest.raises(type(error)):
        with_retries(call, warn=warnings.append, waits_s=NO_WAITS)
    assert (len(tries), warnings) == (1, [])


def test_a_permanent_error_ends_the_tries() -> None:
    errors: list[Exception] = [transient(), PermanentStoreError("no table", store="s")]

    def call() -> None:
        raise errors.pop(0)

    with pytest.raises(PermanentStoreError):
        with_retries(call, warn=lambda _: None, waits_s=NO_WAITS)
    assert errors == []


def test_a_warning_says_what_failed_and_the_wait() -> None:
    call, _ = failing(2, transient("connection reset"))
    warnings: list[str] = []

    with_retries(call, warn=warnings.append, waits_s=(0, 0.01))
    assert warnings == [
        "control store s, table t: connection reset; trying again in 0 s",
        "control store s, table t: connection reset; trying again in 0.01 s",
    ]


def test_no_waits_are_one_try() -> None:
    tries: list[int] = []

    def call() -> None:
        tries.append(1)
        raise TransientStoreError("away", store="here")

    with pytest.raises(TransientStoreError):
        with_retries(call, warn=print, waits_s=())
    assert with_retries(lambda: 7, warn=print, waits_s=()) == 7
    assert len(tries) == 1
