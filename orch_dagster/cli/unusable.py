"""Put into one sentence why a disk, or Dagster's storage on it, can't be used."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from orch_dagster.files import os_fault, storage_fault
from orch_dagster.settings import load_settings


def unusable(error: BaseException) -> str | None:
    """Return the sentence for an error of the system or of Dagster's storage, None for others."""
    if isinstance(error, OSError):
        # A reader that has read enough ends the command without a word.
        return None if error.errno == errno.EPIPE else os_fault(error)
    from sqlalchemy.exc import SQLAlchemyError

    if not isinstance(error, SQLAlchemyError):
        return None
    folder = Path(os.environ.get("DAGSTER_HOME") or load_settings().dagster_home)
    return storage_fault(error, folder)
