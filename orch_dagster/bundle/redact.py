"""Redact a bundle once, and keep what was taken out beside it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from framework.contract.masking import MASK
from framework.contract.secret_names import (
    ENV,
    PARAM_TYPE,
    is_secret,
    is_secret_ref,
    moved_ref,
    variable_of,
)
from orch_dagster.bundle.bundle import ParamBundle
from orch_dagster.control.records import SysParam

Option: TypeAlias = str | int | float | bool


@dataclass(frozen=True)
class RedactedBundle:
    """A bundle without secrets, and what was taken out of it.

    Attributes:
        bundle: The bundle that may be written and shown.
        variables: The values that the bundle replaces by `env:<name>`, by that name.
        properties: The Spark properties that the bundle masks.
        references: Each option that was `env:NAME`: its place in context_params, and NAME.
        option_names: The options of sources and sinks that hold a secret, or refer to one.
    """

    bundle: ParamBundle
    # repr=False keeps the secrets out of tracebacks and logs.
    variables: Mapping[str, str] = field(repr=False)
    properties: Mapping[str, str] = field(repr=False)
    references: tuple[tuple[str, str], ...]
    option_names: frozenset[str]


def _references(bundle: ParamBundle) -> Iterator[tuple[str, str]]:
    """Yield each option that is `env:NAME`: its place in context_params, and NAME."""
    context = bundle.spec.context
    for kind, parts in (("sources", context.sources), ("sinks", context.sinks)):
        for number, part in enumerate(parts):
            for name, value in part.options.items():
                if variable := variable_of(value):
                    yield f"{kind}[{number}].options.{name}", variable


def redact_bundle(bundle: ParamBundle, patterns: Sequence[str]) -> RedactedBundle:
    """Redact a bundle; the same bundle always gives the same result.

    A value of an option, or of a sys_param that is not a Spark property, is moved to a variable of
    the job; a Spark property is masked. A reference to a secret stays.

    Args:
        bundle: The bundle as the store gave it.
        patterns: Regular expressions of secret keys.
    """
    redaction = _Redaction(patterns)
    context = bundle.spec.context
    redacted = replace(
        context,
        sources=tuple(
            replace(each, options=redaction.options(each.options)) for each in context.sources
        ),
        sinks=tuple(
            replace(each, options=redaction.options(each.options)) for each in context.sinks
        ),
    )
    shown = replace(
        bundle,
        spec=replace(bundle.spec, context=redacted),
        sys_params=tuple(redaction.row(row) for row in bundle.sys_params),
    )
    return RedactedBundle(
        shown,
        variables=redaction.variables,
        properties=redaction.properties,
        references=tuple(_references(bundle)),
        option_names=frozenset(redaction.option_names),
    )


@dataclass
class _Redaction:
    """The secrets collected so far, while one part after the other is redacted."""

    patterns: Sequence[str]
    variables: dict[str, str] = field(default_factory=dict[str, str])
    properties: dict[str, str] = field(default_factory=dict[str, str])
    option_names: set[str] = field(default_factory=set[str])

    def options(self, options: Mapping[str, Option]) -> dict[str, Option]:
        """Return the options of one source or sink without secrets."""
        redacted: dict[str, Option] = {}
        for name, value in options.items():
            redacted[name] = value
            if variable_of(value):
                self.option_names.add(name)
            elif is_secret(name, value, self.patterns):
                self.option_names.add(name)
                redacted[name] = self._move(str(value))
        return redacted

    def row(self, row: SysParam) -> SysParam:
        """Return a row of sys_params without its secret."""
        value = row.param_value or ""
        if row.param_type == PARAM_TYPE:
            # A value other than a reference may be the secret itself.
            return row if is_secret_ref(value) else replace(row, param_value=MASK)
        if not is_secret(row.param_key, value, self.patterns):
            return row
        if row.param_type != "spark":
            return replace(row, param_value=self._move(value))
        self.properties[row.param_key] = value
        return replace(row, param_value=MASK)

    def _move(self, value: str) -> str:
        reference = moved_ref(len(self.variables) + 1)
        self.variables[reference.removeprefix(ENV)] = value
        return reference
