"""A hundred thousand generated files and rows, of another seed each time."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable

import pytest

from tests.registry_flood import Flood, flood

__all__ = ["flood"]

INPUTS = int(os.environ.get("FLOOD_INPUTS", "100000"))


def _seed() -> int:
    drawn = 2 if "CI" in os.environ else secrets.randbelow(10**6)
    return int(os.environ.get("FLOOD_SEED", drawn))


@pytest.mark.parametrize(
    ("give", "share"), [(Flood.files, 0.2), (Flood.rows, 0.8)], ids=["files", "rows"]
)
def test_a_hundred_thousand(
    flood: Flood, give: Callable[[Flood, int, int], None], share: float
) -> None:
    seed = _seed()
    print(f"FLOOD_INPUTS={INPUTS} FLOOD_SEED={seed}")  # noqa: T201
    give(flood, int(INPUTS * share), seed)
    flood.tally.check()
