"""A file whose writer is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from orch_dagster.files import write_atomically
from orch_dagster.settings import REPOSITORY


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_kill_in_the_middle_leaves_the_old_text(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_atomically(path, "old")
    program = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        import orch_dagster.files as files

        def die(*_):
            os.kill(os.getpid(), signal.SIGKILL)

        files.os.fsync = die
        files.write_atomically(Path(sys.argv[1]), "new" * 100_000)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], cwd=REPOSITORY, check=False, timeout=60
    )

    assert done.returncode == -9
    assert path.read_text() == "old"
