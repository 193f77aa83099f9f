"""A file that another process writes, followed to its end."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

from orch_dagster.settings import REPOSITORY
from tests.unit.test_growing_file import Followed


def test_a_writer_of_another_process_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "job.log"
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from orch_dagster.run_log import RunLog

        log = RunLog(Path(sys.argv[1]))
        for n in range(3000):
            log.write("INFO", "spark", f"{n} " + "x" * (n % 997))
        """
    )
    followed = Followed(path)
    subprocess.run([sys.executable, "-c", program, str(path)], cwd=REPOSITORY, check=True)
    assert followed.end() == path.read_text(encoding="utf-8")
    assert all(piece.endswith(b"\n") for piece in followed.pieces)
