"""Order, levels and cycles of plain ids."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orch_dagster.registry.graph import MOST_EXACT, order, width
from tests.growth import assert_linear

Parents = dict[str, set[str]]

IDS = [f"J{n}" for n in range(9)]


@st.composite
def any_graphs(draw: st.DrawFn) -> Parents:
    """Graphs with and without cycles; a node may wait for itself."""
    ids = draw(st.lists(st.sampled_from(IDS), unique=True))
    return {node: draw(st.sets(st.sampled_from(ids), max_size=3)) for node in ids}


@st.composite
def acyclic_graphs(draw: st.DrawFn) -> Parents:
    """Graphs whose ids wait for earlier ones of some order only."""
    ids = draw(st.permutations(IDS))
    return {
        node: draw(st.sets(st.sampled_from(ids[:place]), max_size=4)) if place else set()
        for place, node in enumerate(ids)
    }


def ancestors(parents: Parents, node: str) -> set[str]:
    """All that a way of any length leads to, by brute force; the node too if it is in a cycle."""
    reach: set[str] = set()
    todo = set(parents[node])
    while todo:
        reach |= todo
        todo = set().union(*(parents[parent] for parent in todo)) - reach
    return reach


class TestOrder:
    def test_nothing(self) -> None:
        ordered = order({})
        assert (ordered.ids, ordered.levels, ordered.cycles, ordered.behind) == ((), {}, (), ())

    def test_a_diamond_and_a_loner(self) -> None:
        ordered = order({"D": ["B", "C"], "B": ["A"], "C": ["A"], "A": [], "X": []})

        assert ordered.ids == ("A", "X", "B", "C", "D")
        assert ordered.levels == {"A": 0, "X": 0, "B": 1, "C": 1, "D": 2}

    def test_the_level_is_the_longest_way(self) -> None:
        ordered = order({"A": [], "B": ["A"], "C": ["B"], "D": ["A", "C"]})

        assert ordered.levels["D"] == 3

    def test_a_parent_named_twice_counts_once(self) -> None:
        assert order({"A": [], "B": ["A", "A"]}).ids == ("A", "B")

    def test_a_cycle_is_spelled_out_from_its_smallest(self) -> None:
        ordered = order({"C": ["B"], "B": ["A"], "A": ["C"], "R": []})

        assert ordered.cycles == (("A", "C", "B"),)
        assert ordered.ids == ("R",)
        assert ordered.behind == ()

    def test_waiting_for_itself_is_a_cycle(self) -> None:
        assert order({"A": ["A"]}).cycles == (("A",),)

    def test_behind_a_cycle(self) -> None:
        ordered = order({"A": ["B"], "B": ["A"], "C": ["B"], "D": ["C", "R"], "R": []})

        assert ordered.cycles == (("A", "B"),)
        assert ordered.behind == ("C", "D")
        assert ordered.ids == ("R",)
        assert dict(ordered.levels) == {"R": 0}

    def test_cycles_that_do_not_touch_are_all_named(self) -> None:
        ordered = order({"A": ["B"], "B": ["A"], "C": ["D"], "D": ["C"], "E": ["E"]})

        assert ordered.cycles == (("A", "B"), ("C", "D"), ("E",))

    def test_a_chain_of_ten_thousand(self) -> None:
        chain = {f"J{n:05d}": [f"J{n - 1:05d}"] if n else [] for n in range(10_000)}
        ordered = order(dict(reversed(chain.items())))

        assert ordered.ids == tuple(chain)
        assert ordered.levels["J09999"] == 9_999

    def test_a_ring_of_ten_thousand(self) -> None:
        ring = {f"J{n:05d}": [f"J{(n - 1) % 10_000:05d}"] for n in range(10_000)}
        ordered = order({**ring, "Z": ["J00000"]})

        assert [len(cycle) for cycle in ordered.cycles] == [10_000]
        assert ordered.cycles[0][:2] == ("J00000", "J09999")
        assert ordered.behind == ("Z",)

    @given(acyclic_graphs())
    def test_parents_come_first(self, parents: Parents) -> None:
        ordered = order(parents)

        assert sorted(ordered.ids) == sorted(parents)
        place = {node: number for number, node in enumerate(ordered.ids)}
        assert all(place[parent] < place[node] for node in parents for parent in parents[node])
        assert (ordered.cycles, ordered.behind) == ((), ())

    @given(acyclic_graphs())
    def test_levels_are_longest_ways(self, parents: Parents) -> None:
        levels = order(parents).levels

        assert levels == {
            node: 1 + max(levels[parent] for parent in its) if its else 0
            for node, its in parents.items()
        }

    @given(any_graphs())
    def test_every_node_has_exactly_one_place(self, parents: Parents) -> None:
        ordered = order(parents)

        in_cycle = {node for cycle in ordered.cycles for node in cycle}
        places = [*ordered.ids, *in_cycle, *ordered.behind]
        assert sorted(places) == sorted(parents)
        assert set(ordered.levels) == set(ordered.ids)

    @given(any_graphs())
    def test_what_runs_waits_for_no_cycle_and_the_rest_does(self, parents: Parents) -> None:
        ordered = order(parents)

        knotted = {node for node in parents if node in ancestors(parents, node)}
        held_up = {node for node in parents if ancestors(parents, node) & knotted}
        assert set(ordered.ids) == set(parents) - held_up - knotted

    @given(any_graphs())
    def test_each_cycle_is_one(self, parents: Parents) -> None:
        for cycle in order(parents).cycles:
            assert len(set(cycle)) == len(cycle)
            assert cycle[0] == min(cycle)
            for node, waits_for in itertools.pairwise([*cycle, cycle[0]]):
                assert waits_for in parents[node]

    @given(any_graphs(), st.randoms())
    def test_the_order_of_the_rows_makes_no_difference(
        self, parents: Parents, dice: random.Random
    ) -> None:
        items = [(node, sorted(its)) for node, its in parents.items()]
        first = order(dict(items))
        for _, its in items:
            dice.shuffle(its)
        dice.shuffle(items)

        assert order(dict(items)) == first


class TestWidth:
    @pytest.mark.parametrize(
        ("parents", "expected"),
        [
            (lambda n: {str(i): {str(i - 1)} if i else set[str]() for i in range(n)}, 1),
            (lambda n: {str(i): {str(i - 2)} if i > 1 else set[str]() for i in range(n)}, 2),
        ],
        ids=["a chain", "two chains"],
    )
    def test_long_chains_take_time_by_their_length(
        self, parents: Callable[[int], Parents], expected: int
    ) -> None:
        assert width(parents(5_000)) == expected
        assert_linear(lambda size: lambda: width(parents(size)), 2_000)

    @given(acyclic_graphs())
    def test_it_is_the_most_that_wait_for_none_of_each_other(self, parents: Parents) -> None:
        above = {node: ancestors(parents, node) for node in parents}
        assert width(parents) == max(
            count
            for count in range(len(parents) + 1)
            for some in itertools.combinations(sorted(parents), count)
            if not any(one in above[other] for one in some for other in some)
        )

    def test_beyond_what_is_exact_it_is_never_too_small(self) -> None:
        """Two levels of a half each; an id of the second waits for one of the first."""
        half = MOST_EXACT
        parents = {f"a{n}": set[str]() for n in range(half)}
        parents |= {f"b{n}": {f"a{n // 2}"} for n in range(half)}
        assert width(parents) >= half + half // 2
