"""Read the small text files that rows refer to by `file:PATH`: secrets and calendars.

Whoever may write a row chooses the path, so a file is only read in folders that the settings name,
and nothing of its content is ever in an error.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Between the limits for an environment variable: 32 KiB on Windows, 128 KiB on Linux.
MAX_BYTES = 64 * 1024

# Opening a FIFO must not wait for its writer, and no symbolic link may have come meanwhile.
_FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_NOCTTY", "O_BINARY")
)


@dataclass(frozen=True)
class ReferencedFiles:
    """The folders whose files rows may refer to.

    Attributes:
        home: ORCH_HOME, where relative paths start.
        dirs: The folders of ORCH_SECRET_DIRS, absolute.
    """

    home: Path
    dirs: Sequence[Path] = ()

    def place_fault(self, name: str) -> str | None:
        """Return why no file of that path may be read, or None; one that is not there may come."""
        try:
            mode = self._resolved(name).lstat().st_mode
        except ValueError as error:
            return str(error)
        except OSError:
            # It may come, or be for the user of the runs alone.
            return None
        return None if stat.S_ISREG(mode) else _not_regular(self.home / name)

    def read(self, name: str) -> str:
        """Return the text of a file in UTF-8, without a byte order mark.

        Raises:
            ValueError: If it is elsewhere, not a regular file, too long, not text or unreadable.
        """
        path, shown = self._resolved(name), self.home / name
        try:
            content = _content(path)
        except OSError as error:
            raise ValueError(
                f"{shown} can't be read ({error.strerror}): put the file there, readable by the "
                f"user who runs the job, or correct param_value"
            ) from error
        if content is None:
            raise ValueError(_not_regular(shown))
        if len(content) > MAX_BYTES:
            raise ValueError(f"{shown} is longer than {MAX_BYTES} bytes: is it the right file?")
        try:
            # utf-8-sig drops the byte order mark of Windows editors.
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            # The decoder's message would show a byte of the file.
            raise ValueError(f"{shown} is not text in UTF-8: save it as UTF-8") from None

    def _resolved(self, name: str) -> Path:
        """Return the path to which a name leads, by whatever symbolic links.

        Raises:
            ValueError: If that is outside the folders.
        """
        shown = self.home / name
        try:
            path = shown.resolve()
            folders = [folder.resolve() for folder in (self.home, *self.dirs)]
        except (OSError, RuntimeError, ValueError):
            # A loop of links, or a NUL in the name.
            raise ValueError(f"{shown} can't be read: correct param_value") from None
        if not any(path.is_relative_to(folder) for folder in folders):
            verb = "is" if path == shown else "leads"
            raise ValueError(
                f"{shown} {verb} outside ORCH_HOME ({self.home}), where no file is read: move the "
                f"file below ORCH_HOME, or list its folder in ORCH_SECRET_DIRS"
            )
        return path


def _not_regular(shown: Path) -> str:
    return f"{shown} is not a regular file, and nothing else is read"


def _content(path: Path) -> bytes | None:
    """Return the first bytes of a file, at most one more than MAX_BYTES, None if not regular."""
    # Looked at before it is opened, as opening a device may change it.
    if not stat.S_ISREG(path.lstat().st_mode):
        return None
    descriptor = os.open(path, _FLAGS)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(MAX_BYTES + 1) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
