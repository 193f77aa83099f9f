"""The stores of the short runs, each with a way to be away for a moment."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.homes import Home
from tests.kudu_cluster import kudu_cluster, use_kudu
from tests.store_places import PostgresServer, need_postgres

# From one outage to the next.
_BETWEEN_S = (5.0, 40.0)
_AWAY_S = (0.2, 3.0)

Restart = Callable[[float], None]
"""Takes the store away for so many seconds, and brings it back."""


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


@contextmanager
def _sqlite(home: Home) -> Iterator[Restart]:
    """The embedded store has no server: another writer locks it."""

    def lock(away_s: float) -> None:
        holder = sqlite3.connect(
            home.folder / ".orch" / "control.db", timeout=60, isolation_level=None
        )
        holder.execute("BEGIN EXCLUSIVE")
        _wait(away_s)
        holder.execute("ROLLBACK")
        holder.close()

    yield lock


@contextmanager
def _postgres(home: Home) -> Iterator[Restart]:
    """A server that is killed and started again."""
    server = PostgresServer(need_postgres())
    try:
        server.run("CREATE DATABASE short_runs")
        home.environ["ORCH_CONTROL_URL"] = server.url("short_runs")

        def restart(away_s: float) -> None:
            server.stop()
            _wait(away_s)
            server.start()

        yield restart
    finally:
        server.close()


@contextmanager
def _kudu(home: Home) -> Iterator[Restart]:
    """A cluster whose tablet server and master are killed by turns."""
    with kudu_cluster() as cluster:
        use_kudu(home, cluster, timeout_s=6)
        turns = 0

        def restart(away_s: float) -> None:
            nonlocal turns
            turns += 1
            role = "TSERVER" if turns % 2 else "MASTER"
            cluster.stop(role)
            _wait(away_s)
            cluster.start(role)

        yield restart


STORES = {"sqlite": _sqlite, "postgres": _postgres, "kudu": _kudu}


@contextmanager
def restarting(restart: Restart, dice: random.Random) -> Iterator[list[float]]:
    """Restart the store again and again within the block; yield how long it was away each time."""
    outages: list[float] = []
    over = threading.Event()
    errors: list[BaseException] = []

    def restarts() -> None:
        try:
            while not over.wait(dice.uniform(*_BETWEEN_S)):
                away_s = dice.uniform(*_AWAY_S)
                restart(away_s)
                outages.append(away_s)
        except BaseException as error:  # noqa: BLE001 - raised below, in the test's own thread
            errors.append(error)

    thread = threading.Thread(target=restarts, name="restarts")
    thread.start()
    try:
        yield outages
    finally:
        over.set()
        thread.join()
    if errors:
        raise errors[0]
