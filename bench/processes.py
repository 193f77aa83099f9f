"""Measure whole processes: wall seconds, and processor seconds with those of their children."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Used:
    """The seconds of a command."""

    wall_s: float
    cpu_s: float


def measure(command: Sequence[str], environment: Mapping[str, str], folder: str) -> Used:
    """Run a command that must succeed, and return what it used."""
    before, start = _cpu_s(), time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=False)
    used = Used(time.perf_counter() - start, _cpu_s() - before)
    if done.returncode:
        output = (done.stdout + done.stderr).decode(errors="replace")
        raise SystemExit(f"{command} exited with {done.returncode}:\n{output[-4000:]}")
    return used


def ratio_text(pairs: Sequence[tuple[Used, Used]]) -> str:
    """Return the medians of two commands measured in turns, and of the ratios of their pairs."""
    of_first, of_second = zip(*pairs, strict=True)
    wall = statistics.median(one.wall_s / other.wall_s for one, other in pairs)
    cpu = statistics.median(one.cpu_s / other.cpu_s for one, other in pairs)
    return (
        f"wall {_wall(of_first):.1f} / {_wall(of_second):.1f} s = {wall:.2f}, "
        f"cpu {_cpu(of_first):.1f} / {_cpu(of_second):.1f} s = {cpu:.2f}"
    )


def load_text() -> str:
    """Return how loaded the machine is."""
    loads = " ".join(f"{load:.1f}" for load in os.getloadavg())
    return f"load of {os.cpu_count()} processors in the last 1, 5 and 15 minutes: {loads}"


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _wall(all_used: Sequence[Used]) -> float:
    return statistics.median(each.wall_s for each in all_used)


def _cpu(all_used: Sequence[Used]) -> float:
    return statistics.median(each.cpu_s for each in all_used)
