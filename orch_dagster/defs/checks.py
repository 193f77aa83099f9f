"""Asset checks of a landing: the job computes them, the step reports them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from framework.contract.messages import CheckResult
from orch_dagster.defs.translator import asset_key
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.registry.location import Location

# The names that jobs/framework reports.
_CHECKS = {
    "key_unique": "No two rows have the same business_keys of process_control.",
    "key_not_null": "No row has a null in its business_keys.",
    "changes": "Rows inserted, updated, deleted and unchanged since the previous business date.",
}


def check_specs(spec: JobSpec, location: Location) -> Mapping[str, dg.AssetCheckSpec]:
    """Return the checks of a job's asset, by the output of its op.

    A job without sinks, or of a group without business_keys, has no checks: each declared check
    slows every load of the location.
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
    """Yield a result for each computed check, and a bare output for every other one.

    Dagster requires an output of each declared check; a bare one counts as not executed.

    Args:
        declared: The checks of check_specs.
        reported: The results that the job reported, by business date.
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
    """Build a table with a row for each date and the columns of all of them."""
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
    value_types = {type(value) for value in values if value is not None}
    return types.get(value_types.pop(), "string") if len(value_types) == 1 else "string"
