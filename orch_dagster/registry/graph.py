"""Plain ids and who waits for whom: order, levels and cycles, in a stable order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Order:
    """The result of ordering a graph.

    Attributes:
        ids: Every id that is not in or behind a cycle, parents first.
        levels: For each of them the longest way from a root; a root has 0.
        cycles: Each cycle as the ids along it, the smallest first.
        behind: Ids that wait for a cycle without being in one.
    """

    ids: tuple[str, ...]
    levels: Mapping[str, int]
    cycles: tuple[tuple[str, ...], ...]
    behind: tuple[str, ...]


def order(parents: Mapping[str, Iterable[str]]) -> Order:
    """Order ids so that parents come first.

    Args:
        parents: For each id the ids it waits for; all of them are keys too.
    """
    waits = {node: set(its) for node, its in parents.items()}
    children: dict[str, list[str]] = {node: [] for node in waits}
    for node in sorted(waits):
        for parent in waits[node]:
            children[parent].append(node)
    left = {node: len(its) for node, its in waits.items()}
    ready = deque(sorted(node for node, count in left.items() if count == 0))
    levels = dict.fromkeys(ready, 0)
    ids: list[str] = []
    while ready:
        node = ready.popleft()
        ids.append(node)
        for child in children[node]:
            levels[child] = max(levels.get(child, 0), levels[node] + 1)
            left[child] -= 1
            if left[child] == 0:
                ready.append(child)
    stuck = {node: its for node, its in waits.items() if left[node] > 0}
    cycles = _cycles(stuck)
    in_cycle = {node for cycle in cycles for node in cycle}
    done = set(ids)
    return Order(
        ids=tuple(ids),
        levels={node: level for node, level in levels.items() if node in done},
        cycles=cycles,
        behind=tuple(sorted(set(stuck) - in_cycle)),
    )


def _cycles(stuck: Mapping[str, set[str]]) -> tuple[tuple[str, ...], ...]:
    """One cycle for each knot: from every stuck node, walk to a stuck parent until one recurs."""
    cycles: set[tuple[str, ...]] = set()
    seen: set[str] = set()
    for start in sorted(stuck):
        path: list[str] = []
        place: dict[str, int] = {}
        node = start
        while node not in place and node not in seen:
            place[node] = len(path)
            path.append(node)
            node = min(parent for parent in stuck[node] if parent in stuck)
        if node in place:
            knot = path[place[node] :]
            first = knot.index(min(knot))
            cycles.add(tuple(knot[first:] + knot[:first]))
        seen.update(path)
    return tuple(sorted(cycles))
