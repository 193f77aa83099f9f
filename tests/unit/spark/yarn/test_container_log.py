"""What a driver printed, from YARN's aggregated log."""

from __future__ import annotations

from collections.abc import Sequence

from orch_dagster.spark.yarn.container_log import driver_output
from orch_dagster.toolchain.errors import SparkError


def aggregated(kind: str, text: str) -> str:
    """A log as YARN gives it."""
    return (
        f"Container: container_1 on node_1\nLogAggregationType: AGGREGATED\n{'=' * 40}\n"
        f"LogType:{kind}\nLogLength:{len(text)}\nLogContents:\n{text}\n"
        f"End of LogType:{kind}\n{'*' * 40}\n\n"
    )


class Logs:
    """Logs that come after some looks, between which YARN has none or refuses."""

    def __init__(self, looks: int = 0, **texts: str) -> None:
        self._looks = looks
        self._texts = texts

    def logs(self, application_id: str, last_bytes: int = 0, log_types: Sequence[str] = ()) -> str:
        assert last_bytes > 0
        self._looks -= 1
        if self._looks > 0:
            raise SparkError(f"no log of {application_id} yet")
        if self._looks == 0:
            return ""
        # YARN's order, by name.
        return "".join(
            aggregated(kind, self._texts[kind]) for kind in sorted(log_types) if kind in self._texts
        )


def test_what_python_printed_is_taken_without_what_yarn_adds() -> None:
    logs = Logs(stdout="begun\nModuleNotFoundError: no x", stderr="INFO of Spark")
    assert driver_output(logs, "application_1_1", 0) == ["begun", "ModuleNotFoundError: no x"]


def test_where_python_printed_nothing_the_jvm_tells() -> None:
    assert driver_output(Logs(stdout="", stderr="no python3"), "a", 0) == ["no python3"]


def test_a_log_is_waited_for_and_may_never_come() -> None:
    late = Logs(1, stdout="late", stderr="INFO of Spark")
    assert driver_output(late, "a", 5) == ["late"]
    assert driver_output(Logs(2, stdout="later"), "a", 5) == ["later"]
    warnings: list[str] = []
    assert driver_output(Logs(99), "a", 0, warn=warnings.append) == []
    assert driver_output(Logs(), "b", 0, warn=warnings.append) == []
    assert [each.partition("; ")[0] for each in warnings] == [
        "YARN gave no log of the driver of a within 0 s: no log of a yet",
        "YARN gave no log of the driver of b within 0 s: it has collected none",
    ]
