"""Give a job on Windows a folder of its own for Spark's temporary files.

Spark can't delete a jar that its JVM still has open, so it would leave one of each run behind.
"""

from __future__ import annotations

import sys
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from orch_dagster.spark.command import SubmitCommand

_LOCAL_DIRS = "SPARK_LOCAL_DIRS"
_LOCAL_DIR = "spark.local.dir"


def with_own_temporary_files(
    command: SubmitCommand, environ: Mapping[str, str], platform: str = sys.platform
) -> tuple[SubmitCommand, list[Path]]:
    """Return the command, and the folders to remove after its end; a folder of the user's stays.

    Args:
        command: The command of a spark-submit.
        environ: The environment of the run.
        platform: As sys.platform has it.
    """
    is_chosen = environ.get(_LOCAL_DIRS) or command.properties.get(_LOCAL_DIR)
    if platform != "win32" or is_chosen:
        return command, []
    folder = Path(tempfile.gettempdir()) / f"orch-{uuid.uuid4().hex[:12]}"
    return replace(command, env={_LOCAL_DIRS: str(folder), **command.env}), [folder]
