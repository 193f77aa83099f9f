"""The asset checks of a landing: computed by the job, told by the step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from framework.contract.messages import CheckResult
from orch_dagster.defs.translator import asset_key
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.registry.location import Location

# As jobs/framework names them.
_CHECKS = {
    "key_unique": "No two rows have the same business_keys of process_control.",
    "key_not_null": "No row has a null in its business_keys.",
    "changes": "Rows inserted, updated, deleted and unchanged against the business date before.",
}


def check_specs(spec: JobSpec, location: Location) -> Mapping[str, dg.AssetCheckSpec]:
    """The checks of a job's asset, by the output of its op.

    None where it lands nothing, or where its group has no business_keys: each check declared
    makes every load of the location longer.
    """
    if not spec.has_sinks or spec.group not in location.keyed_groups:
        return {}
    key = asset_key(spec)
    return {
        name: dg.AssetCheckSpec(name, asset=key, description=about)
        for name, about in _CHECKS.items()
    }


def check_results(
    declared: Mapping[str, dg.AssetCheckSpec], reported: Mapping[str, Sequence[CheckResult]]
) -> Iterator[dg.AssetCheckResult | dg.Output[None]]:
    """One result for each check that was computed, and for every other one its bare output.

    Dagster wants each declared check told of; one with an output alone counts as not executed.

    Args:
        declared: What check_specs gave.
        reported: For each business date the results that the job reported.
    """
    for name, spec in declared.items():
        by_date = {
            biz_dt: result
            for biz_dt, results in sorted(reported.items())
            for result in results
            if result.name == name
        }
        yield _result(spec, by_date) if by_date else dg.Output(None, name)


def _result(spec: dg.AssetCheckSpec, by_date: Mapping[str, CheckResult]) -> dg.AssetCheckResult:
    failed = [biz_dt for biz_dt, result in by_date.items() if not result.passed]
    is_blocking = any(result.blocking for result in by_date.values())
    (first, *others) = by_date.values()
    metadata: Mapping[str, Any] = first.metadata
    if others:
        metadata = {"by_date": _table(by_date)}
    return dg.AssetCheckResult(
        passed=not failed,
        asset_key=spec.asset_key,
        check_name=spec.name,
        severity=dg.AssetCheckSeverity.ERROR if is_blocking else dg.AssetCheckSeverity.WARN,
        description=f"failed for {', '.join(failed)}" if failed and others else None,
        metadata=metadata,
    )


def _table(by_date: Mapping[str, CheckResult]) -> dg.TableMetadataValue:
    """A row for each date, with every column that one of them has."""
    rows = [
        {"biz_dt": biz_dt, "passed": result.passed, **result.metadata}
        for biz_dt, result in by_date.items()
    ]
    names = dict.fromkeys(name for row in rows for name in row)
    records = [dg.TableRecord({name: _cell(row.get(name)) for name in names}) for row in rows]
    columns = [dg.TableColumn(name, _type(row.get(name) for row in rows)) for name in names]
    return dg.MetadataValue.table(records, dg.TableSchema(columns))


def _cell(value: object) -> str | int | float | bool | None:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _type(values: Iterable[object]) -> str:
    types: dict[type, str] = {bool: "bool", int: "int", float: "float"}
    found = {type(value) for value in values if value is not None}
    return types.get(found.pop(), "string") if len(found) == 1 else "string"
