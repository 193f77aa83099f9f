"""An application in which several jobs of a run land, each in a thread and a session of its own.

The orchestrator starts it by spark-submit with two files: its requests, and the answers, in the
form of contract/shared_requests.py.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from framework.contract.append import open_append, write_all
from framework.contract.shared_requests import (
    Answer,
    End,
    Ended,
    Land,
    Request,
    Stop,
    Taken,
    answer_line,
    parse_request,
)
from framework.landing import run_landing
from framework.logging import get_logger
from framework.session import get_spark, is_running, session_of_its_own
from framework.shared_job import SharedJob, running

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOOK_EVERY_S = 0.02
# A request to Spark each, so less often.
_CHECK_EVERY_S = 0.5


class SharedApplication:
    """Lands jobs side by side in one session's application.

    Args:
        spark: The session that the jobs' own are copies of.
        answer: Called when a job begins, and in its thread when it has ended, unless the
            application is gone then.
        land: Lands the job of its thread.
    """

    def __init__(
        self,
        spark: SparkSession,
        answer: Callable[[Answer], None],
        land: Callable[[], None] = run_landing,
    ) -> None:
        self._spark = spark
        self._answer = answer
        self._land = land
        self._jobs: dict[str, tuple[SharedJob, threading.Thread]] = {}
        self._fault: BaseException | None = None

    def take(self, request: Land | Stop) -> None:
        """Start a job, or begin to stop one; one that has ended is left alone."""
        if isinstance(request, Land):
            self._start(request)
        elif request.job in self._jobs:
            self._jobs[request.job][0].is_stopped.set()

    def tend(self) -> bool:
        """Forget jobs that have ended, cancel what stopped ones do; return whether any runs.

        Raises:
            OSError: If the end of a job could not be told; it can't be waited for.
        """
        if self._fault is not None:
            raise self._fault
        for name, (job, thread) in list(self._jobs.items()):
            if not thread.is_alive():
                thread.join()
                del self._jobs[name]
            elif job.is_stopped.is_set():
                # Again and again, as Spark cancels only what runs at the time.
                self._spark.sparkContext.cancelJobGroup(name)
        return bool(self._jobs)

    def _start(self, request: Land) -> None:
        from pyspark import InheritableThread

        job = SharedJob(request.job, request.variables, session_of_its_own(self._spark))
        thread = InheritableThread(target=self._run, args=(job,), name=job.name, daemon=True)
        self._jobs[job.name] = job, thread
        self._answer(Taken(job.name))
        thread.start()

    def _run(self, job: SharedJob) -> None:
        landed = False
        try:
            with running(job):
                self._land()
            landed = True
        except BaseException:  # noqa: BLE001 - the job's end, which its channel has told
            lines = traceback.format_exc().splitlines(keepends=True)
            sys.stderr.write("".join(f"{job.name}: {line}" for line in lines))
            sys.stderr.flush()
        # The end of an application is that of its process, which tells more than its jobs can.
        try:
            if landed or is_running(self._spark):
                self._answer(Ended(job.name, landed))
        except BaseException as error:  # noqa: BLE001 - raised in the main thread
            self._fault = error


def main(requests: Path, answers: Path) -> None:
    """Land the jobs that are requested until the end is, too.

    Raises:
        RuntimeError: If Spark's context stopped before.
        OSError: If the end of a job could not be written.
    """
    spark = get_spark()
    descriptor = open_append(str(answers))
    application = SharedApplication(
        spark, lambda answer: write_all(descriptor, answer_line(answer).encode())
    )
    is_ending, check_s = False, 0.0
    incoming = _requests(requests)
    while True:
        for request in next(incoming):
            if isinstance(request, End):
                is_ending = True
            else:
                application.take(request)
        if time.monotonic() >= check_s:
            if not is_running(spark):
                raise RuntimeError("Spark's context has stopped, and the jobs of it have failed")
            if not application.tend() and is_ending:
                break
            check_s = time.monotonic() + (_LOOK_EVERY_S if is_ending else _CHECK_EVERY_S)
        time.sleep(_LOOK_EVERY_S)
    get_logger("framework.shared").info("the shared application ends: no job needs it any more")
    spark.stop()


def _requests(file: Path) -> Iterator[list[Request]]:
    """Yield the requests that have been written since, at each turn."""
    position = 0
    while True:
        with file.open("rb") as stream:
            stream.seek(position)
            # A line may be on its way.
            lines = [line for line in stream if line.endswith(b"\n")]
        position += sum(map(len, lines))
        yield [parse_request(line) for line in lines]
