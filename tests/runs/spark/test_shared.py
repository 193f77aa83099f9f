"""A shared application's process, and the ends of its jobs; a plain script stands in for Spark."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from orch_dagster.spark.process import ProcessEnd
from orch_dagster.spark.shared import SharedApplication, SharedSettings
from orch_dagster.spark.shared_command import SharedFiles
from orch_dagster.toolchain.errors import CommandStartError

# Each job does what its name says.
SCRIPT = """
import json, os, sys, time

requests, answers = sys.argv[1:]

def answer(**what):
    with open(answers, "a") as file:
        file.write(json.dumps(what) + "\\n")

position, is_ending = 0, False
while not is_ending:
    with open(requests, "rb") as file:
        file.seek(position)
        lines = file.readlines()
    position += sum(map(len, lines))
    for request in map(json.loads, lines):
        if "end" in request:
            is_ending = True
            continue
        if request.get("stop") == "slow":
            answer(ended="slow", landed=False)
        job = request.get("land")
        if job:
            answer(taken=job)
            print("took", job, request["variables"].get("A"), flush=True)
        if job == "lands":
            answer(ended=job, landed=True)
        elif job == "fails":
            answer(ended=job, landed=False)
        elif job == "dies":
            print("last words", flush=True)
            os._exit(9)
        elif job == "killed":
            print("RuntimeError: of another job", flush=True)
            os._exit(137)
        elif job == "torn":
            with open(answers, "a") as file:
                file.write('{"ended": "torn", "land')
            os._exit(9)
    time.sleep(0.01)
"""


@dataclass
class Command:
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict[str, str])


class Shared:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self.over: list[str] = []
        self.files = SharedFiles(folder / "shared-1")
        self.stop = threading.Event()
        settings = SharedSettings(
            os.environ, folder, 60, 60, bytes, self.lines.append, self.over.append
        )
        self.application = SharedApplication(self.files, settings)
        self._pool = ThreadPoolExecutor()

    def start(self, program: str = sys.executable) -> None:
        script = self.folder / "script.py"
        script.write_text(SCRIPT, encoding="utf-8")
        files = (str(self.files.requests), str(self.files.answers))
        self.application.start(Command([program, str(script), *files]))

    def land(self, job: str, timeout_s: float | None = None) -> Future[ProcessEnd]:
        self.application.land(job, {"A": job.upper()})
        return self._pool.submit(self.application.wait, job, self.stop, timeout_s)


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Shared]:
    made = Shared(tmp_path)
    yield made
    made.application.close()
    assert not list(tmp_path.glob("shared-*"))


def test_each_job_ends_as_it_says(shared: Shared) -> None:
    shared.start()
    landed, failed = shared.land("lands"), shared.land("fails")
    assert (landed.result(60).exit_code, landed.result().reason) == (0, "exited")
    assert (failed.result(60).exit_code, failed.result().reason) == (1, "exited")
    assert shared.application.takes_jobs
    shared.application.close()
    assert not shared.application.takes_jobs
    assert shared.lines == ["took lands LANDS", "took fails FAILS"]
    assert shared.over == ["the shared application has ended"]


def test_one_that_dies_tells_which_jobs_it_had_not_begun(shared: Shared) -> None:
    shared.start()
    assert shared.land("lands").result(60).exit_code == 0
    dying, late = shared.land("dies"), shared.land("late")
    assert [each.result(60).exit_code for each in (dying, late)] == [9, 9]
    assert shared.application.ended_before("late")
    assert not shared.application.ended_before("dies")


def test_one_that_is_killed_has_no_words_of_its_own(shared: Shared) -> None:
    shared.start()
    killed = shared.land("killed").result(60)
    assert (killed.exit_code, killed.tail) == (137, "")
    assert "RuntimeError: of another job" in shared.lines


def test_one_that_never_began_would_not_begin_with_others_either(shared: Shared) -> None:
    shared.application.start(Command([sys.executable, "-c", "import sys; sys.exit(3)"]))
    assert shared.land("lands").result(60).exit_code == 3
    assert not shared.application.ended_before("lands")


@pytest.mark.parametrize("job", ["dies", "torn"])
def test_a_process_that_dies_fails_what_had_not_ended(shared: Shared, job: str) -> None:
    shared.start()
    assert shared.land("lands").result(60).exit_code == 0
    others = [shared.land("slow"), shared.land(job)]
    ends = [other.result(60) for other in others]
    assert [(end.exit_code, end.reason) for end in ends] == [(9, "exited")] * 2
    assert job == "torn" or "last words" in ends[0].tail
    assert not shared.application.takes_jobs
    assert shared.over == ["the shared application ended with exit code 9"]


def test_one_whose_time_is_over_is_stopped_alone(shared: Shared) -> None:
    shared.start()
    assert shared.land("lands").result(60).exit_code == 0
    late = shared.land("slow", 0.1).result(60)
    assert (late.exit_code, late.reason) == (1, "timeout")
    assert shared.land("fails").result(60).reason == "exited"
    assert shared.application.fault is None


def test_one_that_does_not_end_takes_the_application_with_it(shared: Shared) -> None:
    shared.application.settings = replace(shared.application.settings, patience_s=0.5)
    shared.start()
    other = shared.land("deaf too")
    late = shared.land("deaf", 0.1).result(60)
    assert late.reason == "timeout"
    # Not by a person: the fault says why.
    assert other.result(60).reason == "stopped"
    assert shared.application.fault == (
        "deaf shares its application and did not end within 0.5 s after it was asked to, so that "
        "was ended"
    )


def test_a_request_to_stop_reaches_each(shared: Shared) -> None:
    shared.start()
    slow = shared.land("slow")
    shared.stop.set()
    assert (slow.result(60).exit_code, slow.result().reason) == (1, "stopped")


def test_one_that_never_begins_is_given_up(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orch_dagster.spark.shared._START_S", 0.3)
    shared.application.start(Command([sys.executable, "-c", "import time; time.sleep(600)"]))
    assert shared.land("lands", 0.1).result(60).reason == "stopped"
    assert shared.application.fault == "the shared application of lands did not start in 0.3 s"


def test_whatever_keeps_it_from_its_start_ends_the_wait(shared: Shared) -> None:
    class Broken:
        env: Mapping[str, str] = {}

        @property
        def argv(self) -> Sequence[str]:
            raise RuntimeError("no command")

    shared.application.start(Broken())
    with pytest.raises(RuntimeError, match="no command"):
        shared.land("lands").result(60)
    assert not shared.application.takes_jobs
    assert shared.over == ["the shared application failed: no command"]


def test_one_that_can_not_be_started_says_so(shared: Shared) -> None:
    shared.start(program=str(shared.folder / "nothing"))
    with pytest.raises(CommandStartError, match="can't be started"):
        shared.land("lands").result(60)
