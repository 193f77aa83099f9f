"""Whatever happens to the landings of a job, in any order, and what is true after each of it.

Hypothesis draws the order: dates are opened, runs land, fail, are killed at any change of a file or
meet an outage of any length, a second one comes, from here or from another host, the clock steps,
the machine starts again, landings are recovered, dates land again, and the data folder is copied.
Publishing, recovery, the store and the projection of execution_log are the real ones; a process is
a number, and what Spark writes two files.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from framework.errors import LockedError, PublishError
from framework.plan import Place
from framework.publish import lock
from framework.publish.processes import LockOwner, ProcessInfo
from framework.publish.publication import publication
from framework.publish.recovery import FileSink, Finding, Job, Recovery
from framework.storage.filesystem import FileSystem
from framework.storage.local import LocalFileSystem
from orch_dagster.control.connect import open_store
from orch_dagster.control.records import COMPLETED, STARTED, ExecutionLog, read_records
from orch_dagster.defs.step.log_writer import ExecutionLogWriter, StepRun
from orch_dagster.errors import PermanentStoreError
from orch_dagster.execution_log import (
    RunEndEvent,
    RunHistory,
    RunStatus,
    StepReport,
    project,
    write_rows,
)
from tests.faulty import FaultyFileSystem, Killed

JOB, JOB_ID = "etl_lnd_ins_sys_t", "J1"
DATES, NEIGHBOUR = ("2024-05-15", "2024-05-16"), "2024-05-14"
TABLES = ("out/a", "out/b")
SINKS = tuple(FileSink(table, ("biz_dt",)) for table in TABLES)
PARTS = ("part-0", "part-1")
# A landing has so many changes of files, or fewer.
MOST_CHANGES = 60
SHORT = settings(
    max_examples=80,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    database=None,
    # Without shrinking, which takes minutes: the steps that fail are shown as they were drawn.
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
MACHINE = "pid:[4026531836] time:[4026531834]"


@dataclass
class Run:
    """A run of one date, as its events tell."""

    biz_dt: str
    owner: LockOwner
    created_at: datetime
    reports: list[StepReport] = field(default_factory=list)
    end: RunEndEvent | None = None

    @property
    def history(self) -> RunHistory:
        return RunHistory(
            self.owner.run_id, self.created_at, (self.biz_dt,), {JOB: JOB_ID}, self.reports,
            end=self.end,
        )  # fmt: skip


class AwayStore:
    """A store that can't be written."""

    def __getattr__(self, name: str) -> Any:
        raise PermanentStoreError(f"{name} failed", store="sqlite")


