"""Runs whose processes and servers are killed at random: each leaves one true row, and no process.

CHAOS_RUNS is how many runs (40), half of them on each store; CHAOS_SEED repeats a drawing. In CI it
is always the same one: a build fails by what was changed.
"""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from rich.console import Console

from tests.endurance.chaos.flights import fly
from tests.endurance.chaos.small_jobs import litter
from tests.endurance.chaos.strikes import draw_plans
from tests.endurance.chaos.verdict import file_faults, hits_of, read_ends, settle, table_of
from tests.endurance.chaos.world import World
from tests.kudu_cluster import kudu_cluster
from tests.waiting import wait_until

RUNS = int(os.environ.get("CHAOS_RUNS", "40")) // 2
AT_ONCE = 3

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.spark,
    pytest.mark.usefixtures("own_signals"),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to kill by"),
    # A run takes about ten seconds of a processor, and twice that on Kudu.
    pytest.mark.timeout(600 + 60 * RUNS),
]


@pytest.mark.parametrize("on", ["sqlite", pytest.param("kudu", marks=pytest.mark.kudu)])
def test_every_run_leaves_one_true_row_and_no_process(on: str, tmp_path: Path) -> None:
    drawn = 1 if "CI" in os.environ else secrets.randbelow(10**6)
    seed = int(os.environ.get("CHAOS_SEED", drawn))
    console = Console(width=150)
    console.print(f"\nCHAOS_RUNS={2 * RUNS} CHAOS_SEED={seed}")
    plans = draw_plans(seed, RUNS, on_kudu=on == "kudu")
    with ExitStack() as stack:
        cluster = stack.enter_context(kudu_cluster()) if on == "kudu" else None
        world = World(tmp_path / "home", cluster, plans)
        stack.callback(world.close)
        flights = fly(world, plans, AT_ONCE)
        settle(world)
        rows_wrong: list[str] = []

        def rows_are_right() -> bool:
            ends, strays = read_ends(world, flights)
            faults = [f"run {end.plan.number}: {each}" for end in ends for each in end.row_faults()]
            rows_wrong[:] = strays + faults
            return not rows_wrong

        try:
            # The sensor has its say every ten seconds.
            wait_until(rows_are_right, "rows that are right", timeout_s=90)
        except AssertionError:
            assert rows_wrong
        rebuilt = world.home.json("log", "rebuild")
        recovered = world.home.json("recover")
        ends, _ = read_ends(world, flights)
        faults = [
            *rows_wrong,
            *(f"run {each.plan.number}: {one}" for each in flights for one in each.complaints),
            *file_faults(world, ends),
            *(f"recover: {one}" for one in recovered if one["outcome"] != "recovered"),
            *(f"beside the dates: {one}" for one in litter(world.home)),
        ]
        console.print(table_of(world, ends))
        console.print(f"{hits_of(ends)}; {len(recovered)} landings recovered")
    wait_until(lambda: not world.home.process_names(), "the end of all processes", 30)
    assert faults == []
    assert rebuilt["written"] == 0, rebuilt
