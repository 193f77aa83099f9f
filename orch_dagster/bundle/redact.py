"""What a bundle may show: the values under secret keys are taken out of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from framework.contract import variables
from orch_dagster.bundle.bundle import ParamBundle
from orch_dagster.control.records import SysParam
from orch_dagster.text import MASK

Option: TypeAlias = str | int | float | bool

SECRET = "secret"
ENV, FILE = "env:", "file:"

# Values that say whether, not what.
_NO_SECRETS = ("", "true", "false")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


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


def is_secret(key: str, value: Option, patterns: Sequence[str]) -> bool:
    """Whether a value is a secret: one of the regular expressions is found in its key.

    Only that there is one is no secret: true, false, nothing.
    """
    says_what = not isinstance(value, bool) and str(value).strip().lower() not in _NO_SECRETS
    return says_what and any(re.search(pattern, key, re.IGNORECASE) for pattern in patterns)


def is_variable(name: str) -> bool:
    """Whether an environment variable may have that name."""
    return _VARIABLE.fullmatch(name) is not None


def is_place(value: str) -> bool:
    """Whether a value says where a secret is: `env:NAME` or `file:PATH`."""
    if value.startswith(ENV):
        return is_variable(value.removeprefix(ENV))
    return value.startswith(FILE) and bool(value.removeprefix(FILE).strip())


def option_references(bundle: ParamBundle) -> Iterator[tuple[str, str]]:
    """Each option that is `env:NAME`: its place in context_params, and NAME."""
    context = bundle.spec.context
    for kind, parts in (("sources", context.sources), ("sinks", context.sinks)):
        for number, part in enumerate(parts):
            for name, value in part.options.items():
                if _is_reference(value):
                    yield f"{kind}[{number}].options.{name}", str(value).removeprefix(ENV)


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
            if _is_reference(value):
                self.option_names.add(name)
            elif is_secret(name, value, self.patterns):
                self.option_names.add(name)
                sealed[name] = self._move(str(value))
        return sealed

    def row(self, row: SysParam) -> SysParam:
        """A row of sys_params."""
        value = row.param_value or ""
        if row.param_type == SECRET:
            # What is no place may be the secret itself.
            return row if is_place(value) else replace(row, param_value=MASK)
        if not is_secret(row.param_key, value, self.patterns):
            return row
        if row.param_type != "spark":
            return replace(row, param_value=self._move(value))
        self.hidden.append(value)
        return replace(row, param_value=MASK)

    def _move(self, value: str) -> str:
        variable = f"{variables.MOVED_SECRET_PREFIX}{len(self.moved) + 1}"
        self.moved[variable] = value
        return ENV + variable


def _is_reference(value: Option) -> bool:
    return isinstance(value, str) and value.startswith(ENV) and is_place(value)
