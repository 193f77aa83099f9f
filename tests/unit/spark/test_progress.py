"""What a job's stages look like to people, and how often they are told."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from framework.contract.messages import ProgressReport, StageProgress
from orch_dagster.spark.progress import Stage, StageTeller, current_watcher, stages_of, watched_by

DAY_S = 86_400


def report(name: str = "count at job.py:7") -> ProgressReport:
    return ProgressReport((StageProgress(3, name, 200, 120),))


def told_within(seconds: float, every_s: float = 2.0) -> list[float]:
    """When lines are told of a job that reports every two seconds."""
    now, at = 0.0, list[float]()
    teller = StageTeller(lambda _: at.append(now), lambda: now)
    while now < seconds:
        teller([Stage(0, "count", 10, 1)])
        now += every_s
    return at


def test_a_stage_in_words() -> None:
    (found,) = stages_of(report())
    assert str(found) == "stage 3 (count at job.py:7): 120 of 200 tasks"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("count at /home/us/jobs/job.py:7", "count at job.py:7"),
        (r"count at C:\jobs\job.py:7", "count at job.py:7"),
        ("save at NativeMethodAccessorImpl.java:0", "save"),
        ("$anonfun$withThreadLocalCaptured$1 at FutureTask.java:264", ""),
        ("show", "show"),
    ],
)
def test_of_a_name_what_says_something(name: str, shown: str) -> None:
    (found,) = stages_of(report(name))
    assert found.name == shown
    assert ("()" in str(found), str(found).startswith("stage 3")) == (False, True)


def test_the_first_at_once_then_every_ten_seconds() -> None:
    assert told_within(60) == [0, 10, 20, 30, 40, 50]


def test_a_day_is_told_in_a_few_hundred_lines_and_never_falls_silent() -> None:
    at = told_within(DAY_S)
    assert 100 < len(at) < 400
    assert DAY_S - at[-1] < 0.03 * DAY_S


def test_between_stages_nothing_is_told_and_of_many_only_some() -> None:
    lines = list[str]()
    teller = StageTeller(lines.append, lambda: 0.0)
    teller([])
    teller([Stage(n, "", 8, n) for n in range(5)])
    assert lines == [
        "stage 0: 0 of 8 tasks; stage 1: 1 of 8 tasks; stage 2: 2 of 8 tasks; 2 more stages"
    ]


def test_who_watches_is_known_within_the_block_and_to_nobody_else() -> None:
    def watch(_job: str, _stages: Sequence[Stage]) -> None: ...

    others = list[object]()
    assert current_watcher() is None
    with watched_by(watch):
        assert current_watcher() is watch
        thread = threading.Thread(target=lambda: others.append(current_watcher()))
        thread.start()
        thread.join()
    assert current_watcher() is None
    assert others == [None]
