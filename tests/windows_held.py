"""A job on Windows that lands a date at once, or for hours, to be stopped while it writes."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from tests.waiting import wait_until
from tests.windows_install import BARE_FILES
from tests.windows_machine import WindowsMachine

HELD = "etl_lnd_wine_held_t_held"
# A home, and data, with what cmd reads in paths.
ODD_HOME = "hömé (1) ~x'"
ODD_DATA = "dätä & 50% ^x! (1)"
BIZ_DT = "2024-05-16"
# Each row takes so many milliseconds.
_HQL = (
    "SELECT name, java_method('java.lang.Thread', 'sleep', CAST(amount AS BIGINT)) slept, "
    "'${hivevar:biz_dt}' biz_dt FROM row1"
)
_HOURS_MS = 3_600_000
# On a busy machine a session takes longer to start than its executor waits to report.
_PROPERTIES = {**BARE_FILES, "spark.executor.heartbeatInterval": "100s"}


@dataclass(frozen=True)
class HeldJob:
    """The job, in a home on a machine.

    Attributes:
        machine: The machine.
        home: ORCH_HOME below the machine's folder.
        data: The folder of its data, below the machine's folder.
    """

    machine: WindowsMachine
    home: str
    data: str

    def add(self) -> None:
        """Add it to the control tables of the home, with a date that lands at once."""
        self.write_source()
        home = self.machine.path(self.home)
        (home / "hql").mkdir(exist_ok=True)
        (home / f"hql/{HELD}.hql").write_text(_HQL, encoding="utf-8")
        (home / "held.json").write_text(json.dumps(_rows()), encoding="utf-8")
        code, said = self.orch("apply", "held.json")
        assert code == 0, said

    def write_source(self, number: int = 0) -> None:
        """Write ten rows with amounts from a number on."""
        lines = [f"n{each},{each + number}" for each in range(10)]
        source = self.machine.path(f"{self.data}/data/{BIZ_DT}.csv")
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text("\n".join(["name,amount", *lines, ""]), encoding="utf-8")

    def let_it_take_hours(self) -> None:
        """Let the next landing go on until it is stopped."""
        self.write_source(_HOURS_MS)

    def orch(self, *words: str) -> tuple[int, str]:
        """Give an orch command in the home; return its exit code and what it said."""
        return self.machine.orch(*words, home=self.home, **self.environ())

    def environ(self) -> dict[str, str]:
        """The variable that names the folder of the data."""
        return {"ORCH_DATA_ROOT": rf"{self.machine.folder}\{self.data}".replace("/", "\\")}

    def files(self) -> dict[str, bytes]:
        """The files of the date that has landed."""
        folder = self.machine.path(f"{self.data}/out/t_held/biz_dt={BIZ_DT}")
        return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def row(self) -> tuple[str, int | None, str]:
        """biz_dt, row_count and status of its newest row of execution_log."""
        with closing(sqlite3.connect(self.machine.path(f"{self.home}/.orch/control.db"))) as store:
            query = (
                "SELECT biz_dt, row_count, status FROM execution_log WHERE job_name = ? "
                "ORDER BY id DESC LIMIT 1"
            )
            return store.execute(query, (HELD,)).fetchone()

    def wait_until_it_writes(self) -> None:
        """Wait until Spark writes the date."""
        out = self.machine.path(f"{self.data}/out/t_held")
        wait_until(lambda: list(out.rglob("_temporary")), "the folder of what is written", 900)

    def check_stopped(self, before: dict[str, bytes], status: str) -> None:
        """The data is the old, the row is true, and the next landing is free."""
        assert self.files() == before
        code, said = self.orch("recover")
        assert code == 0, said
        out = self.machine.path(f"{self.data}/out/t_held")
        assert list(out.rglob("journal.json")) == []
        assert self.files() == before
        date, count, shown = self.row()
        assert (date, count) == (BIZ_DT, None)
        assert shown.startswith(status), shown

    def check_lands_next(self, before: dict[str, bytes]) -> None:
        """The next run replaces the date, and leaves nothing beside it."""
        self.write_source()
        code, said = self.orch("run", HELD, "--biz-dt", BIZ_DT)
        assert code == 0, said
        assert self.row() == (BIZ_DT, 10, "Completed")
        # Spark names its files anew each time.
        assert not [name for name in self.files() if "part-" in name and name in before]
        assert list(self.machine.path(f"{self.data}/out").rglob("_landing")) == []
        self.let_it_take_hours()


def _rows() -> dict[str, list[dict[str, Any]]]:
    context = {
        "sources": [{"format": "csv", "path": "data/{biz_dt}.csv", "options": {"header": True}}],
        "hql": f"{HELD}.hql",
        "sinks": [{"format": "orc", "path": "out/t_held", "partition_cols": ["biz_dt"]}],
    }
    keys = {"environment": "DEV", "key_name": "*", "param_type": "spark"}
    date = {"biz_dt": BIZ_DT, "start_dt": BIZ_DT, "end_dt": BIZ_DT}
    return {
        "job_master": [
            {"job_id": "H", "job_name": HELD, "script_path": "landing.py",
             "context_params": json.dumps(context)}
        ],
        "sys_params": [
            {**keys, "param_key": key, "param_value": value} for key, value in _PROPERTIES.items()
        ],
        "process_control": [{"entity": "WINE", "source_system": "HELD", **date}],
    }  # fmt: skip
