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


def result(name: str, passed: bool = True, **metadata: Any) -> CheckResult:
    return CheckResult(name, passed, name != "changes", metadata)


def test_of_one_date_the_numbers_as_they_are() -> None:
    reported = {"2024-05-15": [result("key_unique", False, duplicate_keys=2)]}
    (unique, *others) = check_results(DECLARED, reported)

    assert isinstance(unique, dg.AssetCheckResult)
    assert (unique.check_name, unique.passed, unique.severity) == (
        "key_unique",
        False,
        dg.AssetCheckSeverity.ERROR,
    )
    assert unique.metadata == {"duplicate_keys": dg.IntMetadataValue(2)}
    # What was not computed counts as not executed, not as passed.
    assert [type(other) for other in others] == [dg.Output, dg.Output]


def test_of_several_dates_one_result_with_a_table() -> None:
    reported = {
        "2024-05-16": [result("changes", inserted=3, key_columns=["id", "no"])],
        "2024-05-15": [result("changes", not_computed="no date before", key_columns=["id"])],
        "2024-05-17": [],
    }
    (changes,) = (
        each for each in check_results(DECLARED, reported) if isinstance(each, dg.AssetCheckResult)
    )

    assert changes.passed
    assert changes.severity == dg.AssetCheckSeverity.WARN
    table = (changes.metadata or {})["by_date"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [dict(record.data) for record in table.records] == [
        {
            "biz_dt": "2024-05-15",
            "passed": True,
            "not_computed": "no date before",
            "key_columns": "id",
            "inserted": None,
        },
        {
            "biz_dt": "2024-05-16",
            "passed": True,
            "not_computed": None,
            "key_columns": "id, no",
            "inserted": 3,
        },
    ]
    types = {column.name: column.type for column in table.schema.columns}
    assert types["inserted"] == "int"
    assert types["passed"] == "bool"


def test_the_dates_that_failed_are_named() -> None:
    reported = {
        day: [result("key_unique", day != "2024-05-16", duplicate_keys=0)]
        for day in ("2024-05-15", "2024-05-16")
    }
    (unique, *_) = check_results(DECLARED, reported)
    assert isinstance(unique, dg.AssetCheckResult)
    assert (unique.passed, unique.description) == (False, "failed for 2024-05-16")
