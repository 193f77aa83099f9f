"""An instance without the storage for the state of definitions.

Missing: an instance makes that storage when it opens, and loads for it libraries of file systems
and the entry points of all installed packages; its dagster.yaml can't leave it out. Buys: a tenth
of a second of each orch command that opens the instance; nothing of the control tables keeps such
state. Can go when Dagster makes the storage at its first use.
"""

from __future__ import annotations

from typing import Any, cast

from dagster._core.instance import InstanceRef


def leave_out_definitions_state() -> None:
    """Let this process open instances without that storage; for processes of orch alone."""
    cast(Any, InstanceRef).defs_state_storage = None
