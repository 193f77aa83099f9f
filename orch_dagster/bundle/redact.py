"""What a bundle may show: the values under secret keys are taken out of it. Pure."""

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
class Sealed:
    """A bundle without secrets, and what was taken out of it.

    Attributes:
        bundle: As it may be written and shown.
        moved: Each value in whose place the bundle now has `env:<name>`, by that name.
        hidden: Other values that were taken out.
        option_names: The options of sources and sinks that hold a secret, or refer to one.
    """

    bundle: ParamBundle
    moved: Mapping[str, str]
    hidden: tuple[str, ...]
    option_names: frozenset[str]


def option_references(bundle: ParamBundle) -> Iterator[tuple[str, str]]:
    """Each option that is `env:NAME`: its place in context_params, and NAME."""
    context = bundle.spec.context
    for kind, parts in (("sources", context.sources), ("sinks", context.sinks)):
        for number, part in enumerate(parts):
            for name, value in part.options.items():
                if variable := variable_of(value):
                    yield f"{kind}[{number}].options.{name}", variable


def seal(bundle: ParamBundle, patterns: Sequence[str]) -> Sealed:
    """Take the secrets out of a bundle; of the same bundle, always in the same way.

    A value of an option, or of a sys_param that is no Spark property, is moved to a variable of
    the job; the others are hidden. Where a secret is may be shown, the secret in its place not.

    Args:
        bundle: As it was read.
        patterns: Regular expressions of secret keys.
    """
    sealing = _Sealing(patterns)
    context = bundle.spec.context
    sealed = replace(
        context,
        sources=tuple(
            replace(each, options=sealing.options(each.options)) for each in context.sources
        ),
        sinks=tuple(replace(each, options=sealing.options(each.options)) for each in context.sinks),
    )
    shown = replace(
        bundle,
        spec=replace(bundle.spec, context=sealed),
        sys_params=tuple(sealing.row(row) for row in bundle.sys_params),
    )
    return Sealed(shown, sealing.moved, tuple(sealing.hidden), frozenset(sealing.option_names))


@dataclass
class _Sealing:
    """Takes secrets out of one part after the other."""

    patterns: Sequence[str]
    moved: dict[str, str] = field(default_factory=dict[str, str])
    hidden: list[str] = field(default_factory=list[str])
    option_names: set[str] = field(default_factory=set[str])

    def options(self, options: Mapping[str, Option]) -> dict[str, Option]:
        """The options of one source or sink."""
        sealed: dict[str, Option] = {}
        for name, value in options.items():
            sealed[name] = value
            if variable_of(value):
                self.option_names.add(name)
            elif is_secret(name, value, self.patterns):
                self.option_names.add(name)
                sealed[name] = self._move(str(value))
        return sealed

    def row(self, row: SysParam) -> SysParam:
        """A row of sys_params."""
        value = row.param_value or ""
        if row.param_type == PARAM_TYPE:
            # What is no place may be the secret itself.
            return row if is_secret_ref(value) else replace(row, param_value=MASK)
        if not is_secret(row.param_key, value, self.patterns):
            return row
        if row.param_type != "spark":
            return replace(row, param_value=self._move(value))
        self.hidden.append(value)
        return replace(row, param_value=MASK)

    def _move(self, value: str) -> str:
        reference = moved_ref(len(self.moved) + 1)
        self.moved[reference.removeprefix(ENV)] = value
        return reference
