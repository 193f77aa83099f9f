"""Runs that end with the code server that started them.

Missing: a hook for a code server that a signal ends; Dagster sets its signal handlers again after
it has loaded this code. Buys: the runs of a stopped container end within 10 s, Canceled, with no
JVM left; Dagster would wait for them and be killed, which leaves them running. Can go when Dagster
has the hook.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster._grpc.server import DagsterApiServer


def cancel_runs_with_their_server() -> None:
    """Let a code server that a signal ends cancel its runs.

    A container's stop kills the server soon after the signal; its runs have ended by then. A
    reload of the location sends no signal, and Dagster calls cleanup when the runs are over.
    """
    served = sys.modules.get("dagster._grpc.server")
    # In other processes the import would cost a quarter of a second for nothing.
    if served is None or hasattr(served.DagsterApiServer.cleanup, "__wrapped__"):
        return
    original = served.DagsterApiServer.cleanup

    @functools.wraps(original)
    def cleanup(self: DagsterApiServer) -> None:
        # As a page's terminate does; Windows has no signal but the kill.
        with self._execution_lock:  # pyright: ignore[reportPrivateUsage]
            for termination in self._termination_events.values():  # pyright: ignore[reportPrivateUsage]
                termination.set()
        original(self)

    served.DagsterApiServer.cleanup = cleanup
