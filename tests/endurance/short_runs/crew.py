"""Workers that run short runs, and what befalls them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from orch_dagster.settings import REPOSITORY
from tests.homes import Home

# By this tag of its run.
NUMBER_TAG = "short/number"
# A worker process is about three seconds dearer than a run.
_STRUCK = {"job": 0.04, "supervisor": 0.03, "orchestrator": 0.012, "orchestrator, any time": 0.012}
_MOMENTS = ("begin", "work", "landed", "reported", "closed")


@dataclass
class ShortRun:
    """One run.

    Attributes:
        number: Counted from 1.
        victim: Whom it kills; "" for none.
        moment: At which of its steps, or after which share of a run's time.
        is_over: Whether its worker said so.
    """

    number: int
    victim: str = ""
    moment: str = ""
    is_over: bool = False


def draw_runs(dice: random.Random, count: int) -> list[ShortRun]:
    """The same ones for the same dice."""
    runs: list[ShortRun] = []
    for number in range(1, count + 1):
        throw = dice.random()
        run = ShortRun(number)
        for victim, share in _STRUCK.items():
            if 0 <= throw < share:
                is_timed = victim.endswith("any time")
                run.victim = victim
                run.moment = f"{dice.random():.3f}" if is_timed else dice.choice(_MOMENTS)
            throw -= share
        runs.append(run)
    return runs


@dataclass
class Crew:
    """Worker processes, each with business dates of its own.

    Args:
        home: The home of the job.
        job_name: The job.
        dates: The open dates.
        size: How many workers there are at once.
    """

    home: Home
    job_name: str
    dates: list[str]
    size: int
    started: int = 0
    _run_s: float = 0.4
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run_all(self, runs: list[ShortRun]) -> None:
        """Run them all."""
        waiting = deque(runs)
        with ThreadPoolExecutor(self.size) as pool:
            for done in [pool.submit(self._work, place, waiting) for place in range(self.size)]:
                done.result()

    def _work(self, place: int, waiting: deque[ShortRun]) -> None:
        dates = self.dates[place :: self.size]
        worker: subprocess.Popen[str] | None = None
        try:
            while waiting:
                worker = worker or self._start()
                run = waiting.popleft()
                if not self._run(worker, run, dates[run.number % len(dates)]):
                    worker.wait()
                    worker = None
        except IndexError:
            # Another place took the last one.
            pass
        finally:
            if worker is not None:
                worker.communicate()

    def _run(self, worker: subprocess.Popen[str], run: ShortRun, biz_dt: str) -> bool:
        """Run it; return whether the worker outlived it."""
        order = self.home.folder / "strikes" / biz_dt
        is_timed = run.victim.endswith("any time")
        if run.victim and not is_timed:
            order.write_text(f"{run.victim} {run.moment}")
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(f"{run.number} {biz_dt}\n")
        worker.stdin.flush()
        timer = threading.Timer(0, worker.kill)
        if is_timed:
            # As long as the last run took, which depends on the machine.
            timer = threading.Timer(float(run.moment) * self._run_s, worker.kill)
            timer.start()
        began = time.monotonic()
        answer = worker.stdout.readline()
        if is_timed:
            # Killed in any case: after its run at the latest.
            timer.join()
        elif not run.victim:
            self._run_s = time.monotonic() - began
        order.unlink(missing_ok=True)
        run.is_over = bool(answer)
        assert not answer or answer.split()[0] == str(run.number)
        return bool(answer) and not is_timed

    def _start(self) -> subprocess.Popen[str]:
        words = [
            sys.executable,
            "-m",
            "tests.endurance.short_runs.worker",
            self.job_name,
            NUMBER_TAG,
        ]
        path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "jobs")])
        said = self.home.folder / "workers.log"
        with said.open("ab") as stderr:
            worker = subprocess.Popen(
                words,
                env={**self.home.environ, "PYTHONPATH": path},
                cwd=self.home.folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        with self._lock:
            self.started += 1
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n", said.read_text()[-3000:]
        return worker
