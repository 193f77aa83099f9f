"""What a job computed of its checks, as Dagster's results."""

from __future__ import annotations

from typing import Any

import dagster as dg

from framework.contract.messages import CheckResult
from orch_dagster.defs.checks import check_results

DECLARED = {
    name: dg.AssetCheckSpec(name, asset=["gels", "fpms", "job"])
    for name in ("key_unique", "key_not_null", "changes")
}


ASSET = dg.AssetKey(["gels", "fpms", "job"])


def result(name: str, passed: bool = True, **metadata: Any) -> CheckResult:
    return CheckResult(name, passed, name != "changes", metadata)


def evaluations(reported: dict[str, list[CheckResult]]) -> list[dg.AssetCheckEvaluation]:
    yielded = list(check_results(DECLARED, ASSET, reported))
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
