"""Order, levels, cycles and width of a graph of plain ids, in a stable order."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MOST_EXACT = 300


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

    By Dilworth's theorem these are as many as the chains that cover the graph. Of a graph of more
    than MOST_EXACT ids, whose chains take long to find, it may return some more.

    >>> width({"a": [], "b": ["a"], "c": ["a"], "d": ["b"]})
    2
    """
    ordered = order(parents)
    # The ids of a level wait for none of each other.
    least = max(Counter(ordered.levels.values()).values(), default=0)
    most = _chains(ordered.ids, parents)
    if least == most or len(ordered.ids) > MOST_EXACT:
        return most
    return _fewest_chains(ordered.ids, parents)


def _chains(ids: Iterable[str], parents: Mapping[str, Iterable[str]]) -> int:
    """Return the number of chains that cover the graph, each id after the first free parent."""
    ends: set[str] = set()
    chains = 0
    for node in ids:
        before = min(ends.intersection(parents[node]), default=None)
        if before is None:
            chains += 1
        else:
            ends.remove(before)
        ends.add(node)
    return chains


def _fewest_chains(ids: Iterable[str], parents: Mapping[str, Iterable[str]]) -> int:
    """Return the fewest chains that cover the graph, by a maximum matching of ids to later ones."""
    behind: dict[str, set[str]] = {}
    for node in ids:
        above = set(parents[node])
        behind[node] = above.union(*(behind[parent] for parent in above))
    next_of: dict[str, str] = {}

    # As deep as there are ids at most.
    def extends(node: str, seen: set[str]) -> bool:
        for earlier in sorted(behind[node] - seen):
            # A deeper call may have seen it.
            if earlier in seen:
                continue
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
