"""The command that sets a home up, by its older name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from orch_dagster.sample.rows import JOB_NAME
from orch_dagster.settings import REPOSITORY
from tests.homes import home_at


def test_the_older_name_of_init_from_any_folder(home: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "tools" / "init_params_kudu.py")],
        cwd=tmp_path,
        env={**os.environ, "ORCH_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "created table job_master" in done.stdout
    assert [row["job_name"] for row in json.loads(home_at(home).here("jobs", "--json").stdout)] == [
        JOB_NAME
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
