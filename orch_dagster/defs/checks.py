"""Asset checks of a landing: the job computes them, the step reports them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from framework.contract.messages import CheckResult
from framework.contract.visible import visible
from orch_dagster.defs.translator import asset_key
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.registry.keyed_jobs import has_business_keys
from orch_dagster.registry.location import Location

# The names that jobs/framework reports.
_CHECKS = {
    "key_unique": "No two rows have the same business_keys.",
    "key_not_null": "No row has a null in its business_keys.",
    "changes": "Rows inserted, updated, deleted and unchanged since the previous business date.",
}


def check_specs(
    spec: JobSpec, location: Location, hql_text: str | None
) -> Mapping[str, dg.AssetCheckSpec]:
    """Return the checks of a job's asset, by the output of its op.

    A job whose result has no business keys has none: nothing would ever evaluate them, and each
    declared check slows every load of the location.
    """
    if not has_business_keys(spec, location.keyed_groups, hql_text):
        return {}
    key = asset_key(spec)
    return {
        name: dg.AssetCheckSpec(name, asset=key, description=about)
        for name, about in _CHECKS.items()
    }


def check_results(
    declared: Mapping[str, dg.AssetCheckSpec],
    asset: dg.AssetKey,
    reported: Mapping[str, Sequence[CheckResult]],
) -> Iterator[dg.AssetCheckEvaluation | dg.Output[None]]:
    """Yield an evaluation of each check and date, and the outputs that declared checks must have.

    A check that was not computed gets no evaluation, so that it stays as it was.

    Args:
        declared: The checks of check_specs.
        asset: The asset.
        reported: The results that the job reported, by business date.
    """
    for name in declared:
        yield dg.Output(None, name)
    for biz_dt, results in sorted(reported.items()):
        for result in results:
            metadata = _metadata(result)
            yield dg.AssetCheckEvaluation(
                asset_key=asset,
                check_name=result.name,
                passed=result.passed,
                description=_description(biz_dt, metadata),
                metadata=metadata,
                severity=(
                    dg.AssetCheckSeverity.ERROR if result.blocking else dg.AssetCheckSeverity.WARN
                ),
                blocking=result.blocking,
                partition=biz_dt,
            )


def _description(biz_dt: str, metadata: Mapping[str, Any]) -> str:
    """Return the date, which the history of a check shows nowhere else, and its result."""
    numbers = [
        f"{name} {value}" for name, value in metadata.items() if isinstance(value, int | float)
    ]
    said = metadata.get("error") or metadata.get("not_computed")
    return f"{biz_dt}: {said or ', '.join(numbers)}"


def _metadata(result: CheckResult) -> dict[str, Any]:
    """Return the numbers of a result first, then its texts; lists as a text."""
    texts = {
        name: ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
        for name, value in result.metadata.items()
    }
    shown = {name: visible(text) if isinstance(text, str) else text for name, text in texts.items()}
    numbers = {name: value for name, value in shown.items() if isinstance(value, int | float)}
    return {**numbers, **{name: value for name, value in shown.items() if value != ""}}
