"""Hide in a run's log the secrets that a job could not mask itself, as it is not given them.

What a job prints is masked on its way to the log. The lines of its get_logger go there directly,
masked for the job's own secrets: those of other jobs are hidden here, once the job has ended.
"""

from __future__ import annotations

from pathlib import Path

from orch_dagster.text import Masker

_BLOCK_BYTES = 1 << 22


def hide_secrets(log: Path, mask: Masker, start: int) -> int:
    """Overwrite each secret in a log by as many stars; other processes may append meanwhile.

    Args:
        log: The log.
        mask: Knows the secrets.
        start: The size that the log had before the job wrote to it.

    Returns:
        The number of secrets that were overwritten.

    Raises:
        OSError: If the log can't be read or written.
    """
    hidden = 0
    # What others append from now on is theirs to hide, and may never end.
    end = log.stat().st_size
    with log.open("r+b") as file:
        overlap, position = b"", start
        file.seek(start)
        while block := file.read(max(min(_BLOCK_BYTES, end - position), 0)):
            data, begin = overlap + block, position - len(overlap)
            position += len(block)
            for first, last in mask.places_in(data):
                if last <= len(overlap):
                    continue
                file.seek(begin + first)
                file.write(b"*" * (last - first))
                hidden += 1
            file.seek(position)
            # A secret may begin in one block and end in the next.
            overlap = data[-mask.longest :] if mask.longest else b""
    return hidden
