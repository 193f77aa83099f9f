"""Texts of any length, of a job or of Spark, are read in time that grows with their length."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from framework import failures, hql_text
from framework.contract.causes import deepest_first, without_frames
from orch_dagster.control.tables import JOB_MASTER, Row
from orch_dagster.registry.change_text import ValueChange, value_changes
from orch_dagster.registry.changes import RowChange
from orch_dagster.spark.failure_text import exception_line, last_failure
from orch_dagster.spark.transient import transient_cause
from tests.growth import assert_linear, seconds

# Each is the beginning of something that a pattern looks for, repeated without its end.
PIECES = [
    "a", ".", "a.", "A", "(", "~", " ", "\n", "\n ", "x ", "1",
    "\nCaused by: a", "SparkException: ", "a.SparkException: ", "a.PythonException: ",
    "Traceback (most recent call last):\n", "\n  Traceback (most recent call last):",
    "An error occurred while calling ", "Lost task 1 in stage 1 (TID 1) (",
    'Exception in thread "', "\n    at a", '\n  File "a',
    "Uncaught exception in thread Thread[", "24/01/01 00:00:00 ERROR a",
    "File x", "quota of ", "org.apache.kudu.client.X: ", "SQLTransient", "ERROR ", "== SQL",
    "://", "://a:", ":thin:", ":thin:/", "password", "${", "${a", "/*", "--\\\n", "';", "SET a=b;",
]  # fmt: skip


def _change(text: str) -> list[ValueChange]:
    new: Row = {"job_id": "J", "comments": text}
    return value_changes(RowChange(JOB_MASTER, {"job_id": "J"}, new), ("password",))


READERS: dict[str, Callable[[str], object]] = {
    "deepest cause": lambda text: deepest_first("Py4JJavaError", text),
    "without frames": without_frames,
    "line of an exception": lambda text: exception_line("ValueError", text, text.splitlines()),
    "last failure": last_failure,
    "transient": lambda text: transient_cause("Py4JJavaError", text),
    "file gone": failures._file_gone,  # pyright: ignore[reportPrivateUsage]
    "no space": failures._NO_SPACE.search,  # pyright: ignore[reportPrivateUsage]
    "change": _change,
    "hql": hql_text.split,
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_time_grows_with_the_length(read: Callable[[str], object]) -> None:
    for piece in PIECES:

        def work(size: int, piece: str = piece) -> Callable[[], object]:
            text = (piece * (size // len(piece) + 1))[:size]
            return lambda: read(f"x{text}")

        assert_linear(work, 8_000)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("jdbc:oracle:thin:me/hunter2@h:1521/db", "jdbc:oracle:thin:me/******@h:1521/db"),
        ("a@b jdbc:ORACLE:THIN:/p/w@//h", "a@b jdbc:ORACLE:THIN:/******@//h"),
        ("jdbc:oracle:thin:@//h:1521/db", "jdbc:oracle:thin:@//h:1521/db"),
        ("jdbc:oracle:thin:me/@h", "jdbc:oracle:thin:me/@h"),
        ("jdbc:oracle:thin:me/no host", "jdbc:oracle:thin:me/no host"),
    ],
)
def test_a_password_before_a_host_is_masked(value: str, shown: str) -> None:
    (change,) = _change(value)
    assert change.new == f'"{shown}"'


def test_a_failure_of_any_length_is_read_at_once_with_its_deepest_cause() -> None:
    text = (
        "An error occurred while calling o1.orc.\n: org.apache.spark.SparkException: outermost\n"
        + "Caused by: java.lang.RuntimeException: " + "x" * 2_000_000 + "\n"
        + "Caused by: java.lang.RuntimeException: one of many\n" * 40_000
        + "Caused by: java.io.EOFException: Unexpected end of input stream"
    )  # fmt: skip

    def read() -> None:
        line = exception_line("Py4JJavaError", text, ())
        assert line.startswith("EOFException: Unexpected end of input stream; ")
        assert len(line) <= 400

    assert seconds(read) < 5


def test_the_outermost_exception_keeps_its_name_beside_many_causes() -> None:
    text = "mine" + "".join(f"\nCaused by: a.B{n}: c{n}" for n in range(1_000))
    line = deepest_first("JobError", text)
    assert line.startswith("B999: c999; B998: c998; ")
    assert line.endswith("; JobError: mine")
    assert line.count("; ") == 50


def test_the_middle_of_a_long_message_is_left_out() -> None:
    lines = [f"line {n} " + "x" * 100 for n in range(3_000)]
    kept = without_frames("\n".join(lines))
    assert (kept[0], kept[-1]) == (lines[0], lines[-1])
    assert sum(each.endswith("…") for each in kept) == 1
    assert all(each.removesuffix("…") in lines for each in kept)
    assert len(kept) < 1_500
