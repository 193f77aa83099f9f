"""Find the changes of a sink's columns since its last landing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from framework.report import Drift


def drift_between(before: Mapping[str, str], after: Mapping[str, str], against: date) -> Drift:
    """Compare columns, given as types by name; their case and order do not matter.

    Args:
        before: The columns of the last landing.
        after: The columns of this landing.
        against: The last landing's date.
    """
    old = {name.lower(): (name, type_) for name, type_ in before.items()}
    new = {name.lower(): (name, type_) for name, type_ in after.items()}
    return Drift(
        against=against.isoformat(),
        added=tuple(
            {"name": name, "type": type_} for key, (name, type_) in new.items() if key not in old
        ),
        missing=tuple(
            {"name": name, "type": type_} for key, (name, type_) in old.items() if key not in new
        ),
        changed=tuple(
            {"name": name, "from": old[key][1], "to": type_}
            for key, (name, type_) in new.items()
            if key in old and old[key][1] != type_
        ),
    )


def described(drift: Drift) -> str:
    """Describe the changes in a sentence, empty if there are none."""
    parts = [f"{each['name']} {each['type']} is new" for each in drift.added]
    parts += [f"{each['name']} {each['type']} is missing" for each in drift.missing]
    parts += [f"{each['name']} was {each['from']}, is {each['to']}" for each in drift.changed]
    return ", ".join(parts)
