"""Cuts of power in pairs: a kill and a cut, and two cuts; the singles are in tests/unit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cut_landings import SHAPES, Proof

FEWEST_STATES = 600
_ALL = [(pair, shape) for pair in ("kill_and_cut", "cut_twice") for shape in SHAPES]
_SHORT = [("kill_and_cut", "two tables"), ("cut_twice", "two folders side by side")]
# The short form is what .ci/run asks for.
PAIRS = _SHORT if int(os.environ.get("CHAOS_RUNS", "40")) < 40 else _ALL


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("pair", "shape"), PAIRS)
def test_a_pair_leaves_the_old_or_the_new_date_whole(
    tmp_path: Path, shape: str, pair: str, capsys: pytest.CaptureFixture[str]
) -> None:
    proof = Proof(tmp_path / "disk", SHAPES[shape], all_of=1)
    getattr(proof, pair)()
    with capsys.disabled():
        print(f"\n{pair}, {shape}: {proof.summary()}")  # noqa: T201
    assert proof.counts["disk states"] >= FEWEST_STATES
    assert {proof.before, "new", "next"} >= set(proof.contents()) > {"new"}
