"""Check a date's rows by the business keys, and say how they differ from an earlier date's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING

from framework.check.key_counts import (
    ChangeCounts,
    KeyCounts,
    count_changes,
    count_keys,
    most_frequent,
)
from framework.report import CheckResult

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KEY_UNIQUE = "key_unique"
KEY_NOT_NULL = "key_not_null"
CHANGES = "changes"

_SHOWN_KEYS = 3
_MAP = "map<"


@dataclass(frozen=True)
class Names:
    """The columns that tell rows apart, and those that tell a change, as the result spells them.

    `problem` says which column it does not have; `keys` are then those asked for.
    """

    keys: tuple[str, ...]
    compared: tuple[str, ...]
    problem: str | None = None
    compare_problem: str | None = None


@dataclass(frozen=True)
class Earlier:
    """The rows of an earlier date, or the reason why there are none to compare with."""

    biz_dt: date | None = None
    rows: DataFrame | None = None
    why_not: str | None = None


def names_in(
    rows: DataFrame, business_keys: str | None, compare_cols: str | None, ignored: Sequence[str]
) -> Names | None:
    """Find the columns of process_control's comma lists among those of `rows`.

    Args:
        rows: The rows to check.
        business_keys: The columns that tell rows apart.
        compare_cols: Those that tell a change; all the others where there are none.
        ignored: Columns that say nothing in either list, such as biz_dt.

    Returns:
        None where there is nothing to check: no keys are asked for, or `rows` has none of them.
    """
    present = {name.lower(): name for name in rows.columns}
    passed_over = {name.lower() for name in ignored}
    asked = _split(business_keys)
    asked = [name for name in asked if name.lower() not in passed_over] or asked
    keys = tuple(present[name.lower()] for name in asked if name.lower() in present)
    if not keys:
        return None
    wanted = _split(compare_cols) or [name for name, type_ in rows.dtypes if _MAP not in type_]
    compared = [
        name for name in wanted if name.lower() not in {*passed_over, *map(str.lower, keys)}
    ]
    problem = _problem(rows, asked)
    return Names(
        keys=tuple(asked) if problem else keys,
        compared=tuple(present.get(name.lower(), name) for name in compared),
        problem=problem,
        compare_problem=_problem(rows, compared),
    )


def check_keys(
    rows: DataFrame, names: Names, earlier: Earlier, *, blocking: bool
) -> tuple[CheckResult, ...]:
    """Look whether the keys are unique and not null, and count the changes since `earlier`.

    Args:
        rows: The date's rows.
        names: As `names_in` found them there.
        earlier: What they are compared with.
        blocking: Whether the first two are to keep the date from being published.
    """
    if names.problem:
        error = {"key_columns": list(names.keys), "error": names.problem}
        return (
            CheckResult(KEY_UNIQUE, False, blocking, error),
            CheckResult(KEY_NOT_NULL, False, blocking, error),
            _not_computed(names, names.problem),
        )
    why_not = earlier.why_not or names.compare_problem or _unlike(rows, names, earlier)
    if earlier.rows is None or why_not:
        keys = count_keys(rows, names.keys)
        changes = _not_computed(names, str(why_not))
    else:
        keys, before, counts = count_changes(rows, earlier.rows, names.keys, names.compared)
        changes = _changes(names, earlier, keys, before, counts)
    examples = most_frequent(rows, names.keys, _SHOWN_KEYS) if keys.duplicate_keys else []
    known = {"key_columns": list(names.keys), "row_count": keys.row_count}
    duplicates = {"duplicate_keys": keys.duplicate_keys, "duplicate_rows": keys.duplicate_rows}
    nulls = {"null_rows": keys.null_rows, "null_columns": list(keys.null_columns)}
    return (
        CheckResult(
            KEY_UNIQUE,
            keys.duplicate_keys == 0,
            blocking,
            {**known, **duplicates, "examples": examples},
        ),
        CheckResult(KEY_NOT_NULL, keys.null_rows == 0, blocking, {**known, **nulls}),
        changes,
    )


def described(result: CheckResult) -> str:
    """What a check found, in a sentence."""
    found = result.metadata
    if problem := found.get("error") or found.get("not_computed"):
        return str(problem)
    keys = ", ".join(found["key_columns"])
    if result.name == KEY_UNIQUE:
        shown = f": {'; '.join(found['examples'])}" if found["examples"] else ""
        return (
            f"{found['duplicate_keys']} values of {keys} are in more than one of "
            f"{found['row_count']} rows, {found['duplicate_rows']} rows have them{shown}"
        )
    if result.name == KEY_NOT_NULL:
        columns = f", in {', '.join(found['null_columns'])}" if found["null_columns"] else ""
        return f"{found['null_rows']} of {found['row_count']} rows have a null{columns}"
    return (
        f"since {found['previous_biz_dt']} {found['inserted']} rows inserted, {found['updated']} "
        f"updated, {found['deleted']} deleted, {found['unchanged']} unchanged"
    )


def _split(names: str | None) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in (names or "").split(",") if name.strip()))


def _problem(rows: DataFrame, asked: Sequence[str]) -> str | None:
    present = {name.lower() for name in rows.columns}
    absent = [name for name in asked if name.lower() not in present]
    if absent:
        one = len(absent) == 1
        return (
            f"column{'' if one else 's'} {', '.join(absent)} {'is' if one else 'are'} not in the "
            f"result, which has {', '.join(rows.columns)}"
        )
    types = _types(rows)
    maps = [name for name in asked if _MAP in types[name.lower()]]
    if maps:
        return f"column {maps[0]} is {types[maps[0].lower()]}, and maps can't be compared"
    return None


def _types(rows: DataFrame) -> dict[str, str]:
    return {name.lower(): type_ for name, type_ in rows.dtypes}


def _unlike(rows: DataFrame, names: Names, earlier: Earlier) -> str | None:
    """Why the columns of the earlier date can't be compared with those of this one."""
    if earlier.rows is None:
        return None
    now, then = _types(rows), _types(earlier.rows)
    for name in (*names.keys, *names.compared):
        if name.lower() not in then:
            return f"biz_dt {earlier.biz_dt} has no column {name}"
        if then[name.lower()] != now[name.lower()]:
            return (
                f"column {name} is {now[name.lower()]}, on biz_dt {earlier.biz_dt} it was "
                f"{then[name.lower()]}"
            )
    return None


def _changes(
    names: Names, earlier: Earlier, now: KeyCounts, then: KeyCounts, counts: ChangeCounts
) -> CheckResult:
    """The counts, unless a row of one date may belong to several of the other, or to none."""
    for counted, where in ((now, "the result"), (then, f"biz_dt {earlier.biz_dt}")):
        if counted.duplicate_keys or counted.null_rows:
            what = "duplicate" if counted.duplicate_keys else "null"
            return _not_computed(names, f"{where} has {what} keys")
    return CheckResult(
        CHANGES,
        True,
        False,
        {
            "key_columns": list(names.keys),
            "compare_columns": list(names.compared),
            "previous_biz_dt": str(earlier.biz_dt),
            **asdict(counts),
        },
    )


def _not_computed(names: Names, why: str) -> CheckResult:
    return CheckResult(CHANGES, True, False, {"key_columns": list(names.keys), "not_computed": why})
