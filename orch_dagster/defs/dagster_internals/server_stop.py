"""A code server that is told to end, and the runs that it has started."""

from __future__ import annotations

import functools
import multiprocessing
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster._grpc.server import DagsterApiServer


def cancel_runs_with_their_server() -> None:
    """Let a code server that is ended by a signal cancel its runs, for which it would wait.

    Who ends a server so, such as a container's stop, kills it soon after; its runs have ended in
    order by then. At a reload of the location no signal is sent, and Dagster calls cleanup when
    the runs are over. Dagster 1.13.27 has no hook for it, and sets its signal handlers anew after
    it has loaded this code: the version is pinned and
    tests/services/defs/test_dead_servers.py holds it.
    """
    served = sys.modules.get("dagster._grpc.server")
    # Elsewhere the module takes a quarter of a second to import, for nothing.
    if served is None or hasattr(served.DagsterApiServer.cleanup, "__wrapped__"):
        return
    real = served.DagsterApiServer.cleanup

    @functools.wraps(real)
    def cleanup(self: DagsterApiServer) -> None:
        for run in multiprocessing.active_children():
            run.terminate()
        real(self)

    served.DagsterApiServer.cleanup = cleanup
