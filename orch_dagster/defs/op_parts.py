"""Make the common parts of the ops of assets, each once for all of them.

Without postponed annotations: Dagster looks at the type of the op's context itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from inspect import signature
from typing import Any, cast

import dagster as dg

from orch_dagster.defs.dagster_internals.op_ports import shared_in, shared_out
from orch_dagster.defs.step.begun import BegunStep
from orch_dagster.defs.step.run import run_job
from orch_dagster.defs.translator import PARAM_BUNDLE_KEY
from orch_dagster.settings import Settings

RESULT = "result"
_PARAMS = "params"

# A type without a loader, so that run config can't stand in for the IO manager.
PARAM_BUNDLE = dg.PythonObjectDagsterType(
    BegunStep,
    name="ParamBundle",
    description="A job's parameters for one run, read from the control store.",
)


class OpParts:
    """The functions, inputs and outputs of the ops of a home.

    Args:
        settings: The settings of the home.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._result = shared_out(dg.Out(dg.Nothing, io_manager_key=PARAM_BUNDLE_KEY))
        self._check = shared_out(dg.Out(dg.Nothing))
        params = dg.In(PARAM_BUNDLE, input_manager_key=PARAM_BUNDLE_KEY)
        self._params = shared_in(_PARAMS, params)
        # Of each set of names once; there are few.
        self.compute = cache(self._compute)
        self.ins = cache(self._ins)
        self.outs = cache(self._outs)

    def _compute(self, checks: Sequence[str]) -> Callable[..., Iterator[object]]:
        """Return the function of the ops that declare checks of these names."""
        settings = self._settings

        def compute(context: dg.OpExecutionContext, inputs: Mapping[str, Any]) -> Iterator[object]:
            yield from run_job(context, inputs[_PARAMS], settings, checks)

        # Dagster asks for it with each op.
        cast("Any", compute).__signature__ = signature(compute)
        return compute

    def _ins(self, parents: Sequence[str]) -> Mapping[str, dg.In]:
        """Return the inputs of the ops that wait by inputs of these names."""
        return {
            _PARAMS: self._params,
            **{name: shared_in(name, dg.In(dg.Nothing)) for name in parents},
        }

    def _outs(self, checks: Sequence[str]) -> Mapping[str, dg.Out]:
        """Return the outputs of the ops that declare checks of these names."""
        return {RESULT: self._result, **dict.fromkeys(checks, self._check)}
