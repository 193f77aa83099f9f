"""The process of a run, named by the run's tags, and whether it is gone.

A process of this host is looked up by its pid; one of another host, or of another container or
machine of the same name, is judged by its heartbeat. The same tags are in a file beside the run's
parameters, as a run that is deleted in Dagster loses its own.
"""

from __future__ import annotations

import json
import math
import os
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from framework.contract.process_identity import (
    PidSpace,
    ProcessInfo,
    is_same_start,
    psutil_probe,
    reach,
    this_pid_space,
)
from orch_dagster.bundle.bundle import run_folder
from orch_dagster.errors import OrchError
from orch_dagster.files import write_atomically

if TYPE_CHECKING:
    from dagster import DagsterRun

# Dagit shows no tag of this prefix.
_HIDDEN = ".dagster/orch_"
HOST_TAG = f"{_HIDDEN}host"
PID_TAG = f"{_HIDDEN}pid"
PID_STARTED_TAG = f"{_HIDDEN}pid_started"
PID_SPACE_TAG = f"{_HIDDEN}pid_space"
HEARTBEAT_TAG = f"{_HIDDEN}heartbeat"
PROCESS_OF_TAG = f"{_HIDDEN}process_of"
# The prefix of these tags in a run of an older version, and in its file.
_OLDER = "orch/"
_TAGS = (HOST_TAG, PID_TAG, PID_STARTED_TAG, PID_SPACE_TAG, HEARTBEAT_TAG)
HEARTBEAT_S = 30.0

# The dot keeps it apart from the files of jobs, whose names have none.
_PROCESS_FILE = "run.process.json"
_NUMBER = re.compile(r"\d{1,11}(\.\d*)?", re.ASCII)


def process_tags() -> dict[str, str]:
    """Return run tags that identify this process, also after its pid is used again."""
    pid = os.getpid()
    return {
        HOST_TAG: socket.gethostname(),
        PID_TAG: str(pid),
        PID_STARTED_TAG: f"{_started_s(pid):.2f}",
        **_space_tags(),
        **heartbeat_tags(),
    }


def heartbeat_tags() -> dict[str, str]:
    """Return the tag of a heartbeat now, in seconds since 1970."""
    return {HEARTBEAT_TAG: f"{time.time():.0f}"}


def own_tags(run: DagsterRun) -> Mapping[str, str]:
    """Return a run's tags, without those that name the process of another run.

    Dagster gives a run that executes another one again the tags of that one.
    """
    process_of = run.tags.get(PROCESS_OF_TAG)
    # An older version did not say whose process it is; it may be the run's own or its parent's.
    is_own = process_of == run.run_id if process_of else run.parent_run_id is None
    if is_own:
        return run.tags
    others = {*_TAGS, *(_OLDER + tag[len(_HIDDEN) :] for tag in _TAGS)}
    return {name: value for name, value in run.tags.items() if name not in others}


def is_process_gone(tags: Mapping[str, str], heartbeat_timeout_s: float = math.inf) -> bool:
    """Tell whether the process that the tags name is gone; False if they name none.

    Args:
        tags: The run's own tags (own_tags), or those of its file.
        heartbeat_timeout_s: Seconds without a heartbeat after which a process that can't be looked
            up from here counts as gone; by default it never does.
    """
    tags = _named(tags)
    if PID_TAG not in tags:
        return False
    host, space = tags.get(HOST_TAG, ""), _space_of(tags)
    found = reach(host, space, socket.gethostname(), this_pid_space())
    if found == "ended":
        return True
    if found == "unknown":
        return (
            HEARTBEAT_TAG in tags and time.time() - float(tags[HEARTBEAT_TAG]) > heartbeat_timeout_s
        )
    process = _probe(int(tags[PID_TAG]))
    if process is None:
        return True
    return not is_same_start(process.kernel_started_s, float(tags[PID_STARTED_TAG]))


def names_process(tags: Mapping[str, str]) -> bool:
    """Tell whether a run's tags name its process."""
    return PID_TAG in _named(tags)


def write_process(params_dir: Path, run_id: str, tags: Mapping[str, str]) -> None:
    """Write the tags of a run's process beside the run's parameters.

    Raises:
        OSError: If the file can't be written.
    """
    write_atomically(run_folder(params_dir, run_id) / _PROCESS_FILE, json.dumps(dict(tags)))


def read_process(params_dir: Path, run_id: str) -> dict[str, str] | None:
    """Return the tags of a run's process, or None if no file of this home tells them.

    A file that can't be read, of another user or damaged, tells nothing: the process is unknown.
    """
    path = params_dir / run_id / _PROCESS_FILE
    try:
        tags: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    tags = _named(cast(dict[str, Any], tags)) if isinstance(tags, dict) else tags
    return cast(dict[str, str], tags) if _are_tags(tags) else None


def _named(tags: Mapping[str, Any]) -> dict[str, Any]:
    """Return tags in which those of an older version have their names of today."""
    older = {tag: tags[name] for tag in _TAGS if (name := _OLDER + tag[len(_HIDDEN) :]) in tags}
    return {**older, **tags}


def _are_tags(document: Any) -> bool:
    """Return whether a document has the form of a process's tags."""
    if not isinstance(document, dict):
        return False
    tags = cast(dict[str, Any], document)
    numbers = (tags.get(PID_TAG), tags.get(PID_STARTED_TAG), tags.get(HEARTBEAT_TAG, "0"))
    return (
        all(isinstance(value, str) for value in tags.values())
        and all(_NUMBER.fullmatch(str(number)) for number in numbers)
        and tags[PID_TAG].isdigit()
    )


def _space_tags() -> dict[str, str]:
    space = this_pid_space()
    return {PID_SPACE_TAG: json.dumps(asdict(space))} if space else {}


def _space_of(tags: Mapping[str, str]) -> PidSpace | None:
    """Return where the pid of the tags belongs; None if an older version or platform set them."""
    text = tags.get(PID_SPACE_TAG)
    if not text:
        return None
    try:
        return PidSpace(**json.loads(text))
    except (ValueError, TypeError):
        # A newer version's: no place that can be looked into.
        return PidSpace("", "")


def _started_s(pid: int) -> float:
    process = _probe(pid)
    if process is None or process.kernel_started_s is None:
        raise OrchError(f"the start time of this process (pid {pid}) can't be read from the system")
    return process.kernel_started_s


def _probe(pid: int) -> ProcessInfo | None:
    import psutil

    return psutil_probe(psutil)(pid)
