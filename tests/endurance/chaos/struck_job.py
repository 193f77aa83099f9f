"""The script of a small landing whose rows say whose run it is.

It can be held before a change of a file in its publishing: where ``strikes/<job_name>`` under
JOB_BASE_DIR has a file for its date with a number, it writes the step that it is held at beside it,
and goes on when told so.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from framework import run_landing

ROWS = 3


class Hold:
    """Counts the changes of files while publishing, and stops before one of them.

    Args:
        order: The file whose text is the number of that change.
    """

    def __init__(self, order: Path) -> None:
        # In a home's jobs it is beside this script; in the tests it is elsewhere.
        from held_landings import changes_files, publishing_step

        self._changes_files = changes_files
        self._publishing_step = publishing_step
        self._order = order
        self._stop_at = int(order.read_text())
        self._count = 0

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        """See sys.addaudithook."""
        if not self._changes_files(event, args):
            return
        step = self._publishing_step(sys._getframe(1))
        if step == "elsewhere":
            return
        self._count += 1
        if self._count == self._stop_at:
            self._wait(step)

    def _wait(self, step: str) -> None:
        held = self._order.with_suffix(".held")
        held.with_suffix(".new").write_text(step)
        held.with_suffix(".new").replace(held)
        while not self._order.with_suffix(".go").exists():
            threading.Event().wait(0.05)


def main() -> None:
    """Write the source, if it is the job's own, and land it."""
    params = json.loads(Path(os.environ["JOB_PARAMS_FILE"]).read_text(encoding="utf-8"))
    metadata = params["metadata"]
    root = Path(os.environ["JOB_BASE_DIR"])
    source = params["job_master"]["context_params"]["sources"][0]["path"]
    if source.startswith("in/"):
        rows = "".join(f"{number},{metadata['run_id']}\n" for number in range(ROWS))
        (root / source.format(biz_dt=metadata["biz_dt"])).write_text(f"n,run_id\n{rows}")
    order = root / "strikes" / metadata["job_name"] / metadata["biz_dt"]
    if order.exists():
        sys.addaudithook(Hold(order).hook)
    run_landing()


if __name__ == "__main__":
    main()
