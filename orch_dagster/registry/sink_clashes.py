"""Find the jobs that would replace what other jobs land. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from itertools import combinations, product
from typing import Protocol

from framework.contract.native_paths import quoted_path, with_native_paths
from framework.contract.paths import is_local
from framework.contract.places import replaced_folders
from framework.contract.some_of import MOST_NAMES, some_of
from orch_dagster.registry.context_params import ContextParams, base_of
from orch_dagster.registry.dated_folders import ANY, DIGIT, DatedFolders, head_of
from orch_dagster.registry.one_spelling import spelling


class LandingJob(Protocol):
    """A job as far as its sinks go."""

    @property
    def job_id(self) -> str:
        """Its id."""
        ...

    @property
    def job_name(self) -> str:
        """Its name."""
        ...

    @property
    def context(self) -> ContextParams:
        """Its context_params, without faults."""
        ...


@dataclass(frozen=True)
class _Landing:
    """A folder that a job replaces: its place in context_params and its path."""

    spec: LandingJob
    where: str
    path: str

    def __str__(self) -> str:
        place = self.where.removesuffix(".path")
        return f"{quoted_path(self.path)} of {place} of {self.spec.job_name} ({self.spec.job_id})"


@dataclass
class _Target:
    """A folder and who replaces it; the first clashes with other folders, and their number.

    `text` has signs for what dates decide, `kinds` has the kinds of signs instead.
    """

    text: str
    kinds: str
    landings: list[_Landing] = field(default_factory=list[_Landing])
    clashes: list[str] = field(default_factory=list[str])
    count: int = 0

    @property
    def head(self) -> str:
        """Return the folders that no date decides."""
        return head_of(self.kinds)


def sink_clashes(
    specs: Mapping[str, LandingJob],
    data_root: str | None,
    real_folder: Callable[[str], str] | None = None,
) -> Iterator[tuple[str, str, str]]:
    """Yield each folder that two jobs replace, or that lies in one which another job replaces.

    The two meet on any dates of theirs, not only on the same. The rules of context_params compare
    the sinks of one job on one date.

    Args:
        specs: The jobs by job_id.
        data_root: Where relative paths start; None if unknown.
        real_folder: Returns where a local folder lies, past links; None: links are not followed.

    Yields:
        The job_id, the place in context_params, and a sentence that names both jobs.
    """
    base = base_of(data_root)
    dated = DatedFolders()
    landings = [
        (text, _Landing(spec, where, path))
        for spec in specs.values()
        for where, path, text in dated.of(
            partial(
                replaced_folders,
                spec.context.sources,
                spec.context.sinks,
                spec.job_name,
                base=base,
            )
        )
    ]
    spelled = spelling((text for text, _ in landings), base)
    at: dict[str, _Target] = {}
    for location, landing in landings:
        text = spelled(location)
        if real_folder and is_local(text):
            head = head_of(dated.kinds(text))
            text = real_folder(head) + text[len(head) :]
        if text not in at:
            at[text] = _Target(text, dated.kinds(text))
        at[text].landings.append(landing)
    for outer, inner, meets in _meeting(at, dated):
        _note(outer, inner, meets)
    for target in at.values():
        yield from _reasons(target)


def _reasons(target: _Target) -> Iterator[tuple[str, str, str]]:
    count = len(target.landings) - 1 + target.count
    for each in target.landings if count else ():
        others = [
            *(str(other) for other in target.landings[: MOST_NAMES + 1] if other is not each),
            *target.clashes,
        ]
        reason = (
            f"one would replace the other: {quoted_path(each.path)} of {each.spec.job_name} and "
            f"{some_of(others, count)}; give each job a folder of its own"
        )
        yield each.spec.job_id, each.where, reason


def _note(outer: _Target, inner: _Target, meets: str) -> None:
    """Note a clash with both folders."""
    for each, by in ((outer, inner), (inner, outer)):
        each.count += len(by.landings)
        room = MOST_NAMES - len(each.clashes)
        each.clashes += [f"{landing}{meets}" for landing in by.landings[: max(room, 0)]]


def _meeting(
    at: Mapping[str, _Target], dated: DatedFolders
) -> Iterator[tuple[_Target, _Target, str]]:
    """Yield each pair of folders, the second of which is the first or lies in it on some dates.

    The last text says where they meet, unless it is on all dates.
    """

    @cache
    def meets(one: str, other: str) -> str | None:
        if one == other:
            return ""
        folder = dated.meet(one, other)
        return (
            None if folder is None else f", which meet in {quoted_path(with_native_paths(folder))}"
        )

    for outer, inner in _alike(at):
        jobs = {each.spec.job_id for each in (*outer.landings, *inner.landings)}
        if len(jobs) == 1 and any(dated.has_window(each.text) for each in (outer, inner)):
            # The rules of one job warn of it, and its run refuses a date with such a window.
            continue
        where = meets(outer.text, inner.text[: len(outer.text)])
        if where is not None:
            yield outer, inner, where


def _alike(at: Mapping[str, _Target]) -> Iterator[tuple[_Target, _Target]]:
    """Yield each pair of folders that are alike but for what dates decide."""
    by_head: dict[str, list[_Target]] = defaultdict(list)
    for target in at.values():
        by_head[target.head].append(target)
    by_root: dict[str, list[_Target]] = defaultdict(list)
    for head, targets in by_head.items():
        above = [folder for folder in _folders_of(head) if folder in by_head]
        by_root[above[-1] if above else head] += targets
    for root, targets in by_root.items():
        if len(targets) > 1:
            yield from _alike_below(_Node(targets, len(root)))


def _folders_of(target: str) -> Iterator[str]:
    """Yield the folders that hold a folder."""
    while target:
        target = target.rpartition("/")[0]
        yield target


@dataclass(frozen=True)
class _Node:
    """Folders that are alike up to a depth, in characters."""

    targets: list[_Target]
    depth: int

    @cached_property
    def ended(self) -> list[_Target]:
        """Return the folders that end here."""
        return [each for each in self.targets if len(each.kinds) == self.depth]

    @cached_property
    def nodes(self) -> dict[str, _Node]:
        """Return the others by their next character, or its kind."""
        parts: dict[str, list[_Target]] = defaultdict(list)
        for each in self.targets:
            if len(each.kinds) > self.depth:
                parts[each.kinds[self.depth]].append(each)
        return {kind: _Node(part, self.depth + 1) for kind, part in parts.items()}

    @property
    def below(self) -> list[_Target]:
        """Return the folders in one that ends here."""
        return self.nodes["/"].targets if "/" in self.nodes else []


def _alike_below(root: _Node) -> Iterator[tuple[_Target, _Target]]:
    """Yield the pairs below a node: those that go on with one character, or with a date's.

    Each node splits its folders once, so that the time grows with their number.
    """
    to_see: list[tuple[_Node, _Node]] = [(root, root)]
    while to_see:
        one, other = to_see.pop()
        if one is other:
            if len(one.targets) < 2:
                continue
            yield from combinations(one.ended, 2)
            yield from product(one.ended, one.below)
            to_see += [(node, node) for node in one.nodes.values()]
            to_see += [
                (one.nodes[a], one.nodes[b])
                for a, b in _kinds_alike(one, one)
                if a in (DIGIT, ANY) and (b not in (DIGIT, ANY) or a < b)
            ]
            continue
        yield from product(one.ended, [*other.ended, *other.below])
        yield from product(other.ended, one.below)
        to_see += [(one.nodes[a], other.nodes[b]) for a, b in _kinds_alike(one, other)]


def _kinds_alike(one: _Node, other: _Node) -> Iterator[tuple[str, str]]:
    for kind in one.nodes:
        if kind in (DIGIT, ANY):
            yield from ((kind, each) for each in other.nodes if _may_be(kind, each))
            continue
        yield from (
            (kind, each)
            for each in (kind, DIGIT, ANY)
            if each in other.nodes and _may_be(each, kind)
        )


def _may_be(kind: str, character: str) -> bool:
    """Return whether a kind of sign may be a character, or another kind."""
    if kind == DIGIT:
        return character in (DIGIT, ANY) or (character.isascii() and character.isdigit())
    return character != "/" if kind == ANY else kind == character
