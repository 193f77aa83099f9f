"""What a job computed of its checks, as Dagster's results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from framework.contract.messages import CheckResult, LandingReport
from orch_dagster.control.records import ProcessControl
from orch_dagster.defs.checks import check_results, why_unchecked
from tests.begun_steps import SINK, SOURCE
from tests.bundles import job_bundle

DECLARED = {
    name: dg.AssetCheckSpec(name, asset=["gels", "fpms", "job"])
    for name in ("key_unique", "key_not_null", "changes")
}


ASSET = dg.AssetKey(["gels", "fpms", "job"])


def result(name: str, passed: bool = True, **metadata: Any) -> CheckResult:
    return CheckResult(name, passed, name != "changes", metadata)


def evaluations(
    reported: dict[str, list[CheckResult]], unchecked: Mapping[str, str] | None = None
) -> list[dg.AssetCheckEvaluation]:
    yielded = list(check_results(DECLARED, ASSET, reported, unchecked or {}))
    # Dagster wants an output of each declared check, whatever became of it.
    assert [each.output_name for each in yielded if isinstance(each, dg.Output)] == [*DECLARED]
    return [each for each in yielded if isinstance(each, dg.AssetCheckEvaluation)]


def test_what_was_not_computed_gets_no_evaluation() -> None:
    assert evaluations({}) == []
    (unique,) = evaluations(
        {"2024-05-15": [result("key_unique", False, key_columns=["a", "b"], duplicate_keys=2)]}
    )
    assert (unique.check_name, unique.passed, unique.severity, unique.partition) == (
        "key_unique",
        False,
        dg.AssetCheckSeverity.ERROR,
        "2024-05-15",
    )
    # The numbers first.
    assert list(unique.metadata) == ["duplicate_keys", "key_columns"]
    assert unique.metadata["duplicate_keys"] == dg.IntMetadataValue(2)
    assert unique.description == "2024-05-15: duplicate_keys 2"
    assert unique.metadata["key_columns"] == dg.TextMetadataValue("a, b")


def test_each_date_has_its_own_evaluation_with_its_own_numbers() -> None:
    found = evaluations(
        {
            "2024-05-16": [
                result("key_unique", False, duplicate_keys=1),
                result("changes", inserted=3, updated=0, deleted=1, unchanged=2),
            ],
            "2024-05-15": [
                result("key_unique", duplicate_keys=0),
                result("changes", not_computed="no date before"),
            ],
            "2024-05-17": [],
        }
    )
    assert [each.description for each in found] == [
        "2024-05-15: duplicate_keys 0",
        "2024-05-15: no date before",
        "2024-05-16: duplicate_keys 1",
        "2024-05-16: inserted 3, updated 0, deleted 1, unchanged 2",
    ]
    shown = [
        (
            each.partition,
            each.check_name,
            each.passed,
            each.severity.value,
            *(value.value for value in each.metadata.values()),
        )
        for each in found
    ]
    assert shown == [
        ("2024-05-15", "key_unique", True, "ERROR", 0),
        ("2024-05-15", "changes", True, "WARN", "no date before"),
        ("2024-05-16", "key_unique", False, "ERROR", 1),
        ("2024-05-16", "changes", True, "WARN", 3, 0, 1, 2),
    ]


def landed(*columns: str) -> LandingReport:
    return LandingReport(
        "2024-05-15",
        row_count=1,
        columns=tuple({"name": name, "type": "string"} for name in columns),
        sinks=(),
        started_at="2024-05-16T01:02:03+00:00",
        duration_s=1.0,
    )


@pytest.mark.parametrize(
    ("of_row", "own", "columns", "why"),
    [
        ("no, seq", None, ["a"], "the result has none of the business_keys no, seq"),
        ("no", ["id"], ["no"], "the result has none of the business_keys id"),
        (None, None, ["no"], "the date's row has no business_keys"),
        ("no, seq", None, ["SEQ"], "the job reported no checks"),
    ],
)
def test_a_date_that_landed_unchecked_says_why_and_is_not_red(
    of_row: str | None, own: list[str] | None, columns: list[str], why: str
) -> None:
    keys = {} if own is None else {"business_keys": own}
    bundle = replace(
        job_bundle({"sources": [SOURCE], "sinks": [SINK], **keys}, []),
        process_control=(ProcessControl("A", "B", "2024-05-15", business_keys=of_row),),
    )
    unchecked = why_unchecked(bundle, {"2024-05-15": landed(*columns)}, {})
    assert why in unchecked["2024-05-15"]
    found = evaluations({}, unchecked)
    assert [each.check_name for each in found] == [*DECLARED]
    for each in found:
        assert (each.passed, each.severity, each.partition) == (
            True,
            dg.AssetCheckSeverity.WARN,
            "2024-05-15",
        )
        assert why in str(each.description)


def test_a_date_with_results_is_not_unchecked() -> None:
    bundle = job_bundle({"sources": [SOURCE], "sinks": [SINK]}, [])
    day = "2024-05-15"
    assert why_unchecked(bundle, {day: landed("a")}, {day: [result("changes")]}) == {}
    assert why_unchecked(bundle, {}, {}) == {}
