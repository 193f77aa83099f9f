"""Check by its web pages and its own tool whether a local Kudu serves clients."""

from __future__ import annotations

import json
import os
import subprocess
from http.client import HTTPException
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from orch_dagster.files import os_fault
from orch_dagster.local_kudu.daemons import daemon_environ
from orch_dagster.local_kudu.place import Place
from orch_dagster.local_kudu.ports import ROLES, Ports, program

_ANSWER_TIMEOUT_S = 2.0
_TOOL_TIMEOUT_S = 10.0
_TAIL_LINES = 5


def tail(log: Path) -> str:
    """Return the last lines of a daemon's log, without blank ones and stack addresses."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    # A fatal error is followed by some twenty addresses of its stack.
    messages = [line for line in lines if line.strip() and not line.lstrip().startswith("@ ")]
    return "\n".join(f"  {line}" for line in messages[-_TAIL_LINES:])


def why_not_ready(ports: Ports, place: Place) -> str | None:
    """Return why clients are not served yet, or None if they are."""
    for role in ROLES:
        if not _is_healthy(f"{ports.web_url(role)}/healthz"):
            return f"{program(role)} does not answer at {ports.web_url(role)}/healthz"
    return _why_no_tserver(ports, place)


def _is_healthy(url: str) -> bool:
    try:
        # The environment's proxy must not be asked for loopback.
        with build_opener(ProxyHandler({})).open(url, timeout=_ANSWER_TIMEOUT_S) as answer:
            return answer.status == 200
    except (OSError, HTTPException):
        return False


def _why_no_tserver(ports: Ports, place: Place) -> str | None:
    """Return why the master has no tablet server, or None if it has one."""
    master = ports.address("master")
    tool = str(place.binaries / "bin" / "kudu")
    argv = [tool, "tserver", "list", master, "-format=json", "-columns=uuid"]
    try:
        done = subprocess.run(
            argv,
            env=daemon_environ(place.binaries, os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TOOL_TIMEOUT_S,
            check=True,
        )
        is_there = bool(json.loads(done.stdout))
    except OSError as error:
        return f"{tool} can't be run: {os_fault(error)}"
    except (subprocess.SubprocessError, ValueError):
        # It may have answered for its health before, and have been paused since.
        return f"{program('master')} does not answer at {master}"
    return None if is_there else f"no tablet server has registered with the master at {master}"
