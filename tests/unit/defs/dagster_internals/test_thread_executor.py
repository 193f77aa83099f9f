"""Steps in threads: side by side up to the cap, children after their parents, stopped together."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterEventType, DagsterInstance, DagsterRunStatus
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from sqlalchemy.exc import OperationalError

from orch_dagster.defs.dagster_internals.thread_executor import ThreadExecutor, current_stop

WAIT_S = 60


# Dagster leaves SIGTERM handled as SIGINT is.
pytestmark = pytest.mark.usefixtures("own_signals")


class Guard:
    """Lets a run go on until it is told why not.

    Attributes:
        reason: Why not.
        run_ids: The runs that it was started for.
        asked: Counts how often it was asked, once it has a reason.
    """

    def __init__(self) -> None:
        self.reason: Exception | None = None
        self.is_closed = False
        self.run_ids: list[str] = []
        self.asked = threading.Semaphore(0)

    def start(self, instance: DagsterInstance, run_id: str, warn: Callable[[str], None]) -> Guard:
        assert instance.get_run_by_id(run_id) is not None
        warn("watched")
        self.run_ids.append(run_id)
        return self

    def reason_to_end(self) -> Exception | None:
        if self.reason is not None:
            self.asked.release()
        return self.reason

    def close(self) -> None:
        self.is_closed = True


def job(
    bodies: Mapping[str, Callable[[], object]],
    parents: Mapping[str, Sequence[str]] | None = None,
    cap: int = 4,
    guard: Guard | None = None,
) -> dg.JobDefinition:
    """A job of ops that call the bodies, each after its parents."""
    waits = parents or {}
    watching = guard or Guard()

    @dg.executor(name="threads")
    def threads(_context: dg.InitExecutorContext) -> ThreadExecutor:
        return ThreadExecutor(cap, watching.start)

    def op(name: str, body: Callable[[], object]) -> dg.OpDefinition:
        # Unannotated: Dagster looks at the type of the context itself.
        def compute(_context, _inputs):  # type: ignore[no-untyped-def]
            body()
            yield dg.Output(None, "result")

        return dg.OpDefinition(
            compute,
            name=name,
            ins={f"parent_{n}": dg.In(dg.Nothing) for n in range(len(waits.get(name, ())))},
            outs={"result": dg.Out(dg.Nothing)},
        )

    return dg.GraphDefinition(
        name="steps",
        node_defs=[op(name, body) for name, body in bodies.items()],
        dependencies={
            child: {f"parent_{n}": dg.DependencyDefinition(p) for n, p in enumerate(its)}
            for child, its in waits.items()
        },
    ).to_job(executor_def=threads)


def run(definition: dg.JobDefinition, instance: DagsterInstance) -> str:
    """Execute it in this process; returns the run id."""
    made = instance.create_run_for_job(definition)
    execute_run(InMemoryJob(definition), made, instance, raise_on_error=False)
    return made.run_id


def steps(instance: DagsterInstance, run_id: str, kind: DagsterEventType) -> list[str]:
    entries = instance.all_logs(run_id, of_type=kind)
    return [str(entry.dagster_event.step_key) for entry in entries if entry.dagster_event]


def status(instance: DagsterInstance, run_id: str) -> DagsterRunStatus:
    found = instance.get_run_by_id(run_id)
    assert found is not None
    return found.status


def test_independent_steps_go_side_by_side(instance: DagsterInstance) -> None:
    # Each waits until all three are there: one after another they never would be.
    together = threading.Barrier(3)
    run_id = run(job({name: lambda: together.wait(WAIT_S) for name in "abc"}), instance)

    assert status(instance, run_id) is DagsterRunStatus.SUCCESS
    assert sorted(steps(instance, run_id, DagsterEventType.STEP_SUCCESS)) == ["a", "b", "c"]


def test_no_more_than_the_cap_at_once(instance: DagsterInstance) -> None:
    pair, running, most = threading.Barrier(2), set[str](), list[int]()

    def body(name: str) -> Callable[[], object]:
        def called() -> None:
            running.add(name)
            most.append(len(running))
            pair.wait(WAIT_S)
            running.remove(name)

        return called

    run_id = run(job({name: body(name) for name in "abcdef"}, cap=2), instance)

    assert status(instance, run_id) is DagsterRunStatus.SUCCESS
    assert max(most) <= 2


def test_children_start_when_all_their_parents_have_ended(instance: DagsterInstance) -> None:
    order: list[str] = []
    bodies = {name: lambda name=name: order.append(name) for name in "dcba"}
    run(job(bodies, {"b": "a", "c": "a", "d": "bc"}), instance)

    assert (order[0], sorted(order[1:3]), order[3]) == ("a", ["b", "c"], "d")


def test_a_failed_step_stops_its_children_and_nobody_else(instance: DagsterInstance) -> None:
    called: list[str] = []

    def fail() -> None:
        raise dg.Failure("no rows", allow_retries=False)

    bodies = {"a": fail} | {name: lambda name=name: called.append(name) for name in "bcx"}
    run_id = run(job(bodies, {"b": "a", "c": "b"}), instance)

    assert status(instance, run_id) is DagsterRunStatus.FAILURE
    assert called == ["x"]
    assert steps(instance, run_id, DagsterEventType.STEP_FAILURE) == ["a"]
    assert steps(instance, run_id, DagsterEventType.STEP_START).count("b") == 0


@pytest.mark.skipif(os.name == "nt", reason="os.kill ends the process there")
def test_an_interrupt_reaches_every_step_and_starts_no_other(instance: DagsterInstance) -> None:
    together, stopped, called = threading.Barrier(2), list[str](), list[str]()

    def body(name: str) -> Callable[[], object]:
        def wait_for_stop() -> None:
            if together.wait(WAIT_S) == 0:
                os.kill(os.getpid(), signal.SIGINT)
            assert current_stop().wait(WAIT_S)
            stopped.append(name)

        return wait_for_stop

    bodies = {name: body(name) for name in "ab"} | {"c": lambda: called.append("c")}
    run_id = run(job(bodies, {"c": "a"}), instance)

    assert sorted(stopped) == ["a", "b"]
    assert called == []
    assert status(instance, run_id) in (DagsterRunStatus.CANCELED, DagsterRunStatus.FAILURE)


def test_the_page_finds_each_steps_log(instance: DagsterInstance) -> None:
    run_id = run(job({"a": lambda: None}), instance)

    (entry,) = instance.all_logs(run_id, of_type=DagsterEventType.LOGS_CAPTURED)
    assert entry.dagster_event is not None
    assert entry.dagster_event.logs_captured_data.step_keys == ["a"]


def test_a_guard_ends_the_run_and_its_steps_know_why(instance: DagsterInstance) -> None:
    guard, faults, called = Guard(), list[str | None](), list[str]()

    def body() -> None:
        guard.reason = ValueError("nobody waits for this run")
        stop = current_stop()
        assert stop.wait(WAIT_S)
        faults.append(stop.fault)

    bodies = {"a": body, "b": lambda: called.append("b")}
    run_id = run(job(bodies, {"b": "a"}, guard=guard), instance)

    assert guard.run_ids == [run_id]
    assert faults == ["nobody waits for this run"]
    assert called == []
    assert status(instance, run_id) is DagsterRunStatus.FAILURE


def test_a_run_whose_events_cannot_be_written_ends_and_its_steps_know_why(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults, begun, real = list[str | None](), threading.Event(), instance.handle_new_event
    is_full = threading.Event()

    def handle(event: Any, **more: Any) -> None:
        if is_full.is_set():
            raise OperationalError("INSERT", {}, Exception("database or disk is full\nmore"))
        real(event, **more)

    def waits() -> None:
        begun.set()
        stop = current_stop()
        assert stop.wait(WAIT_S)
        faults.append(stop.fault)

    def ends() -> None:
        assert begun.wait(WAIT_S)
        is_full.set()

    monkeypatch.setattr(instance, "handle_new_event", handle)
    with pytest.raises(OperationalError, match="disk is full"):
        run(job({"waits": waits, "ends": ends}), instance)
    assert faults == ["the run can't go on: database or disk is full"]


def test_a_guard_is_asked_for_as_long_as_steps_take_to_end(instance: DagsterInstance) -> None:
    """It sends the heartbeats, without which the run would count as dead."""
    guard, asked = Guard(), list[bool]()

    def body() -> None:
        guard.reason = ValueError("nobody waits for this run")
        assert current_stop().wait(WAIT_S)
        asked.extend(guard.asked.acquire(timeout=WAIT_S / 4) for _ in range(3))

    run(job({"a": body}, guard=guard), instance)
    assert asked == [True, True, True]


def test_a_step_is_tried_again_as_its_failure_asks(instance: DagsterInstance) -> None:
    tries: list[int] = []

    def body() -> None:
        tries.append(len(tries))
        if len(tries) < 3:
            raise dg.RetryRequested(max_retries=2)

    run_id = run(job({"a": body}), instance)

    assert tries == [0, 1, 2]
    assert status(instance, run_id) is DagsterRunStatus.SUCCESS
    assert steps(instance, run_id, DagsterEventType.STEP_RESTARTED) == ["a", "a"]


def test_a_pools_limit_holds_between_steps(stored: DagsterInstance) -> None:
    running, most = set[str](), list[int]()

    @dg.op(pool="one")
    def first() -> None:
        running.add("first")
        most.append(len(running))
        running.remove("first")

    @dg.op(pool="one")
    def second() -> None:
        running.add("second")
        most.append(len(running))
        running.remove("second")

    @dg.executor(name="threads")
    def threads(_context: dg.InitExecutorContext) -> ThreadExecutor:
        return ThreadExecutor(2, Guard().start)

    @dg.job(executor_def=threads)
    def both() -> None:
        first()
        second()

    stored.event_log_storage.set_concurrency_slots("one", 1)
    run_id = run(both, stored)

    assert status(stored, run_id) is DagsterRunStatus.SUCCESS
    assert most == [1, 1]
    slots = stored.event_log_storage.get_concurrency_info("one")
    assert (slots.slot_count, slots.active_slot_count) == (1, 0)
