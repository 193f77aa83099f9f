"""The source extracts that can be generated, by entity and source system."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType

from orch_dagster.errors import OrchError
from orch_dagster.sample.contracts import write_extract

ExtractWriter = Callable[[Path, date], list[Path]]
"""Writes the files of a date under the data root and returns their paths."""

SAMPLES: Mapping[tuple[str, str], ExtractWriter] = MappingProxyType(
    {("GELS", "FPMS"): write_extract}
)


class UnknownSampleError(OrchError):
    """The sample has no extract for that entity and source system."""

    def __init__(self, entity: str, source_system: str) -> None:
        known = ", ".join(" ".join(key) for key in sorted(SAMPLES))
        super().__init__(
            f"no sample extract for {entity} {source_system}; there is one for: {known}"
        )
        self.entity = entity
        self.source_system = source_system


def extract_writer(entity: str, source_system: str) -> ExtractWriter:
    """Find the writer of a group's sample extract, case-insensitively.

    Raises:
        UnknownSampleError: If it does not exist; the message names the existing ones.
    """
    try:
        return SAMPLES[entity.upper(), source_system.upper()]
    except KeyError:
        raise UnknownSampleError(entity, source_system) from None


def sample_of_group(name: str) -> tuple[str, str] | None:
    """Return entity and source_system of the sample whose group has this name, None for none.

    >>> sample_of_group("gels_fpms")
    ('GELS', 'FPMS')
    """
    groups = {"_".join(pair).casefold(): pair for pair in SAMPLES}
    return groups.get(name.casefold())
