"""The folders and files of a local Kudu."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orch_dagster.local_kudu.ports import Role
from orch_dagster.toolchain.jars import KUDU_BINARY


@dataclass(frozen=True)
class Place:
    """Where the local Kudu of a home is.

    Attributes:
        root: <ORCH_HOME>/.orch/kudu.
    """

    root: Path

    @property
    def binaries(self) -> Path:
        """What the artifact holds, unpacked."""
        return self.root / KUDU_BINARY.file_name.removesuffix(".jar")

    @property
    def state_file(self) -> Path:
        """Which port the data has and which processes were started."""
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
        """What a daemon prints."""
        return self.logs / f"{role}.log"

    def has_data(self) -> bool:
        """Whether a daemon has written any."""
        return any(self.data.glob("*/*"))


def place_of(home: Path) -> Place:
    """Where the local Kudu of an ORCH_HOME is."""
    return Place(home / ".orch" / "kudu")
