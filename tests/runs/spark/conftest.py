"""Real processes, marked in their environment so that each stray of a test can be found."""

from __future__ import annotations

import gc
import os
import sys
import textwrap
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.waiting import wait_until

MARK = "ORCH_TEST_MARK"


@dataclass(frozen=True)
class Program:
    """A command as `run_supervised` takes it."""

    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)


@dataclass
class Bench:
    """Makes marked programs and finds what is left of them."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def python(self, source: str, *arguments: str, **env: str) -> Program:
        """A Python program with this test's mark."""
        script = self.folder / f"program-{uuid.uuid4().hex}.py"
        script.write_text(textwrap.dedent(source), encoding="utf-8")
        argv = (sys.executable, str(script), *arguments)
        return Program(argv, {MARK: self.mark, **env})

    def strays(self) -> list[psutil.Process]:
        """Every living process that carries the mark (supervisors carry it too)."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            try:
                alive = process.status() != psutil.STATUS_ZOMBIE
                if alive and process.environ().get(MARK) == self.mark:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def assert_nothing_left(self, timeout_s: float = 0.0) -> None:
        """Nothing that this test started is alive, at the latest after the timeout."""
        if timeout_s:
            wait_until(lambda: not self.strays(), f"the end of {self.strays()}", timeout_s)
        assert self.strays() == []


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A place for programs; whatever a failed test leaves is killed by its id."""
    made = Bench(tmp_path)
    yield made
    for stray in made.strays():
        stray.kill()


@pytest.fixture
def own_threads() -> Iterator[None]:
    """Fails when a thread or a descriptor outlives the test."""
    # What tests before this one left to the garbage collector is closed now, not in between.
    gc.collect()
    before = set(threading.enumerate())
    me = psutil.Process(os.getpid())
    count = me.num_fds if hasattr(me, "num_fds") else me.num_handles
    open_before = count()
    zombies_before = _zombies(me)
    yield
    # What ends by itself may need a moment on a busy machine; what leaks stays.
    wait_until(lambda: {*threading.enumerate()} <= before, f"only the threads {before}")
    wait_until(lambda: count() <= open_before, f"at most {open_before} descriptors")
    assert _zombies(me) <= zombies_before


def _zombies(process: psutil.Process) -> set[int]:
    return {child.pid for child in process.children() if child.status() == psutil.STATUS_ZOMBIE}
