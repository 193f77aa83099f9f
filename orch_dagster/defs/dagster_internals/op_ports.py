"""Inputs, outputs and config of ops, each made once for all ops that have it.

Missing: In and Out become definitions anew for each op that is given them, an op without a config
schema gets one of its own that takes anything, and each op tells one by one, each time that it is
asked, which resources its inputs and outputs need. Buys: half of the time in which ten thousand ops
are made, the part of a job's snapshot that spells that schema out for each op, which was half of
it, and a fifth of the calls by which jobs are made of them. Can go when OpDefinition takes
definitions of inputs and outputs, and a config schema that takes nothing, and jobs ask for
resources once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, cast

from dagster import In, OpDefinition, Out
from dagster._core.definitions.definition_config_schema import IDefinitionConfigSchema
from dagster._core.definitions.resource_requirement import (
    OpDefinitionResourceRequirement,
    OutputManagerRequirement,
)
from dagster._core.definitions.utils import DEFAULT_IO_MANAGER_KEY
from typing_extensions import override

if TYPE_CHECKING:
    from dagster._config import Field
    from dagster._core.definitions.assets.job.asset_layer import AssetLayer
    from dagster._core.definitions.dependency import NodeHandle
    from dagster._core.definitions.input import InputDefinition
    from dagster._core.definitions.output import OutputDefinition
    from dagster._core.definitions.resource_requirement import ResourceRequirement


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


class SharedPortsOp(OpDefinition):
    """An op that needs the resources which its inputs and outputs name, and no other.

    An input without a manager of its own is Nothing, and so is not loaded. It comes from an asset
    with the default IO manager, or with that of this op's outputs.
    """

    @override
    def get_resource_requirements(
        self, handle: NodeHandle | None, asset_layer: AssetLayer | None
    ) -> Iterator[ResourceRequirement]:
        """Yield what needs each resource, once for each."""
        return iter(_requirements((*self.input_defs,), (*self.output_defs,)))


@cache
def _requirements(
    inputs: Sequence[InputDefinition], outputs: Sequence[OutputDefinition]
) -> Sequence[ResourceRequirement]:
    """Return the need of each resource; that of an output, which must store, before an input's."""
    op = "an op"
    keys = {each.input_manager_key or DEFAULT_IO_MANAGER_KEY for each in inputs}
    stored = {each.io_manager_key: each.name for each in outputs}
    return (
        *(
            # Not an InputManagerRequirement, for which Dagster looks at each op's upstream ones.
            OpDefinitionResourceRequirement(key=key, node_description=op)
            for key in sorted(keys - stored.keys())
        ),
        *(
            OutputManagerRequirement(key=key, node_description=op, output_name=name)
            for key, name in stored.items()
        ),
    )
