"""An executor that runs the steps of a plan in threads of the run's own process.

Missing: an executor in threads, or a public way to execute one step of a plan. Buys: ten trivial
steps side by side take less than 1 s, 9 s in Dagster's forkserver and 22 s by spawn, as each
process loads the code location again. Can go when Dagster has an executor in threads.
"""

from __future__ import annotations

import contextvars
import os
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import dagster as dg
from dagster._core.events import EngineEventData
from dagster._core.execution.api import ExecuteRunWithPlanIterable
from dagster._core.execution.context.system import PlanExecutionContext, PlanOrchestrationContext
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.execute_plan import dagster_event_sequence_for_step
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.step import ExecutionStep
from dagster._core.execution.retries import RetryMode
from dagster._core.storage.compute_log_manager import CapturedLogContext

from orch_dagster.defs.dagster_internals.output_events import quiet_outputs

# The longest delay of an interrupt, as Python runs signal handlers between the main thread's waits.
_INTERRUPT_CHECK_S = 0.2


class StopSignal(threading.Event):
    """Set when a step must end.

    Attributes:
        fault: Why the step must end, unless a person asked for it.
    """

    fault: str | None = None


_stop_signal: contextvars.ContextVar[StopSignal] = contextvars.ContextVar("stop_signal")


def current_stop() -> StopSignal:
    """Return the signal by which the calling step must end; another executor never sets it."""
    return _stop_signal.get(StopSignal())


class RunGuard(Protocol):
    """Watches over a run between the messages of its steps."""

    def reason_to_end(self) -> Exception | None:
        """Return the error with which the run must end early, or None.

        It is called several times a second, also while the run ends.
        """
        ...

    def close(self) -> None:
        """Do what is left once the steps of the run have ended."""
        ...


GuardRun = Callable[[dg.DagsterInstance, str, Callable[[str], None]], RunGuard]
"""Starts the guard of a run: its instance, its id, and where to warn."""


@dataclass(frozen=True)
class _StepFinished:
    """The end of a step's thread, with what it could not turn into an event."""

    key: str
    stop: StopSignal
    error: BaseException | None


_StepMessage = dg.DagsterEvent | _StepFinished


@dataclass
class _RunningSteps:
    """The threads of the steps that run, and the queue of their messages."""

    context: PlanExecutionContext
    messages: queue.SimpleQueue[_StepMessage] = field(default_factory=queue.SimpleQueue)
    threads: dict[str, tuple[threading.Thread, StopSignal]] = field(default_factory=dict)

    def start(self, step: ExecutionStep, active: ActiveExecution) -> None:
        stop = StopSignal()
        step_context = self.context.for_step(step, active.get_known_state())
        quiet_outputs(step_context)

        def run() -> None:
            _stop_signal.set(stop)
            error: BaseException | None = None
            try:
                for event in dagster_event_sequence_for_step(step_context):
                    self.messages.put(event)
            except BaseException as caught:  # noqa: BLE001 - the main thread raises it
                error = caught
            self.messages.put(_StepFinished(step.key, stop, error))

        if step.key in self.threads:
            # The earlier attempt requested this one, so its thread is about to end.
            self.join(step.key)
        # The context holds the watcher of this run's progress.
        run_here = contextvars.copy_context().run
        thread = threading.Thread(target=run_here, args=(run,), name=f"step {step.key}")
        self.threads[step.key] = (thread, stop)
        thread.start()

    def next_message(self) -> _StepMessage | None:
        try:
            return self.messages.get(timeout=_INTERRUPT_CHECK_S)
        except queue.Empty:
            return None

    def stop(self, fault: str | None = None) -> None:
        for _, stop in self.threads.values():
            stop.fault = fault
            stop.set()

    def is_newest(self, finished: _StepFinished) -> bool:
        return self.threads[finished.key][1] is finished.stop

    def join(self, key: str) -> None:
        thread, _ = self.threads.pop(key)
        thread.join()

    def end_all(self) -> None:
        for _, stop in self.threads.values():
            # With its fault, if it has one.
            stop.set()
        for key in list(self.threads):
            self.join(key)


