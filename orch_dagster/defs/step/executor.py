"""Steps side by side in the run's own process.

A step of ours only waits for a child process, so a thread is enough, and nothing reloads the code
location. Dagster 1.13.27 has no such executor; this one stands on ActiveExecution and
dagster_event_sequence_for_step, which are Dagster's own inside: the version is pinned and
tests/defs/test_executor.py holds it.
"""

from __future__ import annotations

import contextvars
import multiprocessing
import os
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events import DagsterEvent, EngineEventData
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
from sqlalchemy.exc import SQLAlchemyError

from orch_dagster.defs.runs.liveness import HEARTBEAT_S, heartbeat_tags, process_tags
from orch_dagster.errors import OrchError

# How soon an interrupt is seen: Python runs signal handlers between the main thread's waits.
_INTERRUPT_CHECK_S = 0.2


class Stop(threading.Event):
    """Set when a step must end.

    Attributes:
        fault: Why, where nobody asked for it.
    """

    fault: str | None = None


class AbandonedRunError(OrchError):
    """The process that a run belongs to is gone, so the run has ended its steps."""


_stop: contextvars.ContextVar[Stop] = contextvars.ContextVar("stop")


def current_stop() -> Stop:
    """Set when the step that asks must end; never set under another executor."""
    return _stop.get(Stop())


@dataclass(frozen=True)
class _StepOver:
    """A step's thread has no more events; ``error`` is what it could not turn into one."""

    key: str
    error: BaseException | None


_Word = DagsterEvent | _StepOver


@dataclass
class _Steps:
    """The steps that run now, and what they say."""

    context: PlanExecutionContext
    words: queue.SimpleQueue[_Word] = field(default_factory=queue.SimpleQueue)
    running: dict[str, tuple[threading.Thread, Stop]] = field(default_factory=dict)

    def start(self, step: ExecutionStep, active: ActiveExecution) -> None:
        stop = Stop()
        step_context = self.context.for_step(step, active.get_known_state())

        def run() -> None:
            _stop.set(stop)
            error: BaseException | None = None
            try:
                for event in dagster_event_sequence_for_step(step_context):
                    self.words.put(event)
            except BaseException as caught:  # noqa: BLE001 - handed to the main thread
                error = caught
            self.words.put(_StepOver(step.key, error))

        # Who watches this run is told by the context.
        run_here = contextvars.copy_context().run
        thread = threading.Thread(target=run_here, args=(run,), name=f"step {step.key}")
        self.running[step.key] = (thread, stop)
        thread.start()

    def next_word(self, wait_s: float) -> _Word | None:
        try:
            return self.words.get(timeout=wait_s)
        except queue.Empty:
            return None

    def stop(self, fault: str | None = None) -> None:
        for _, stop in self.running.values():
            stop.fault = fault
            stop.set()

    def over(self, key: str) -> None:
        thread, _ = self.running.pop(key)
        thread.join()


def _reason_to_end(active: ActiveExecution) -> BaseException | None:
    """What a run that has to end early raises then, None while it may go on."""
    if active.check_for_interrupts():
        return DagsterExecutionInterruptedError()
    # A process of a code server outlives its parent; one that a command started has none here.
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        return AbandonedRunError("the code server that started the run died")
    return None


class _Heartbeat:
    """Says by a tag of the run that its process lives."""

    def __init__(self, context: PlanExecutionContext) -> None:
        self._context = context
        self._next_s = time.monotonic() + HEARTBEAT_S

    def due(self) -> None:
        """Say so if it is time again."""
        if time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + HEARTBEAT_S
        try:
            self._context.instance.add_run_tags(self._context.run_id, heartbeat_tags())
        except SQLAlchemyError as error:
            # The job is none the worse: the next beat may reach Dagster's storage.
            self._context.log.warning(f"the run could not say that it lives: {error}")


class ThreadExecutor(dg.Executor):
    """Runs the steps of a plan in threads of this process.

    Args:
        max_concurrent: How many at once.
    """

    def __init__(self, max_concurrent: int) -> None:
        self._max_concurrent = max_concurrent

    @property
    def retries(self) -> RetryMode:
        """Retry policies of ops are obeyed."""
        return RetryMode.ENABLED

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        """Run the plan; see dagster.Executor."""
        plan_context.instance.add_run_tags(plan_context.run_id, process_tags())
        yield DagsterEvent.engine_event(
            plan_context,
            f"Executing up to {self._max_concurrent} steps at once in this process "
            f"(pid: {os.getpid()})",
            EngineEventData.in_process(os.getpid(), execution_plan.step_keys_to_execute),
        )
        yield from ExecuteRunWithPlanIterable(
            execution_plan=plan_context.execution_plan,
            iterator=self._iterate,
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

    def _iterate(
        self, job_context: PlanExecutionContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        steps = _Steps(job_context)
        errors: list[BaseException] = []
        ending: BaseException | None = None
        beat = _Heartbeat(job_context)
        with (
            InstanceConcurrencyContext(job_context.instance, job_context.dagster_run) as slots,
            execution_plan.start(
                retry_mode=self.retries,
                max_concurrent=self._max_concurrent,
                instance_concurrency_context=slots,
            ) as active,
        ):
            try:
                while steps.running or not (ending or active.is_complete):
                    if ending is None and (ending := _reason_to_end(active)):
                        active.mark_interrupted()
                        steps.stop(str(ending) or None)
                    if ending is None:
                        yield from self._start_ready(steps, active)
                    beat.due()
                    word = steps.next_word(_INTERRUPT_CHECK_S)
                    if isinstance(word, DagsterEvent):
                        yield word
                        active.handle_event(word)
                    elif word is not None:
                        steps.over(word.key)
                        if word.error is not None:
                            errors.append(word.error)
                        active.verify_complete(job_context, word.key)
                    if ending is None:
                        yield from active.plan_events_iterator(job_context)
            finally:
                # Left early (an error of Dagster's own, or the generator was closed): no step
                # may outlive its run.
                steps.stop()
                for key in list(steps.running):
                    steps.over(key)
            if ending is not None:
                raise ending
            if errors:
                raise errors[0]

    def _start_ready(self, steps: _Steps, active: ActiveExecution) -> Iterator[DagsterEvent]:
        ready = active.get_steps_to_execute(limit=self._max_concurrent - len(steps.running))
        yield from active.concurrency_event_iterator(steps.context)
        logs = steps.context.instance.compute_log_manager
        for step in ready:
            # By this the run's page finds what the step's job prints.
            log_key = logs.build_log_key_for_run(steps.context.run_id, step.key)
            yield DagsterEvent.capture_logs(
                steps.context, [step.key], log_key, CapturedLogContext(log_key)
            )
            steps.start(step, active)


def thread_executor(max_concurrent: int) -> dg.ExecutorDefinition:
    """The executor of every job here.

    Args:
        max_concurrent: Steps at once, unless a run's config says otherwise.
    """

    @dg.executor(
        name="threads",
        config_schema={
            "max_concurrent": dg.Field(
                int, default_value=max_concurrent, description="How many jobs run at once."
            )
        },
    )
    def threads(init_context: dg.InitExecutorContext) -> ThreadExecutor:
        return ThreadExecutor(cast(int, init_context.executor_config["max_concurrent"]))

    return threads
