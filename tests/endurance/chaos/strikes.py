"""What a round of chaos is to do, drawn from a seed before it begins."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Origin = Literal["orch run", "dagster job execute", "page"]
Victim = Literal["JVM", "python", "orchestrator", "code server", "daemon", "master", "tserver"]

PLAIN = "etl_lnd_ins_plain_t_one"
PARENT = "etl_lnd_ins_chain_t_parent"
CHILD = "etl_lnd_ins_chain_t_child"
CHAIN = "ins_chain"
# The jobs of a run, by what is asked for.
JOBS = {PLAIN: (PLAIN,), CHAIN: (PARENT, CHILD)}

FIRST = date(2024, 1, 1)
# Changes of files in a landing's publishing, as struck_job counts them; the first of a table more.
_STEPS = {PLAIN: 51, PARENT: 29, CHILD: 29}
# About as long as it is there.
_LIVES_S: dict[Victim, float] = {"JVM": 6, "python": 5}
_ORIGINS: tuple[Origin, ...] = ("orch run", "dagster job execute", "page", "page")
_OF_EVERY_RUN: tuple[Victim, ...] = ("JVM", "python", "orchestrator")
_OF_A_PAGE: tuple[Victim, ...] = ("code server", "daemon")
_OF_KUDU: tuple[Victim, ...] = ("master", "tserver")


@dataclass(frozen=True)
class Strike:
    """One kill.

    Attributes:
        victim: Whom.
        number: By which signal.
        job_name: At which job of the run.
        after_s: Seconds after the victim is there, or None.
        step: Before which change of a file of that job's publishing, counted from 1, or None.
        away_s: How long a daemon of Kudu stays away.
    """

    victim: Victim
    number: signal.Signals
    job_name: str
    after_s: float | None
    step: int | None
    away_s: float

    @property
    def is_of_the_run(self) -> bool:
        """Whether the run itself loses a process."""
        return self.victim in _OF_EVERY_RUN


@dataclass(frozen=True)
class Plan:
    """One run.

    Attributes:
        number: Counted from 1.
        origin: How it is asked for.
        target: A key of JOBS.
        biz_dt: Its date, which an earlier run of the same target may have had.
        strike: What befalls it, if anything.
    """

    number: int
    origin: Origin
    target: str
    biz_dt: str
    strike: Strike | None

    @property
    def job_names(self) -> tuple[str, ...]:
        """Its jobs, in order."""
        return JOBS[self.target]


def draw_plans(seed: int, runs: int, *, on_kudu: bool) -> list[Plan]:
    """The same ones for the same arguments."""
    return list(_plans(random.Random(f"{seed} {on_kudu}"), runs, on_kudu=on_kudu))


def _plans(dice: random.Random, runs: int, *, on_kudu: bool) -> Iterator[Plan]:
    dates: dict[str, list[str]] = {target: [] for target in JOBS}
    for number in range(1, runs + 1):
        target = dice.choice(list(JOBS))
        if dates[target] and dice.random() < 0.3:
            biz_dt = dice.choice(dates[target])
        else:
            biz_dt = (FIRST + timedelta(days=number)).isoformat()
            dates[target].append(biz_dt)
        origin = dice.choice(_ORIGINS)
        strike = _strike(dice, origin, JOBS[target], on_kudu=on_kudu)
        # One in ten is left alone.
        yield Plan(number, origin, target, biz_dt, strike if dice.random() < 0.9 else None)


def _strike(
    dice: random.Random, origin: Origin, job_names: tuple[str, ...], *, on_kudu: bool
) -> Strike:
    victims = [*_OF_EVERY_RUN, *(_OF_A_PAGE if origin == "page" else ())]
    victim = dice.choice([*victims, *(_OF_KUDU if on_kudu else ())])
    at_step = dice.random() < 0.5
    job_name = dice.choice(job_names)
    return Strike(
        victim,
        dice.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]),
        job_name,
        None if at_step else dice.uniform(0, _LIVES_S.get(victim, 12)),
        dice.randint(1, _STEPS[job_name]) if at_step else None,
        dice.uniform(0, 20),
    )
