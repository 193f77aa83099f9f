"""Progress of a run on stderr, at a terminal with a bar for each job."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text
from typing_extensions import override

from framework.contract.visible import visible
from orch_dagster.cli import output
from orch_dagster.spark.progress import Stage, watched_by

if TYPE_CHECKING:
    from dagster import DagsterEvent, DagsterInstance

    from orch_dagster.cli.date_counts import DateCounts

_POLL_S = 0.3
# From this width on there is room for the line in the job's code.
_WIDE = 120


@contextmanager
def progress(
    instance: DagsterInstance, run_tags: Mapping[str, str], job_name: str, counts: DateCounts
) -> Generator[None]:
    """Print the progress of a run of this process on stderr, within the block.

    Args:
        instance: The instance of the run.
        run_tags: Tags that identify the run.
        job_name: The name of the job or group.
        counts: Counts the dates of the command.
    """
    console = output.new_console(to_stderr=True)
    over = threading.Event()
    with Bars(console, job_name) as bars, watched_by(bars.stages):
        printer = _EventPrinter(instance, run_tags, console, bars, counts)
        thread = threading.Thread(target=printer.print_until, args=(over,), name="progress")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


class _Clipped(ProgressColumn):
    """A text of a bar, cut where the terminal is too narrow for the whole line."""

    def __init__(self, field: str) -> None:
        super().__init__()
        self._field = field

    @override
    def render(self, task: Task) -> Text:
        text = task.fields.get(self._field, task.description)
        return Text(visible(str(text)), no_wrap=True, overflow="ellipsis")


class Bars:
    """A bar for each job that runs, with the tasks of its active stages; only at a terminal."""

    def __init__(self, console: output.Console, job_name: str) -> None:
        columns = [
            SpinnerColumn(),
            _Clipped("description"),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[done]}", markup=False),
            TimeElapsedColumn(),
        ]
        if console.width >= _WIDE:
            columns.insert(-1, _Clipped("place"))
        self._shown = Progress(*columns, console=console, transient=True)
        self._is_shown = console.is_interactive
        # The requested job or group has a bar from the start.
        self._bars: dict[str, TaskID] = {job_name: self._add(job_name)}

    def __enter__(self) -> Bars:
        if self._is_shown:
            self._shown.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_shown:
            self._shown.stop()

    def begun(self, job_name: str) -> None:
        """Show a bar for the job."""
        if job_name not in self._bars:
            self._bars[job_name] = self._add(job_name)

    def stages(self, job_name: str, stages: Sequence[Stage]) -> None:
        """Show the progress of the job's active stages; called by the job's own thread."""
        # No lock: the job's last report precedes its end, which removes the bar.
        bar = self._bars.get(job_name)
        if bar is None:
            return
        if not stages:
            # Between stages the number of tasks is unknown.
            self._shown.update(bar, total=None, completed=0, done="", place="")
            return
        tasks = sum(stage.tasks for stage in stages)
        done = sum(stage.done for stage in stages)
        what = f"stage {stages[0].stage_id}" if len(stages) == 1 else f"{len(stages)} stages"
        self._shown.update(
            bar,
            total=tasks,
            completed=done,
            done=f"{what}: {done} of {tasks} tasks",
            place=stages[0].name,
        )

    def ended(self, job_name: str) -> None:
        """Remove the bar of the job."""
        if (bar := self._bars.pop(job_name, None)) is not None:
            self._shown.remove_task(bar)

    def _add(self, job_name: str) -> TaskID:
        return self._shown.add_task(job_name, total=None, done="", place="")


class _EventPrinter:
    """Follows one run's events and prints those of interest to people."""

    def __init__(
        self,
        instance: DagsterInstance,
        run_tags: Mapping[str, str],
        console: output.Console,
        bars: Bars,
        counts: DateCounts,
    ) -> None:
        self._instance = instance
        self._run_tags = run_tags
        self._console = console
        self._bars = bars
        self._counts = counts
        self._run_id: str | None = None
        self._cursor: str | None = None

    def print_until(self, over: threading.Event) -> None:
        """Print new events until the run is over, and once more then."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            while not over.wait(_POLL_S):
                self._print_new()
            self._print_new()
        except (SQLAlchemyError, OSError):
            # Progress is only shown; the run itself says why Dagster's storage can't be used.
            return

    def _print_new(self) -> None:
        import dagster as dg
        from dagster import DagsterEventType

        from orch_dagster.defs.dagster_internals.run_events import events_after

        if self._run_id is None:
            records = self._instance.get_run_records(dg.RunsFilter(tags=self._run_tags), limit=1)
            if not records:
                return
            self._run_id = records[0].dagster_run.run_id
        kinds = {
            DagsterEventType.ENGINE_EVENT,
            DagsterEventType.ASSET_MATERIALIZATION,
            DagsterEventType.STEP_FAILURE,
            DagsterEventType.STEP_SUCCESS,
            DagsterEventType.STEP_UP_FOR_RETRY,
        }
        events, self._cursor = events_after(self._instance, self._run_id, self._cursor, kinds)
        for event in events:
            if event.step_key is None:
                continue
            ended = event.event_type in (
                DagsterEventType.STEP_FAILURE,
                DagsterEventType.STEP_SUCCESS,
            )
            if ended:
                self._bars.ended(event.step_key)
            else:
                self._bars.begun(event.step_key)
            for sentence in self._sentences(event):
                self._console.print(visible(sentence))

    def _sentences(self, event: DagsterEvent) -> Iterator[str]:
        from dagster import DagsterEventType

        from orch_dagster.defs.runs.history import reported_step

        if self._counts.is_of_many:
            if event.event_type is DagsterEventType.ASSET_MATERIALIZATION:
                # Its landing was told when it was reported, perhaps long before.
                return
            if (report := reported_step(event)) and report.ends:
                yield from self._counts.sentences(report)
                return
        if sentence := _sentence(event):
            yield sentence


def _sentence(event: object) -> str:
    import dagster as dg
    from dagster import DagsterEvent

    from orch_dagster.defs.dagster_internals.failures import step_failure_reason

    assert isinstance(event, DagsterEvent)
    if event.event_type is dg.DagsterEventType.STEP_SUCCESS:
        # Its materializations are printed instead.
        return ""
    if event.event_type is dg.DagsterEventType.STEP_FAILURE:
        return f"{event.step_key} failed: {step_failure_reason(event)}"
    if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
        metadata = event.step_materialization_data.materialization.metadata
        rows, path = metadata.get("dagster/partition_row_count"), metadata.get("path")
        return f"{event.step_key} landed" + (
            f" {rows.value:,} rows in {path.value}" if rows and path else ""
        )
    return event.message or ""
