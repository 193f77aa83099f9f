"""`dagster dev` on Windows, in a project of `orch new`, as its page sees it."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator

import pytest

from tests.dagster_dev import LOCATIONS, Dev, until
from tests.waiting import wait_until
from tests.windows_held import BIZ_DT, HELD, HeldJob
from tests.windows_machine import Console, windows_machine

pytestmark = [
    pytest.mark.spark,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(shutil.which("wine") is None, reason="wine is not installed"),
]

PROJECT = "my landing"
PATH = ("wine", "held", HELD)
# On a busy machine the code takes longer to load than the three minutes that Dagster waits.
PATIENT = "\ncode_servers:\n  local_startup_timeout: 1500\n"


@pytest.fixture(scope="module")
def job() -> Iterator[HeldJob]:
    """The job in a project, which the README's own words made."""
    with windows_machine() as machine:
        machine.path("work").mkdir()
        code, said = machine.python("-m", "orch_dagster.cli", "new", PROJECT, folder="work")
        assert code == 0, said
        made = HeldJob(machine, f"work/{PROJECT}", f"work/{PROJECT}")
        made.add()
        with (machine.path(made.home) / ".orch/dagster/dagster.yaml").open("a") as settings:
            settings.write(PATIENT)
        yield made


@pytest.fixture(scope="module")
def dev(job: HeldJob) -> Iterator[tuple[Console, Dev]]:
    """It is told no variable: the project's .env names home and instance."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ("-m", "dagster", "dev", "-p", str(port), "-h", "127.0.0.1")
    # As with PATIENT: a run's process too takes long to start.
    patient = {"DAGSTER_GRPC_TIMEOUT_SECONDS": "600"}
    with job.machine.on_console(*words, folder=job.home, **patient) as console:
        served = Dev(port, "")

        def location() -> str | None:
            try:
                nodes = served.ask(LOCATIONS)["repositoriesOrError"].get("nodes") or []
            except OSError:
                return None
            return nodes[0]["location"]["name"] if nodes else None

        served.location = until(location, 1500, "the code location in dagster dev")
        yield console, served


def test_terminate_cancels_a_run_whole(job: HeldJob, dev: tuple[Console, Dev]) -> None:
    console, served = dev
    assert served.partitions(*PATH) == [BIZ_DT]
    landing = served.materialize(*PATH, biz_dt=BIZ_DT)
    assert served.end_of(landing, timeout_s=1500) == "SUCCESS", console.shown()
    assert job.row() == (BIZ_DT, 10, "Completed")
    before, servers = job.files(), len(job.machine.processes())
    job.let_it_take_hours()

    run_id = served.materialize(*PATH, biz_dt=BIZ_DT)
    job.wait_until_it_writes()
    served.terminate(run_id)

    assert served.end_of(run_id) == "CANCELED"
    wait_until(lambda: len(job.machine.processes()) <= servers, "the run's processes gone", 120)
    job.check_stopped(before, "Canceled")


def test_ctrl_c_ends_dagster_dev_whole(job: HeldJob, dev: tuple[Console, Dev]) -> None:
    console, _ = dev
    console.type(b"\x03")
    console.end()
    wait_until(lambda: not job.machine.processes(), "no process left", 180)
