"""A job's landings of many dates in one process, each held before another of its steps.

A process of its own runs `main`; when that is killed, every landing is cut off where it is held.
Each landing has a thread and is held at the next change of a file after its predecessor's: before
a file is opened for writing, after half of a write, before a folder is made, before a rename and
before a removal. So there are as many points as a landing has such changes.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
from datetime import date, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

from framework.plan import Place
from framework.publish.processes import psutil_probe, this_process
from framework.publish.publication import publication
from framework.storage.local import LocalFileSystem

JOB = "etl_lnd_ins_sys_held"
TABLES = ("out/a", "out/b")
FIRST = date(2024, 1, 1)
# Every landing replaces a date, and one more lands a date that has no old data.
KINDS = ("replacing", "first")
POINTS_FILE = "points.json"

_CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}
_FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_MODULES = ("publication.py", "lock.py", "swap.py")

# They finish another landing, or give up the own one, by the same functions.
UNDOING = ("_recover", "roll_back", "_revert")

_thread = threading.local()
_for_ever = threading.Event()


def biz_dt_of(number: int, kind: str) -> str:
    """The date that is held at a point; the day after it is nobody's."""
    return (FIRST + timedelta(days=4 * number + 2 * KINDS.index(kind))).isoformat()


def day_after(biz_dt: str) -> str:
    """Its neighbour."""
    return (date.fromisoformat(biz_dt) + timedelta(days=1)).isoformat()


def fill(folder: Path, text: str) -> None:
    """Two files, so that a half one shows."""
    folder.mkdir(parents=True)
    for part in range(2):
        (folder / f"part-{part}").write_text(text)


class Landing:
    """A landing that is held before its change number `stop_at`."""

    def __init__(self, root: Path, biz_dt: str, stop_at: int) -> None:
        self.root = root
        self.biz_dt = biz_dt
        self.stop_at = stop_at
        self.count = 0
        self.step: str | None = None
        self.error: Exception | None = None
        self.rests = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self.run, daemon=True).start()
        assert self.rests.wait(60), f"{self.biz_dt} is neither held nor over"
        if self.error:
            raise self.error

    def run(self) -> None:
        _thread.landing = self
        folder = f"biz_dt={self.biz_dt}"
        places = [Place((self.root / table / folder).as_posix(), folder) for table in TABLES]
        me = this_process(f"run-{self.stop_at}", psutil_probe)
        try:
            with publication(
                LocalFileSystem(), places, JOB, self.biz_dt, me, psutil_probe
            ) as current:
                for staging in current.staging:
                    fill(Path(staging) / folder, "new")
                current.commit()
        except Exception as error:  # noqa: BLE001 - raised in the main thread
            self.error = error
        self.rests.set()

    def reaches(self) -> bool:
        """Count a change; whether it is the one to be held at."""
        self.count += 1
        return self.count == self.stop_at

    def hold(self) -> None:
        self.step = publishing_step(sys._getframe(1))
        self.rests.set()
        _for_ever.wait()


def publishing_step(frame: FrameType | None) -> str:
    """The function of publishing that is at work, or "elsewhere"."""
    steps: list[str] = []
    while frame is not None:
        code = frame.f_code
        if Path(code.co_filename).name in _MODULES and code.co_name != "run":
            state = frame.f_locals.get("state", "") if code.co_name == "_enter" else ""
            steps.append(f"{code.co_name} {state}".strip())
        elif code.co_name == "fill":
            steps.append("staging")
        frame = frame.f_back
    # What is done on the way back is not what is done on the way there.
    undoing = (step for step in steps if step in UNDOING)
    return next(undoing, steps[0] if steps else "elsewhere")


def changes_files(event: str, args: tuple[Any, ...]) -> bool:
    """Whether an audit event is a change of a file."""
    return event in _CHANGES or (event == "open" and bool(args[2] & _FOR_WRITING))


def _hook(event: str, args: tuple[Any, ...]) -> None:
    landing: Landing | None = getattr(_thread, "landing", None)
    if landing is None:
        return
    if changes_files(event, args) and landing.reaches():
        landing.hold()


def _watch() -> None:
    sys.addaudithook(_hook)
    real_write = os.write

    def write(descriptor: int, data: Any) -> int:
        landing: Landing | None = getattr(_thread, "landing", None)
        if landing and landing.reaches():
            real_write(descriptor, bytes(data)[: len(data) // 2])
            landing.hold()
        return real_write(descriptor, data)

    os.write = write
    # No loss of power is among the faults: spare the disk.
    os.fsync = lambda _: None


def main() -> None:
    """Hold a landing at every point, write the points to a file in JOB_BASE_DIR, and stay."""
    root = Path(os.environ["JOB_BASE_DIR"])
    _watch()
    points: list[dict[str, str]] = []
    for kind in KINDS:
        for number in itertools.count(1):
            landing = Landing(root, biz_dt_of(number, kind), number)
            landing.start()
            if landing.step is None:
                break
            points.append({"biz_dt": landing.biz_dt, "step": landing.step})
    said = json.dumps({"pid": os.getpid(), "parent": os.getppid(), "points": points})
    (root / f"{POINTS_FILE}.new").write_text(said)
    (root / f"{POINTS_FILE}.new").replace(root / POINTS_FILE)
    _for_ever.wait()


if __name__ == "__main__":
    main()
