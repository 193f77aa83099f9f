"""Put into one sentence why a disk, or Dagster's storage on it, can't be used."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from orch_dagster.files import os_fault, storage_fault
from orch_dagster.settings import load_settings


def reader_has_left(error: BaseException) -> bool:
    """Return whether an error says that the reader of what is printed has read enough.

    Windows says EINVAL then, as it does of other faults: what could not be printed fails again.
    """
    if not isinstance(error, OSError) or error.errno not in (errno.EPIPE, errno.EINVAL):
        return False
    if error.errno == errno.EPIPE:
        return True
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return False


def unusable(error: BaseException) -> str | None:
    """Return the sentence for an error of the system or of Dagster's storage, None for others."""
    if isinstance(error, OSError):
        return os_fault(error)
    from sqlalchemy.exc import SQLAlchemyError

    if not isinstance(error, SQLAlchemyError):
        return None
    folder = Path(os.environ.get("DAGSTER_HOME") or load_settings().dagster_home)
    return storage_fault(error, folder)
