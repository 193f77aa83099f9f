"""Order, levels, cycles and width of a graph of plain ids, in a stable order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Order:
    """The result of ordering a graph.

    Attributes:
        ids: Every id that is not in or behind a cycle, parents first.
        levels: The longest path from a root to each of these ids; a root has 0.
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
        parents: The ids that each id waits for; all of them are keys too.
    """
    upstream = {node: set(ids) for node, ids in parents.items()}
    children: dict[str, list[str]] = {node: [] for node in upstream}
    for node in sorted(upstream):
        for parent in upstream[node]:
            children[parent].append(node)
    remaining = {node: len(ids) for node, ids in upstream.items()}
    ready = deque(sorted(node for node, count in remaining.items() if count == 0))
    levels = dict.fromkeys(ready, 0)
    ids: list[str] = []
    while ready:
        node = ready.popleft()
        ids.append(node)
        for child in children[node]:
            levels[child] = max(levels.get(child, 0), levels[node] + 1)
            remaining[child] -= 1
            if remaining[child] == 0:
                ready.append(child)
    stuck = {node: waits_for for node, waits_for in upstream.items() if remaining[node] > 0}
    cycles = _cycles(stuck)
    in_cycle = {node for cycle in cycles for node in cycle}
    done = set(ids)
    return Order(
        ids=tuple(ids),
        levels={node: level for node, level in levels.items() if node in done},
        cycles=cycles,
        behind=tuple(sorted(set(stuck) - in_cycle)),
    )


def width(parents: Mapping[str, Iterable[str]]) -> int:
    """Return the most ids of which none waits for another, in a graph without cycles.

    By Dilworth's theorem these are as many as the chains that cover the graph, which a maximum
    matching of ids to later ones gives.

    >>> width({"a": [], "b": ["a"], "c": ["a"], "d": ["b"]})
    2
    """
    behind: dict[str, set[str]] = {}
    for node in order(parents).ids:
        above = set(parents[node])
        behind[node] = above.union(*(behind[parent] for parent in above))
    next_of: dict[str, str] = {}

    def extends(node: str, seen: set[str]) -> bool:
        for earlier in sorted(behind[node] - seen):
            seen.add(earlier)
            if earlier not in next_of or extends(next_of[earlier], seen):
                next_of[earlier] = node
                return True
        return False

    return len(behind) - sum(extends(node, set()) for node in behind)


def _cycles(stuck: Mapping[str, set[str]]) -> tuple[tuple[str, ...], ...]:
    """Find one cycle in each stuck part: walk from a stuck node up to parents until one recurs."""
    cycles: set[tuple[str, ...]] = set()
    seen: set[str] = set()
    for start in sorted(stuck):
        path: list[str] = []
        index: dict[str, int] = {}
        node = start
        while node not in index and node not in seen:
            index[node] = len(path)
            path.append(node)
            node = min(parent for parent in stuck[node] if parent in stuck)
        if node in index:
            cycle = path[index[node] :]
            first = cycle.index(min(cycle))
            cycles.add(tuple(cycle[first:] + cycle[:first]))
        seen.update(path)
    return tuple(sorted(cycles))
