"""A Dagster outside of the range, as Dagster's own command tells it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.homes import home_at


def test_the_code_location_says_one_sentence_and_shows_no_trace(tmp_path: Path) -> None:
    # Found before the one that is installed.
    fake = tmp_path / "fake" / "dagster-1.12.22.dist-info" / "METADATA"
    fake.parent.mkdir(parents=True)
    fake.write_text("Metadata-Version: 2.1\nName: dagster\nVersion: 1.12.22\n")
    home = home_at(tmp_path)
    Path(home.environ["DAGSTER_HOME"]).mkdir(parents=True)
    command = ["dagster", "job", "execute", "-m", "orch_dagster.definitions", "-j", "any"]
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", *command],
        env={**home.environ, "PYTHONPATH": str(tmp_path / "fake")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("Error: ")]
    assert "(dagster 1.12.22)" in line
    assert "run `python -m pip install" in line
