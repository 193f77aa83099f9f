"""The texts of the snapshots of the repository and its listed jobs, kept from load to load.

A code server of thousands of rows spends a third of its load on them. A text is of one id, which
is a hash of what it says or is made from, so it is never out of date; it is left out if it is
damaged or of another Dagster.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection
from pathlib import Path

import dagster as dg

from orch_dagster.files import discard, os_fault, write_atomically

_LOG = logging.getLogger("orch_dagster")


class SnapshotTexts:
    """A folder of texts, each in a file of its own behind a digest.

    Args:
        state_dir: Where the folder is, which may be deleted.
    """

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / "snapshot_texts"

    def get(self, snapshot_id: str) -> str | None:
        """Return the text of a snapshot, None if none is kept that is whole and of this Dagster."""
        try:
            seal, _, text = self._file(snapshot_id).read_bytes().decode().partition("\n")
        except (OSError, ValueError):
            # Not there yet, or damaged: it is written again.
            return None
        return text if seal == _seal(text) else None

    def put(self, snapshot_id: str, text: str) -> None:
        """Keep the text of a snapshot, if it can be written."""
        try:
            write_atomically(self._file(snapshot_id), f"{_seal(text)}\n{text}")
        except OSError as error:
            _LOG.info("a snapshot is not kept for the next load: %s", os_fault(error))

    def keep_only(self, snapshot_ids: Collection[str]) -> None:
        """Remove the texts of all other snapshots."""
        needed = {self._file(each) for each in snapshot_ids}
        for file in self._folder.glob("*"):
            if file not in needed:
                discard(file)

    def _file(self, snapshot_id: str) -> Path:
        return self._folder / f"{snapshot_id}.json"


def _seal(text: str) -> str:
    return hashlib.sha256(f"{dg.__version__}\n{text}".encode()).hexdigest()
