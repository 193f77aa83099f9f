"""Find the names that a misspelt name of a job or a group may mean. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

_SUGGESTED = 3
# Fewer characters are part of too many names.
_SHORTEST_PART = 3


def did_you_mean(name: str, known: Collection[str]) -> str | None:
    """Return the question for similar names, or None if there are none.

    >>> did_you_mean("Customers", ["etl_lnd_a_customer", "acme", "customer"])
    'did you mean customer?'
    >>> did_you_mean("polic", ["etl_lnd_a_policy", "etl_lnd_a_claim"])
    'did you mean etl_lnd_a_policy?'
    >>> did_you_mean("t_ordr", ["etl_lnd_a_t_order", "etl_lnd_a_t_claim", "JOB_1"])
    'did you mean etl_lnd_a_t_order?'
    """
    by_folded = {each.casefold(): each for each in known}
    folded = name.casefold()
    near = difflib.get_close_matches(folded, by_folded, n=_SUGGESTED, cutoff=0.7)
    if not near and len(folded) >= _SHORTEST_PART:
        near = [each for each in by_folded if folded in each][:_SUGGESTED]
    near = near or _near_part(folded, by_folded)
    near = near or difflib.get_close_matches(folded, by_folded, n=_SUGGESTED)
    if not near:
        return None
    names = [by_folded[each] for each in near]
    return f"did you mean {' or '.join([', '.join(names[:-1])] * (len(names) > 1) + names[-1:])}?"


def _near_part(folded: str, known: Iterable[str]) -> list[str]:
    """Return the names of which some words in sequence are similar to the given ones."""
    count = folded.count("_") + 1
    by_part: dict[str, list[str]] = {}
    for name in known:
        words = name.split("_")
        for start in range(len(words) - count + 1):
            by_part.setdefault("_".join(words[start : start + count]), []).append(name)
    near = difflib.get_close_matches(folded, by_part, n=_SUGGESTED, cutoff=0.75)
    return [*dict.fromkeys(name for part in near for name in by_part[part])][:_SUGGESTED]