class Landings(RuleBasedStateMachine):
    """The landings of one job into two tables."""

    tried: ClassVar[Counter[str]] = Counter()
    """What came of the landings and recoveries, of all orders."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="landings-"))
        self.root = self.home / "data"
        # No loss of power here (test_power_loss.py): spare the disk. The threads of this process
        # are other processes.
        self.patches = [
            patch.object(os, "fsync", lambda _: None),
            patch.object(lock, "_held", _Unseen()),
        ]
        for each in self.patches:
            each.start()
        self.store = open_store("sqlite:///control.db", self.home)
        self.store.ensure_tables()
        self.numbers = itertools.count(1)
        self.boot, self.clock_ms = 1, 0
        self.living: set[int] = set()
        self.open: set[str] = set()
        self.runs: list[Run] = []
        # What a date may hold once it is recovered.
        self.may_be = {biz_dt: {"absent"} for biz_dt in DATES}
        for table in TABLES:
            _fill(self.root / table / f"biz_dt={NEIGHBOUR}", "neighbour")

    def teardown(self) -> None:
        """In the end all is recovered and written, and nothing is left."""
        self._recover(self.root, gone="there")
        self._rebuild()
        for biz_dt in DATES:
            assert _content(self.root, biz_dt) in self.may_be[biz_dt]
        rows = self._rows()
        assert len(rows) == len(self.runs)
        assert all(row.status != STARTED for row in rows.values())
        self.store.close()
        for each in self.patches:
            each.stop()
        shutil.rmtree(self.home)

    @initialize()
    def open_first(self) -> None:
        self.open.add(DATES[0])

    @rule()
    def open_another(self) -> None:
        self.open.add(DATES[1])

    @rule(biz_dt=st.sampled_from(DATES), is_away=st.booleans())
    def land(self, biz_dt: str, is_away: bool) -> None:
        """Also a date that has landed, as reprocessing does; the store may be away."""
        self._run(biz_dt, LocalFileSystem(), is_away=is_away)

    @rule(biz_dt=st.sampled_from(DATES))
    def fail(self, biz_dt: str) -> None:
        self._run(biz_dt, LocalFileSystem(), error=ValueError("the job's own"))

    @rule(
        biz_dt=st.sampled_from(DATES),
        at=st.integers(1, MOST_CHANGES),
        when=st.sampled_from(["before", "after", "torn"]),
        host=st.sampled_from(["here", "there"]),
    )
    def kill(self, biz_dt: str, at: int, when: str, host: str) -> None:
        fs = FaultyFileSystem(at, Killed, when, span=None)
        self._run(biz_dt, fs, host=host)  # type: ignore[arg-type]
        self._age()

    @rule(
        biz_dt=st.sampled_from(DATES),
        at=st.integers(1, MOST_CHANGES),
        span=st.integers(1, 6),
        when=st.sampled_from(["before", "after"]),
        dies=st.booleans(),
    )
    def meet_outage(self, biz_dt: str, at: int, span: int, when: str, dies: bool) -> None:
        killed_at = at + span + 1 if dies else None
        fs = FaultyFileSystem(at, OSError, when, span=span, killed_at=killed_at)
        self._run(biz_dt, fs)  # type: ignore[arg-type]
        self._age()

    @rule(biz_dt=st.sampled_from(DATES), step_s=st.integers(-86400, 86400))
    def come_second(self, biz_dt: str, step_s: int) -> None:
        """While one lands, the clock steps and another one and a recovery come."""

        def meanwhile() -> None:
            self.clock_ms += step_s * 1000
            first = self.runs[-1]
            self._run(biz_dt, LocalFileSystem())
            assert self.runs[-1].end is not None
            assert self.runs[-1].end.status is RunStatus.FAILURE
            found = self._findings(self.root)
            assert [f.outcome for f in found if f.biz_dt == first.biz_dt] == ["held"]

        self._run(biz_dt, LocalFileSystem(), meanwhile=meanwhile)

    @rule()
    def recover(self) -> None:
        self._recover(self.root)

    @rule()
    def start_machine_again(self) -> None:
        self.boot += 1
        self.living.clear()

    @rule()
    def step_clock(self) -> None:
        self.clock_ms += 3_600_000

    @precondition(lambda self: self.runs)
    @rule()
    def write_missing_rows(self) -> None:
        self._rebuild()

    @invariant()
    def dates_are_whole_in_a_recovered_copy(self) -> None:
        before = _tree(self.root)
        copy = self.home / "copy"
        shutil.copytree(self.root, copy)
        self._recover(copy, gone="there")
        for biz_dt in DATES:
            found = _content(copy, biz_dt)
            assert found in self.may_be[biz_dt], f"{biz_dt}: {found}, not {self.may_be[biz_dt]}"
        assert _content(copy, NEIGHBOUR) == "neighbour"
        # The original is as it was: each rule's own recovery is the only one.
        assert _tree(self.root) == before
        shutil.rmtree(copy)

    @invariant()
    def each_run_has_one_true_row(self) -> None:
        rows = self._rows()
        for run in self.runs:
            row = rows.get(run.owner.run_id)
            if row is None or run.end is None:
                assert row is None or row.status == STARTED
                continue
            if row.status != STARTED:
                is_completed = run.end.status is RunStatus.SUCCESS
                assert (row.status == COMPLETED) == is_completed, row

    def _run(
        self,
        biz_dt: str,
        fs: FileSystem,
        *,
        host: str = "here",
        is_away: bool = False,
        error: Exception | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        """A run from its first report to its end, or to the death of its process."""
        if biz_dt not in self.open:
            return
        run = self._begin(biz_dt, host)
        log = self._log(run, is_away)
        log.start()
        text = run.owner.run_id
        before = set(self.may_be[biz_dt])
        try:
            with publication(fs, self._places(biz_dt), JOB, biz_dt, run.owner, self._look) as it:
                for staging in it.staging:
                    _fill(Path(staging) / f"biz_dt={biz_dt}", text)
                if meanwhile:
                    meanwhile()
                if error:
                    raise error
                self.may_be[biz_dt] = {*before, text}
                it.commit()
                self.may_be[biz_dt] = {text}
        except Killed:
            self.tried["killed"] += 1
            self.living.discard(run.owner.pid)
            return
        except (ValueError, LockedError, PublishError) as failure:
            is_unknown = "unknown whether" in str(failure)
            if not is_unknown:
                self.may_be[biz_dt] = before
            self.tried["unknown" if is_unknown else type(failure).__name__] += 1
            self._end(run, log, RunStatus.FAILURE, str(failure))
            return
        self.tried["landed"] += 1
        assert _content(self.root, biz_dt) == text
        self._end(run, log, RunStatus.SUCCESS)

    def _begin(self, biz_dt: str, host: str) -> Run:
        number = next(self.numbers)
        self.living.add(number)
        owner = replace(self._process(number), run_id=f"run-{number}", host=host)
        run = Run(biz_dt, owner, datetime.now(timezone.utc))
        self.runs.append(run)
        return run

    def _log(self, run: Run, is_away: bool) -> ExecutionLogWriter:
        step = StepRun(
            run.owner.run_id, run.created_at, lambda report, _: run.reports.append(report)
        )
        first = StepReport(JOB, JOB_ID, (run.biz_dt,), run.created_at)
        store: Any = AwayStore() if is_away else self.store
        return ExecutionLogWriter(step, store, lambda _: None, first)

    def _end(self, run: Run, log: ExecutionLogWriter, status: RunStatus, message: str = "") -> None:
        log.end_all("completed" if status is RunStatus.SUCCESS else "failed", message or None)
        run.end = RunEndEvent(status, datetime.now(timezone.utc), message)
        self.living.discard(run.owner.pid)

    def _rebuild(self) -> None:
        """Fail the runs whose process is gone, and write the rows of all."""
        for run in self.runs:
            if run.end is None and run.owner.pid not in self.living:
                now = datetime.now(timezone.utc)
                run.end = RunEndEvent(RunStatus.FAILURE, now, "the orchestrator died")
            write_rows(self.store, project(run.history))

    def _rows(self) -> dict[str, ExecutionLog]:
        rows = read_records(self.store, ExecutionLog)
        by_run = {str(row.run_id): row for row in rows}
        assert len(by_run) == len(rows), "a run has two rows"
        return by_run

    def _findings(self, root: Path, gone: str = "") -> list[Finding]:
        me = self._process(next(self.numbers))
        recovery = Recovery(
            LocalFileSystem(), root.as_posix(), me, self._look,
            gone_hosts=frozenset(filter(None, [gone])),
        )  # fmt: skip
        return list(recovery.findings(Job(JOB, SINKS)))

    def _recover(self, root: Path, gone: str = "") -> None:
        """Recover, and compare what is said with what is there."""
        for finding in self._findings(root, gone):
            assert finding.outcome == "recovered" or (
                finding.outcome == "held" and not gone and "on there" in finding.text
            ), finding
            direction = re.findall("rolled [a-z]+", finding.text)
            self.tried[" ".join([finding.outcome, *direction])] += 1
            if finding.outcome != "recovered":
                continue
            if finding.biz_dt is None:
                # Its owner was cut off before it had said of which landing it is.
                assert "a lock that was cut off was left" in finding.text, finding
            else:
                found = _content(root, finding.biz_dt)
                assert found in self.may_be[finding.biz_dt], (finding, found)
                assert ("there is no" in finding.text) <= (found == "absent"), finding
                assert ("is in place" in finding.text) <= (found != "absent"), finding

    def _places(self, biz_dt: str) -> list[Place]:
        folder = f"biz_dt={biz_dt}"
        base = self.root.as_posix()
        return [Place(f"{base}/{table}/{folder}", folder, base) for table in TABLES]

    def _process(self, pid: int) -> LockOwner:
        started_ms = pid * 10_000 + self.clock_ms
        return LockOwner(
            f"run-{pid}", "here", pid, started_ms, None, pid * 1_000, f"boot-{self.boot}", MACHINE,
            "m",
        )  # fmt: skip

    def _look(self, pid: int) -> ProcessInfo | None:
        if pid not in self.living:
            return None
        return ProcessInfo(pid * 10_000 + self.clock_ms, pid * 10.0, pid * 1_000)

    def _age(self) -> None:
        """What was just being created is old enough to be judged."""
        for file in self.root.rglob("journal.json*"):
            os.utime(file, (0, 0))


class _Unseen(dict[str, str]):
    def __contains__(self, _: object) -> bool:
        return False


@contextmanager
def temporary_folders(folder: Path) -> Generator[None]:
    """Put the machine's homes below a folder."""
    with patch.object(tempfile, "tempdir", str(folder)):
        yield


def _fill(folder: Path, text: str) -> None:
    folder.mkdir(parents=True)
    for name in PARTS:
        (folder / name).write_text(text)


def _content(root: Path, biz_dt: str) -> str:
    """What both tables hold; a half date, or a mix, shows as several."""
    found: set[str] = set()
    for table in TABLES:
        files = sorted((root / table / f"biz_dt={biz_dt}").glob("*"))
        whole = tuple(file.name for file in files) == PARTS
        found |= {file.read_text() for file in files} if whole else {f"{len(files)} files"}
    return " and ".join(sorted(found)).replace("0 files", "absent")


def _tree(root: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
    }
