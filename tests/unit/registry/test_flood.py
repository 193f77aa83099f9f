"""Ten thousand generated files and rows: refused with words, or taken by apply and by a run.

tests/endurance/registry gives ten times as many.
"""

from __future__ import annotations

import pytest

from orch_dagster.registry.row_files import RowFiles
from tests.registry_flood import Flood, base_rows, flood

__all__ = ["flood"]

FILES, ROWS, SEED = 2_000, 8_000, 1


def test_files(flood: Flood) -> None:
    flood.files(FILES, SEED)
    flood.tally.check()


def test_rows(flood: Flood) -> None:
    flood.rows(ROWS, SEED)
    flood.tally.check()
    # Else next to nothing would come as far as a run.
    assert flood.tally.counts["rows accepted"] > ROWS / 20


def test_the_flood_sees_what_it_looks_for(flood: Flood, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("orch_dagster.control.sys_params.is_master", lambda _: True)
        rows = base_rows()
        rows["sys_params"][1] |= {"param_key": "spark.master", "param_value": "nowhere"}
        flood.give_rows("a row", rows)
    assert "spark.master is 'nowhere'" in flood.tally.refused_later[0]

    def fail() -> RowFiles:
        raise RecursionError("deep")

    flood.give("files", "a file", fail)
    assert flood.tally.tracebacks == ["a file: RecursionError: deep"]
    with pytest.raises(AssertionError):
        flood.tally.check()
