"""The script of a job that lands one small file and reports it, and that may be told whom to kill.

It needs nothing but the standard library, as its 20 ms are those of a Python that starts. Where
``strikes/<biz_dt>`` under JOB_BASE_DIR names a victim and a moment, it kills that victim then.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import time
import zlib
from datetime import datetime, timezone
from pathlib import Path
from typing import Any


def main() -> None:
    """Land the date of the run, and report it as the framework does."""
    params = json.loads(Path(os.environ["JOB_PARAMS_FILE"]).read_text(encoding="utf-8"))
    metadata = params["metadata"]
    root, biz_dt = Path(os.environ["JOB_BASE_DIR"]), metadata["biz_dt"]
    order = root / "strikes" / biz_dt
    victim, moment = order.read_text().split() if order.exists() else ("", "")
    started = datetime.now(timezone.utc)

    def at(now: str) -> None:
        if now == moment:
            os.kill(_pid_of(victim), signal.SIGKILL)
            # Whoever kills another one dies of it at once: nothing is done meanwhile.
            time.sleep(60)

    at("begin")
    _send("opened", {"extras": {}})
    _report(kind="application", spark_app_id=f"local-{metadata['run_id'][:8]}", spark_ui=None)
    at("work")
    sink = root / "out" / f"biz_dt={biz_dt}" / metadata["run_id"]
    sink.parent.mkdir(parents=True, exist_ok=True)
    sink.write_text("1\n")
    at("landed")
    _report(
        kind="landing",
        biz_dt=biz_dt,
        row_count=1,
        columns=[{"name": "n", "type": "string"}],
        sinks=[{"path": str(sink.parent), "format": "csv", "files": 1, "size_bytes": 2}],
        started_at=started.isoformat(),
        duration_s=0.01,
    )
    at("reported")
    _send("closed", {})
    at("closed")
    sys.stdout.write(f"landed {metadata['run_id']}\n")


def _pid_of(victim: str) -> int:
    """The job itself, its supervisor, or the orchestrator that started that."""
    if victim == "job":
        return os.getpid()
    supervisor = os.getppid()
    if victim == "supervisor":
        return supervisor
    stat = Path(f"/proc/{supervisor}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def _report(**payload: Any) -> None:
    _send("report_custom_message", {"payload": payload})


def _send(method: str, params: dict[str, Any]) -> None:
    """Add a message to the file of Dagster Pipes."""
    encoded = os.environ["DAGSTER_PIPES_MESSAGES"]
    channel = json.loads(zlib.decompress(base64.b64decode(encoded)))
    message = {"__dagster_pipes_version": "0.1", "method": method, "params": params}
    with Path(channel["path"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(message) + "\n")


if __name__ == "__main__":
    main()
