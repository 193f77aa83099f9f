"""Runs that end with the code server that started them: before it waits for them."""

from __future__ import annotations

import threading

import pytest
from dagster._grpc import server

from orch_dagster.defs.dagster_internals.server_stop import cancel_runs_with_their_server

CALLS: list[str] = []


class Run:
    def set(self) -> None:
        CALLS.append("terminated")


@pytest.fixture
def _servers(monkeypatch: pytest.MonkeyPatch) -> None:
    CALLS.clear()

    def cleanup(_self: server.DagsterApiServer) -> None:
        CALLS.append("cleaned up")

    # Raises if Dagster's server has no such method any more.
    monkeypatch.setattr(server.DagsterApiServer, "cleanup", cleanup)


@pytest.mark.usefixtures("_servers")
def test_runs_are_ended_before_the_server_waits_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    cancel_runs_with_their_server()
    # A reload of the location loads this code again.
    cancel_runs_with_their_server()
    stopped = object.__new__(server.DagsterApiServer)
    monkeypatch.setattr(stopped, "_execution_lock", threading.Lock(), raising=False)
    runs = {"first": Run(), "second": Run()}
    monkeypatch.setattr(stopped, "_termination_events", runs, raising=False)
    stopped.cleanup()
    assert CALLS == ["terminated", "terminated", "cleaned up"]
