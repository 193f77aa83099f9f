"""Inputs, outputs and config of ops, each made once for all ops that have it.

Missing: In and Out become definitions anew for each op that is given them, and an op without a
config schema gets one of its own that takes anything. Buys: half of the time in which ten thousand
ops are made, and the part of a job's snapshot that spells that schema out for each op, which was
half of it. Can go when OpDefinition takes definitions of inputs and outputs, and a config schema
that takes nothing.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

from dagster import In, Out
from dagster._core.definitions.definition_config_schema import IDefinitionConfigSchema
from typing_extensions import override

if TYPE_CHECKING:
    from dagster._config import Field
    from dagster._core.definitions.output import OutputDefinition


class _NoConfig(IDefinitionConfigSchema):
    """The config schema of an op that takes no config."""

    @override
    def as_field(self) -> Field:
        # Dagster asks "if field" of what it gets, though its type leaves None out.
        return cast("Field", None)


NO_CONFIG: IDefinitionConfigSchema = _NoConfig()


class _SharedOut(Out):
    """An output that is one definition for all ops."""

    @override
    def to_definition(
        self,
        annotation_type: type,
        name: str | None,
        description: str | None,
        code_version: str | None,
    ) -> OutputDefinition:
        return _output_definition(self, name)


@cache
def _output_definition(out: _SharedOut, name: str | None) -> OutputDefinition:
    return Out.to_definition(out, type(None), name, None, None)


def shared_in(name: str, each: In) -> In:
    """Return an input of that name, for any number of ops."""
    # An op takes a definition as it is, though its type leaves that out.
    return cast("In", each.to_definition(name))


def shared_out(out: Out) -> Out:
    """Return an output for any number of ops; its description and code version are left out."""
    return _SharedOut(dagster_type=out.dagster_type, io_manager_key=out.io_manager_key)
