"""The home, the servers and the processes that chaos strikes."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from dagster import DagsterInstance

from tests.dagster_dev import start_dev
from tests.endurance.chaos.small_jobs import SCRIPT, add_jobs
from tests.endurance.chaos.strikes import Plan, Victim
from tests.homes import new_home
from tests.kudu_cluster import KuduCluster, Role, use_kudu

_ROLES: dict[Victim, Role] = {"master": "MASTER", "tserver": "TSERVER"}
# What each part of Dagster has in its command.
_SERVERS: dict[Victim, tuple[str, ...]] = {
    "code server": ("api", "grpc"),
    "daemon": ("dagster._daemon", "run"),
}
# The least that there is.
SILENCE_S = 61


class World:
    """A home with three small jobs, its `dagster dev`, and maybe its own Kudu.

    Args:
        folder: Where the home is made.
        cluster: Its control store; an embedded one without it.

    Attributes:
        home: The home.
        instance: Its Dagster instance.
        on_kudu: Whether there is a Kudu.
        dev: What serves it.
        is_broken: Whether a part of that was struck.
    """

    def __init__(self, folder: Path, cluster: KuduCluster | None, plans: list[Plan]) -> None:
        self.home = new_home(folder)
        self.home.environ["ORCH_SILENCE_S"] = str(SILENCE_S)
        self._cluster = cluster
        self.on_kudu = cluster is not None
        if cluster:
            use_kudu(self.home, cluster, timeout_s=6)
        add_jobs(self.home, plans)
        self._away: dict[Role, float] = {}
        self._process, self.dev = start_dev(self.home)
        self.is_broken = False
        self.instance = DagsterInstance.from_config(self.home.environ["DAGSTER_HOME"])

    def place_order(self, plan: Plan) -> None:
        """Have the plan's job held where it is to be, and no other; see struck_job."""
        # An earlier run of the date may have left its own.
        for left in (self.home.folder / "strikes").glob(f"*/{plan.biz_dt}*"):
            if left.parent.name in plan.job_names:
                left.unlink()
        if plan.strike and plan.strike.step:
            order = self.order(plan)
            order.parent.mkdir(parents=True, exist_ok=True)
            order.write_text(str(plan.strike.step))

    def withdraw_order(self, plan: Plan) -> None:
        """Let no run be held for a flight that is over: the queue may take up an older one."""
        if plan.strike and plan.strike.step:
            order = self.order(plan)
            order.unlink(missing_ok=True)
            order.with_suffix(".go").touch()

    def order(self, plan: Plan) -> Path:
        """Where the script looks whether it is to be held; see struck_job."""
        assert plan.strike is not None
        return self.home.folder / "strikes" / plan.strike.job_name / plan.biz_dt

    def run_processes(self, biz_dt: str) -> list[psutil.Process]:
        """The processes of the jobs that run for a date: JVMs, their Python, who watches them."""
        return [process for process, day in self._of_jobs() if day == biz_dt]

    def _of_jobs(self, job_name: str | None = None) -> Iterator[tuple[psutil.Process, str]]:
        for process in self.home.processes():
            file = (process.info["environ"] or {}).get("JOB_PARAMS_FILE")
            if file and job_name in (None, Path(file).stem):
                metadata = json.loads(Path(file).read_text(encoding="utf-8"))["metadata"]
                yield process, metadata["biz_dt"]

    def job_process(self, victim: Victim, plan: Plan) -> psutil.Process | None:
        """The JVM or the Python of a job that runs; None while there is none."""
        assert plan.strike is not None
        for process, day in self._of_jobs(plan.strike.job_name):
            if day == plan.biz_dt and _is(victim, process):
                return process
        return None

    def server(self, victim: Victim) -> psutil.Process | None:
        """The code server or the daemon."""
        for process in self.home.processes():
            words = _cmdline(process)
            if all(word in words for word in _SERVERS[victim]):
                return process
        return None

    def strike_server(self, victim: Victim, number: signal.Signals) -> bool:
        """Kill it; from now on `dagster dev` is broken. False if there is none."""
        process = self.server(victim)
        if process is None or self.is_broken:
            return False
        process.send_signal(number)
        self.is_broken = True
        return True

    def strike_kudu(self, victim: Victim, away_s: float) -> bool:
        """Kill a daemon of Kudu for a while; False if it is away already."""
        role = _ROLES[victim]
        assert self._cluster is not None
        if role in self._away:
            return False
        self._cluster.stop(role)
        self._away[role] = time.monotonic() + away_s
        return True

    def mend_kudu(self, *, at_once: bool = False) -> None:
        """Start the daemons again whose time has come."""
        assert self._cluster is not None or not self._away
        for role, until in [*self._away.items()]:
            if at_once or time.monotonic() >= until:
                self._cluster.start(role)  # type: ignore[union-attr]
                del self._away[role]

    def mend_dev(self) -> None:
        """Start `dagster dev` anew, if it is broken."""
        if not self.is_broken and self._process.poll() is None:
            return
        self._stop_dev()
        self._process, self.dev = start_dev(self.home)
        self.is_broken = False

    def _stop_dev(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        self._process.wait(90)

    def close(self) -> None:
        """End all."""
        self.mend_kudu(at_once=True)
        self._stop_dev()
        self.instance.dispose()

    def is_kudu_whole(self) -> bool:
        """Whether the store is all there."""
        return self._cluster is None or self._cluster.is_whole()


def _is(victim: Victim, process: psutil.Process) -> bool:
    words = _cmdline(process)
    if victim == "JVM":
        return bool(words) and Path(words[0]).name.startswith("java")
    return len(words) > 1 and Path(words[1]).name == SCRIPT.name


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []
