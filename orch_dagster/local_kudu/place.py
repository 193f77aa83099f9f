"""The folders and files of a local Kudu."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orch_dagster.local_kudu.ports import Role
from orch_dagster.toolchain.jars import KUDU_BINARY


@dataclass(frozen=True)
class Place:
    """The folder of a home's local Kudu.

    Attributes:
        root: <ORCH_HOME>/.orch/kudu.
    """

    root: Path

    @property
    def binaries(self) -> Path:
        """The unpacked artifact."""
        return self.root / KUDU_BINARY.file_name.removesuffix(".jar")

    @property
    def state_file(self) -> Path:
        """The file of the data's port and the started processes."""
        return self.root / "state.json"

    @property
    def data(self) -> Path:
        """The data of both daemons."""
        return self.root / "data"

    @property
    def logs(self) -> Path:
        """The logs of both daemons."""
        return self.root / "logs"

    def log(self, role: Role) -> Path:
        """Return the log of a daemon, which has all that it prints."""
        return self.logs / f"{role}.log"

    def has_data(self) -> bool:
        """Return whether a daemon has written data."""
        return any(self.data.glob("*/*"))


def place_of(home: Path) -> Place:
    """Return the place of the local Kudu of an ORCH_HOME."""
    return Place(home / ".orch" / "kudu")
