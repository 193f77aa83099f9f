"""A code server or a daemon that dies, while the job that it started runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from orch_dagster.sample.rows import JOB_NAME as JOB
from tests.dagster_dev import Dev, dagster_dev, until
from tests.homes import BIZ_DT, Home, new_home

pytestmark = pytest.mark.spark


@pytest.fixture
def served(tmp_path: Path, own_signals: None) -> Iterator[tuple[Home, Dev]]:
    """A home with the sample, served."""
    home = new_home(tmp_path / "home")
    home.orch("init", "--sample")
    with dagster_dev(home) as dev:
        yield home, dev


def started(home: Home, dev: Dev) -> tuple[str, psutil.Process]:
    """Launch the sample's job from the page; its run and the process that runs it, with a JVM."""
    run_id = dev.materialize("gels", "fpms", JOB, biz_dt=BIZ_DT)
    process = dev.worker_of(run_id)
    until(lambda: "java" in home.process_names() or None, 180, "the run's JVM")
    return run_id, process


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (psutil.Process.kill, "Failed: the code server that started the run died"),
        (psutil.Process.terminate, "Canceled"),
    ],
)
def test_the_job_of_a_code_server_ends_with_it_and_its_row_says_why(
    served: tuple[Home, Dev], end: Callable[[psutil.Process], None], status: str
) -> None:
    home, dev = served
    run_id, worker = started(home, dev)
    job = [worker, *worker.children(recursive=True)]
    server = worker.parent()
    assert server is not None
    end(server)
    _, alive = psutil.wait_procs(job, timeout=180)
    assert alive == []
    (row,) = [row for row in home.log_rows(JOB) if row["run_id"] == run_id]
    assert row["status"] == status


def test_a_killed_daemon_takes_no_job_along(served: tuple[Home, Dev]) -> None:
    """As Dagster has it: its code server ends when the runs that it started have."""
    home, dev = served
    run_id, worker = started(home, dev)
    job = [worker, *worker.children(recursive=True)]
    (whole,) = [each for each in worker.parents() if "dev" in each.cmdline()]
    (daemon,) = [each for each in whole.children() if "dagster._daemon" in each.cmdline()]
    daemon.kill()
    _, alive = psutil.wait_procs(job, timeout=300)
    assert alive == []
    (row,) = [row for row in home.log_rows(JOB) if row["run_id"] == run_id]
    assert row["status"] == "Completed"
