"""Cuts of power in pairs: a kill and a cut, and two cuts; the singles are in tests/unit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cut_landings import SHAPES, Proof

FEWEST_STATES = 600
# As .ci/run asks for.
IS_SHORT = int(os.environ.get("CHAOS_RUNS", "40")) < 40
IN_SHORT = {("kill_and_cut", "two tables"), ("cut_twice", "two folders side by side")}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pair", ["kill_and_cut", "cut_twice"])
def test_a_pair_leaves_the_old_or_the_new_date_whole(
    tmp_path: Path, shape: str, pair: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if IS_SHORT and (pair, shape) not in IN_SHORT:
        pytest.skip("CHAOS_RUNS is below 40: the short form")
    proof = Proof(tmp_path / "disk", SHAPES[shape], all_of=1)
    getattr(proof, pair)()
    with capsys.disabled():
        print(f"\n{pair}, {shape}: {proof.summary()}")  # noqa: T201
    assert proof.counts["disk states"] >= FEWEST_STATES
    assert {proof.before, "new", "next"} >= set(proof.contents()) > {"new"}
