"""The patterns that the braces of a path stand for: `{a,b}` is tried with each of its choices."""

from __future__ import annotations

import re

_MOST_GROUPS = 50
_MOST_PATTERNS = 1_000
_SIGN = re.compile(r"\\.|[{},]", re.DOTALL)


def braces_fault(pattern: str) -> str | None:
    """Return why a pattern's braces can't be tried, as they multiply, or None.

    >>> braces_fault("/in/{a,b}/{1,2,3}.csv")
    >>> braces_fault("/in/" + "{a,b}" * 10)
    'its braces stand for 1,024 patterns, more than 1,000; name a folder, or use * and [..]'
    """
    choices: list[int] = []
    groups, count = 0, 1
    for sign in _SIGN.finditer(pattern):
        if sign[0] == "{":
            choices.append(1)
        elif sign[0] == "," and choices:
            choices[-1] += 1
        elif sign[0] == "}" and choices:
            groups += 1
            count *= choices.pop()
            if groups > _MOST_GROUPS:
                return f"it has more than {_MOST_GROUPS} pairs of braces; use * and [..]"
            if count > _MOST_PATTERNS:
                return (
                    f"its braces stand for {count:,} patterns, more than {_MOST_PATTERNS:,}; name "
                    f"a folder, or use * and [..]"
                )
    return None
