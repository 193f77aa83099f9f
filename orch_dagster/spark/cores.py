"""Share the machine's cores among the jobs that one run lands side by side."""

from __future__ import annotations

import os
from pathlib import Path

# The limit of a container: quota and period in microseconds, "max" or -1 without a limit.
_CGROUP_2 = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_1 = Path("/sys/fs/cgroup/cpu")


def local_master(jobs: int, cores: int) -> str:
    """Return the local master of a job that lands beside others.

    >>> local_master(1, cores=8), local_master(3, cores=8), local_master(4, cores=2)
    ('local[*]', 'local[2]', 'local[1]')

    Args:
        jobs: The most jobs that run at once, this one with them.
        cores: The cores that all of them have.
    """
    return "local[*]" if jobs <= 1 else f"local[{max(1, cores // jobs)}]"


def available_cores() -> int:
    """Return the cores that this process may use, as Java counts them."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = container_quota(_CGROUP_2, _CGROUP_1)
    return cores if quota is None else max(1, min(cores, quota))


def container_quota(version_2: Path, version_1: Path) -> int | None:
    """Return the cores that a container's limit allows, rounded up; None without a limit.

    Args:
        version_2: The file cpu.max.
        version_1: The folder of cpu.cfs_quota_us and cpu.cfs_period_us.
    """
    if version_2.is_file():
        words = version_2.read_text().split()
    elif (version_1 / "cpu.cfs_quota_us").is_file():
        words = [(version_1 / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period")]
    else:
        return None
    if words[0] == "max" or int(words[0]) < 0:
        return None
    return -(-int(words[0]) // int(words[1]))
