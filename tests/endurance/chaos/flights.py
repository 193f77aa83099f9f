"""Runs in the air: launched, struck at their moment, and watched until nothing of them is left."""

from __future__ import annotations

import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timezone

import psutil

from orch_dagster.defs.runs.liveness import PID_TAG
from orch_dagster.defs.runs.lookup import end_status
from tests.endurance.chaos.strikes import Plan, Strike
from tests.endurance.chaos.world import SILENCE_S, World

# From the end of a run to the end of its last process.
LEFT_S = 10
_LONGEST_S = 240
_LOOK_S = 0.1


@dataclass
class Flight:
    """One run on its way.

    Attributes:
        plan: What it is to be.
        run_id: Dagster's, as soon as it is known.
        hit: Where the strike met it; None while it did not.
        complaints: What must not be.
        began_at: Before it was asked for.
        over_at: After its end; None until then.
    """

    plan: Plan
    run_id: str | None = None
    hit: str | None = None
    complaints: list[str] = field(default_factory=list)
    began_at: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    over_at: datetime | None = None
    is_over: bool = False
    _command: subprocess.Popen[bytes] | None = None
    _since: float | None = None
    _launched: float = 0.0
    _ended: float | None = None

    def launch(self, world: World) -> None:
        """Ask for the run."""
        plan = self.plan
        world.place_order(plan)
        self._launched = time.monotonic()
        if plan.origin == "page":
            paths = [["ins", job_name.split("_")[3], job_name] for job_name in plan.job_names]
            self.run_id = world.dev.materialize_all(paths, plan.biz_dt)
            return
        if plan.origin == "orch run":
            words = ["orch", "run", plan.target, "--biz-dt", plan.biz_dt]
        else:
            words = world.home.execute_command(plan.target, plan.biz_dt)
        with (world.home.folder / f"said_{plan.number}.log").open("wb") as said:
            self._command = subprocess.Popen(
                words, env=world.home.environ, cwd=world.home.folder, stdout=said, stderr=said
            )

    def look(self, world: World) -> None:
        """Strike if it is time, and see whether it is over."""
        if self.hit is None and self.plan.strike:
            self._strike_if_due(world, self.plan.strike)
        if self._ended is None:
            self._ended = time.monotonic() if self._has_ended(world) else None
        elif not (left := world.run_processes(self.plan.biz_dt)):
            self._close()
        elif time.monotonic() > self._ended + LEFT_S:
            self._give_up(left, f"left after {LEFT_S} s")
        if time.monotonic() > self._launched + _LONGEST_S:
            self._give_up(world.run_processes(self.plan.biz_dt), f"not over in {_LONGEST_S} s")
        if self.is_over:
            world.withdraw_order(self.plan)

    def _give_up(self, left: list[psutil.Process], what: str) -> None:
        self.complaints.append(f"{what}: {[' '.join(each.cmdline()[:6]) for each in left]}")
        if self._command:
            self._command.kill()
        for process in left:
            process.kill()
        self._close()

    def _close(self) -> None:
        self.is_over = True
        self.over_at = datetime.now(timezone.utc)

    def _has_ended(self, world: World) -> bool:
        if self._command is not None:
            return self._command.poll() is not None
        run = world.instance.get_run_by_id(str(self.run_id))
        assert run is not None
        if PID_TAG not in run.tags and world.is_broken:
            # Nobody may have taken it up; what becomes of it is seen when all has settled.
            return time.monotonic() > self._launched + SILENCE_S
        return end_status(run) is not None

    def _strike_if_due(self, world: World, strike: Strike) -> None:
        held = world.order(self.plan).with_suffix(".held")
        if strike.step is not None:
            if not held.exists():
                return
            where = held.read_text()
        elif self._is_there(world, strike):
            self._since = self._since or time.monotonic()
            if time.monotonic() < self._since + float(strike.after_s or 0):
                return
            where = f"{strike.after_s:.1f} s"
        else:
            return
        is_hit = self._strike(world, strike)
        self.hit = where if is_hit else f"{where}: no victim"
        # What is struck itself gets no further.
        if strike.step is not None and not (is_hit and strike.is_of_the_run):
            held.with_suffix(".go").touch()

    def _is_there(self, world: World, strike: Strike) -> bool:
        return strike.victim not in ("JVM", "python") or self._victim(world, strike) is not None

    def _victim(self, world: World, strike: Strike) -> psutil.Process | None:
        if strike.victim != "orchestrator":
            return world.job_process(strike.victim, self.plan)
        if self._command is not None:
            return psutil.Process(self._command.pid) if self._command.poll() is None else None
        run = world.instance.get_run_by_id(str(self.run_id))
        pid = run.tags.get(PID_TAG) if run else None
        return psutil.Process(int(pid)) if pid and psutil.pid_exists(int(pid)) else None

    def _strike(self, world: World, strike: Strike) -> bool:
        match strike.victim:
            case "code server" | "daemon":
                return world.strike_server(strike.victim, strike.number)
            case "master" | "tserver":
                return world.strike_kudu(strike.victim, strike.away_s)
            case _:
                victim = self._victim(world, strike)
                if victim is None:
                    return False
                try:
                    victim.send_signal(strike.number)
                except psutil.NoSuchProcess:
                    return False
                return True


def fly(world: World, plans: list[Plan], at_once: int) -> list[Flight]:
    """Run them all, so many at once, the runs of a date one after another."""
    waiting, active, done = deque(plans), list[Flight](), list[Flight]()
    while waiting or active:
        world.mend_kudu()
        for flight in active:
            flight.look(world)
        done += [flight for flight in active if flight.is_over]
        active = [flight for flight in active if not flight.is_over]
        if waiting and len(active) < at_once and _may_start(world, waiting[0], active):
            flight = Flight(waiting.popleft())
            flight.launch(world)
            active.append(flight)
        threading.Event().wait(_LOOK_S)
    return done


def _may_start(world: World, plan: Plan, active: list[Flight]) -> bool:
    if any((each.plan.target, each.plan.biz_dt) == (plan.target, plan.biz_dt) for each in active):
        return False
    if plan.origin != "page" or not world.is_broken:
        return True
    # Its own runs first: a new one would not know them.
    if any(each.plan.origin == "page" for each in active):
        return False
    world.mend_dev()
    return True
