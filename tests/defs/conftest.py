"""A home with the sample in it, and its runs by the real commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

BIZ_DT = "2024-05-15"


@dataclass
class Home:
    """An ORCH_HOME, and the commands a user gives in it."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    def orch(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "orch_dagster.cli", *words]
        return subprocess.run(
            command, env=self.environ, cwd=self.folder, capture_output=True, text=True, check=check
        )

    def json(self, *words: str) -> Any:
        return json.loads(self.orch(*words, "--json").stdout)

    def execute_command(self, job: str, biz_dt: str = BIZ_DT) -> list[str]:
        tags = json.dumps({"dagster/partition": biz_dt})
        command = [sys.executable, "-m", "dagster", "job", "execute"]
        return [*command, "-m", "orch_dagster.definitions", "-j", job, "--tags", tags]

    def execute(self, job: str, biz_dt: str = BIZ_DT) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.execute_command(job, biz_dt),
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def log_rows(self, job: str) -> list[dict[str, Any]]:
        return self.json("log", "--job", job)


@pytest.fixture
def sample_home(tmp_path: Path) -> Home:
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ORCH_", "DAGSTER_"))
    }
    folder = tmp_path / "home"
    folder.mkdir()
    environ |= {"ORCH_HOME": str(folder), "DAGSTER_HOME": str(folder / ".orch" / "dagster")}
    home = Home(folder, environ)
    home.orch("init", "--sample")
    return home
