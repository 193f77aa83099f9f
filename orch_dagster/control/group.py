"""The pair of entity and source_system that identifies a group."""

from __future__ import annotations

from typing import NamedTuple


class GroupKey(NamedTuple):
    """An entity and a source_system."""

    entity: str
    source_system: str

    @property
    def name(self) -> str:
        """Return the group's name, such as ``gels_fpms``.

        >>> GroupKey("GELS", "FPMS").name
        'gels_fpms'
        """
        return f"{self.entity}_{self.source_system}".lower()

    @property
    def columns(self) -> dict[str, str]:
        """Return the two columns of process_control, by name."""
        return self._asdict()
