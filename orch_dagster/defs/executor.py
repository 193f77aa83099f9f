"""Steps side by side in the run's own process.

A step of ours only waits for a child process, so a thread is enough, and nothing reloads the code
location. Dagster 1.13.27 has no such executor; this one stands on ActiveExecution and
dagster_event_sequence_for_step, which are Dagster's own inside: the version is pinned and
tests/defs/test_executor.py holds it.
"""

from __future__ import annotations

import contextvars
import os
import queue
import threading
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

from orch_dagster.defs.liveness import process_tags

# How soon an interrupt is seen: Python runs signal handlers between the main thread's waits.
_INTERRUPT_CHECK_S = 0.2

_stop: contextvars.ContextVar[threading.Event] = contextvars.ContextVar("stop")


def current_stop() -> threading.Event:
    """Set when the step that asks must end; never set under another executor."""
    return _stop.get(threading.Event())


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
    running: dict[str, tuple[threading.Thread, threading.Event]] = field(default_factory=dict)

    def start(self, step: ExecutionStep, active: ActiveExecution) -> None:
        stop = threading.Event()
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

        thread = threading.Thread(target=run, name=f"step {step.key}")
        self.running[step.key] = (thread, stop)
        thread.start()

    def next_word(self, wait_s: float) -> _Word | None:
        try:
            return self.words.get(timeout=wait_s)
        except queue.Empty:
            return None

    def stop(self) -> None:
        for _, stop in self.running.values():
            stop.set()

    def over(self, key: str) -> None:
        thread, _ = self.running.pop(key)
        thread.join()


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
        interrupted = False
        with (
            InstanceConcurrencyContext(job_context.instance, job_context.dagster_run) as slots,
            execution_plan.start(
                retry_mode=self.retries,
                max_concurrent=self._max_concurrent,
                instance_concurrency_context=slots,
            ) as active,
        ):
            try:
                while steps.running or not (interrupted or active.is_complete):
                    if active.check_for_interrupts():
                        interrupted = True
                        active.mark_interrupted()
                        steps.stop()
                    if not interrupted:
                        yield from self._start_ready(steps, active)
                    word = steps.next_word(_INTERRUPT_CHECK_S)
                    if isinstance(word, DagsterEvent):
                        yield word
                        active.handle_event(word)
                    elif word is not None:
                        steps.over(word.key)
                        if word.error is not None:
                            errors.append(word.error)
                        active.verify_complete(job_context, word.key)
                    if not interrupted:
                        yield from active.plan_events_iterator(job_context)
            finally:
                # Left early (an error of Dagster's own, or the generator was closed): no step
                # may outlive its run.
                steps.stop()
                for key in list(steps.running):
                    steps.over(key)
            if interrupted:
                raise DagsterExecutionInterruptedError
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