@dataclass
class _PlanLoop:
    """The main thread's part of a run: start steps, pass their events on, end them."""

    steps: _RunningSteps
    active: ActiveExecution
    guard: RunGuard
    max_concurrent: int
    ending: BaseException | None = None
    errors: list[BaseException] = field(default_factory=list)

    def run(self) -> Iterator[dg.DagsterEvent]:
        try:
            while self.steps.threads or not (self.ending or self.active.is_complete):
                self._end_if_needed()
                if self.ending is None:
                    yield from self._start_ready_steps()
                yield from self._handle_message()
                if self.ending is None:
                    yield from self.active.plan_events_iterator(self.steps.context)
        except Exception as error:
            # An event that Dagster's storage can't take, above all: nobody asked for the stop.
            cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            self.steps.stop(f"the run can't go on: {cause}")
            raise
        finally:
            # No step may outlive its run, also after an error of Dagster or a closed generator.
            self.steps.end_all()
        if self.ending is not None:
            raise self.ending
        if self.errors:
            raise self.errors[0]

    def _end_if_needed(self) -> None:
        # Also of a run that ends: its steps may take long to stop, and it has to be seen alive.
        reason = self.guard.reason_to_end()
        if self.ending is not None:
            return
        interrupted = self.active.check_for_interrupts()
        self.ending = dg.DagsterExecutionInterruptedError() if interrupted else reason
        if self.ending is not None:
            self.active.mark_interrupted()
            self.steps.stop(str(self.ending) or None)

    def _start_ready_steps(self) -> Iterator[dg.DagsterEvent]:
        context = self.steps.context
        free = self.max_concurrent - len(self.steps.threads)
        ready = self.active.get_steps_to_execute(limit=free)
        yield from self.active.concurrency_event_iterator(context)
        logs = context.instance.compute_log_manager
        for step in ready:
            # By this event the run's page finds the output of the step's job.
            log_key = logs.build_log_key_for_run(context.run_id, step.key)
            yield dg.DagsterEvent.capture_logs(
                context, [step.key], log_key, CapturedLogContext(log_key)
            )
            self.steps.start(step, self.active)

    def _handle_message(self) -> Iterator[dg.DagsterEvent]:
        message = self.steps.next_message()
        if isinstance(message, dg.DagsterEvent):
            yield message
            self.active.handle_event(message)
        elif message is not None:
            if message.error is not None:
                self.errors.append(message.error)
            if self.steps.is_newest(message):
                self.steps.join(message.key)
                self.active.verify_complete(self.steps.context, message.key)


class ThreadExecutor(dg.Executor):
    """Runs the steps of a plan in threads of this process.

    Args:
        max_concurrent: The number of concurrent steps.
        guard_run: Starts the guard of each run.
    """

    def __init__(self, max_concurrent: int, guard_run: GuardRun) -> None:
        self._max_concurrent = max_concurrent
        self._guard_run = guard_run

    @property
    def retries(self) -> RetryMode:
        """The mode in which Dagster obeys the retry policies of ops."""
        return RetryMode.ENABLED

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Run the plan and yield its events."""
        guard = self._guard_run(
            plan_context.instance, plan_context.run_id, plan_context.log.warning
        )
        yield dg.DagsterEvent.engine_event(
            plan_context,
            f"Executing up to {self._max_concurrent} steps at once in this process "
            f"(pid: {os.getpid()})",
            EngineEventData.in_process(os.getpid(), execution_plan.step_keys_to_execute),
        )
        yield from ExecuteRunWithPlanIterable(
            execution_plan=plan_context.execution_plan,
            iterator=partial(self._events, guard),
            execution_context_manager=PlanExecutionContextManager(
                job=plan_context.job,
                retry_mode=plan_context.retry_mode,
                execution_plan=plan_context.execution_plan,
                run_config=plan_context.run_config,
                dagster_run=plan_context.dagster_run,
                instance=plan_context.instance,
                raise_on_error=plan_context.raise_on_error,
                output_capture=plan_context.output_capture,
                step_dependency_config=self.step_dependency_config,
            ),
        )

    def _events(
        self, guard: RunGuard, job_context: PlanExecutionContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        # Dagster passes the last two by name.
        with (
            InstanceConcurrencyContext(job_context.instance, job_context.dagster_run) as slots,
            execution_plan.start(
                retry_mode=self.retries,
                max_concurrent=self._max_concurrent,
                instance_concurrency_context=slots,
            ) as active,
        ):
            steps = _RunningSteps(job_context)
            try:
                yield from _PlanLoop(steps, active, guard, self._max_concurrent).run()
            finally:
                guard.close()
