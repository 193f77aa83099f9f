"""Find the jobs that would replace what other jobs land. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol

from framework.contract.places import sample_targets
from framework.contract.some_of import MOST_NAMES, some_of
from orch_dagster.registry.context_params import ContextParams, base_of


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
    """A sink of a job, and the folder that it replaces on a sample date."""

    spec: LandingJob
    number: int
    target: str

    @property
    def path(self) -> str:
        return self.spec.context.sinks[self.number].path

    def __str__(self) -> str:
        return f"{self.path!r} of sinks[{self.number}] of {self.spec.job_name} ({self.spec.job_id})"


@dataclass
class _Below:
    """The landings in a folder's sub-folders: the first ones, and how many there are."""

    first: list[_Landing] = field(default_factory=list[_Landing])
    count: int = 0


def sink_clashes(
    specs: Mapping[str, LandingJob], data_root: str | None
) -> Iterator[tuple[str, int, str]]:
    """Yield each sink that another job's sink would replace, or that would replace one.

    The rules of context_params compare the sinks of one job.

    Args:
        specs: The jobs by job_id.
        data_root: Where relative paths start; None if unknown.

    Yields:
        The job_id, the sink's number, and a sentence that names both jobs.
    """
    base = base_of(data_root)
    at: dict[str, list[_Landing]] = defaultdict(list)
    for spec in specs.values():
        for number, target in sample_targets(spec.context.sinks, spec.job_name, base):
            at[target].append(_Landing(spec, number, target))
    below: dict[str, _Below] = defaultdict(_Below)
    above: dict[str, list[list[_Landing]]] = {}
    for target, landings in at.items():
        above[target] = [at[folder] for folder in _folders_of(target) if folder in at]
        for folder in _folders_of(target):
            if folder in at:
                below[folder].count += len(landings)
                room = MOST_NAMES - len(below[folder].first)
                below[folder].first += landings[: max(room, 0)]
    for target, landings in at.items():
        around = [*above[target], below[target].first]
        count = len(landings) - 1 + sum(map(len, above[target])) + below[target].count
        for each in landings if count else ():
            others = (other for other in chain(landings, *around) if other is not each)
            reason = (
                f"one would replace the other: {each.path!r} of {each.spec.job_name} and "
                f"{some_of(map(str, others), count)}; give each job a folder of its own"
            )
            yield each.spec.job_id, each.number, reason


def _folders_of(target: str) -> Iterator[str]:
    """Yield the folders that hold a folder."""
    while target := target.rpartition("/")[0]:
        yield target
