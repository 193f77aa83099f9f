"""Asset checks of a landing: the job computes them, the step reports them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from framework.contract.comma_list import comma_names
from framework.contract.messages import CheckResult, LandingReport
from framework.contract.visible import visible
from orch_dagster.bundle.bundle import ParamBundle
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
    declared: Collection[str],
    asset: dg.AssetKey,
    reported: Mapping[str, Sequence[CheckResult]],
    unchecked: Mapping[str, str],
) -> Iterator[dg.AssetCheckEvaluation | dg.Output[None]]:
    """Yield an evaluation of each check and date, and the outputs that declared checks must have.

    A check of a date that did not come to its checks gets no evaluation, so that it stays as it
    was.

    Args:
        declared: The names of the checks of check_specs.
        asset: The asset.
        reported: The results that the job reported, by business date.
        unchecked: Why dates that landed have no results, from `why_unchecked`.
    """
    for name in declared:
        yield dg.Output(None, name)
    nothing_to_check = {
        biz_dt: [CheckResult(name, True, False, {"not_computed": why}) for name in declared]
        for biz_dt, why in unchecked.items()
    }
    for biz_dt, results in sorted({**nothing_to_check, **reported}.items()):
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


def why_unchecked(
    bundle: ParamBundle,
    landings: Mapping[str, LandingReport],
    reported: Mapping[str, Sequence[CheckResult]],
) -> Mapping[str, str]:
    """Return the reason for each landed date without results, by date.

    Whether a result has the keys is unknown before it is there: HQL may take all columns of a
    source without a schema.
    """
    own = bundle.spec.context.business_keys
    of_dates = {row.biz_dt: comma_names(row.business_keys) for row in bundle.process_control}
    reasons: dict[str, str] = {}
    for biz_dt in landings.keys() - reported.keys():
        keys = of_dates.get(biz_dt, ()) if own is None else own
        columns = {str(column["name"]).lower() for column in landings[biz_dt].columns}
        if not keys:
            reasons[biz_dt] = "nothing to check, the date's row has no business_keys"
        elif columns.isdisjoint(key.lower() for key in keys):
            names = ", ".join(keys)
            reasons[biz_dt] = f"nothing to check, the result has none of the business_keys {names}"
        else:
            reasons[biz_dt] = "the job reported no checks"
    return reasons


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
