"""The one log file of a run: the orchestrator's lines and its jobs', each written whole."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

from framework.contract.append import open_append, write_all

# The form is the job framework's too (jobs/framework/logging.py), so one file reads as one.
_LINE = "{at:%Y-%m-%dT%H:%M:%S}.{millis:03d}Z {level:<5} [{name}] {text}\n"


class RunLog:
    """Appends lines to one file, a line a write, so that several processes may share it.

    Args:
        path: The file; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open_append(str(path))

    def write(self, level: str, name: str, text: str) -> None:
        """Add the text, a line for each of its lines.

        Args:
            level: Such as INFO.
            name: Who speaks: ``orch``, or ``spark`` for what the child printed.
            text: What to say.
        """
        now = datetime.now(timezone.utc)
        millis = now.microsecond // 1000
        for line in text.splitlines() or [""]:
            whole = _LINE.format(at=now, millis=millis, level=level, name=name, text=line)
            write_all(self._file, whole.encode("utf-8", "replace"))

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def run_log_path(logs_dir: Path, run_id: str, created_at: datetime) -> Path:
    """``logs/job_YYYY-MM-DD_HH-MM-SS_<first 8 of run id>.log``, by the run's creation in UTC."""
    at = created_at.astimezone(timezone.utc)
    return logs_dir / f"job_{at:%Y-%m-%d_%H-%M-%S}_{run_id[:8]}.log"
