"""Find the options that refer to a secret which no row of sys_params has. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from framework.contract.secret_names import ENV, PARAM_TYPE, SPARK_PREFIX, variable_of
from orch_dagster.control.tables import Row
from orch_dagster.registry.finding import Finding, context_finding
from orch_dagster.registry.jobs import JobSpec


def secret_keys(params: Iterable[Row]) -> frozenset[tuple[str, str]]:
    """Return key_name and param_key of the secrets that are variables of jobs."""
    return frozenset(
        (str(row["key_name"]), str(row["param_key"]))
        for row in params
        if row.get("param_type") == PARAM_TYPE
        and not str(row["param_key"]).startswith(SPARK_PREFIX)
    )


def secret_ref_findings(
    specs: Iterable[JobSpec], known: Collection[tuple[str, str]]
) -> Iterator[Finding]:
    """Yield a warning for each reference without its secret, as the row may come later.

    Args:
        specs: The jobs.
        known: What secret_keys returned.
    """
    for spec in specs:
        for kind, parts in (("sources", spec.context.sources), ("sinks", spec.context.sinks)):
            for number, part in enumerate(parts):
                for option, value in part.options.items():
                    name = variable_of(value)
                    if name is None or any((key, name) in known for key in spec.key_names):
                        continue
                    text = (
                        f"{kind}[{number}].options.{option}: is {ENV}{name}, and no secret of "
                        f"sys_params has that name: add a row of param_type secret whose "
                        f"param_key is {name}; until then runs fail"
                    )
                    yield context_finding(spec.job_id, text, is_warning=True)
