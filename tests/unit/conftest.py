"""What makes a test a unit test: it starts no process, so no JVM either."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: object, args: object, *_: object, **__: object) -> None:
        pytest.fail(f"a unit test starts no process (tests/runs is for those that do): {args}")

    monkeypatch.setattr(subprocess.Popen, "__init__", refused)


@pytest.fixture(scope="session")
def _hadoop_home(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """A folder in the place of Hadoop's tools on Windows, which no unit test calls."""
    if sys.platform != "win32":
        return None
    folder = tmp_path_factory.mktemp("hadoop")
    (folder / "bin").mkdir()
    (folder / "bin" / "winutils.exe").touch()
    # Any library that can be loaded.
    shutil.copy(Path(sys.base_prefix, "python3.dll"), folder / "bin" / "hadoop.dll")
    return folder


@pytest.fixture(autouse=True)
def _hadoop_tools(_hadoop_home: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if _hadoop_home is not None:
        monkeypatch.setenv("HADOOP_HOME", str(_hadoop_home))
