"""Check the business keys of a date's rows, and count the changes since an earlier date."""

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
    """The key columns and the compared columns, as the result spells them.

    `problem` names a column that the result does not have; `keys` are then those of the row.
    """

    keys: tuple[str, ...]
    compared: tuple[str, ...]
    problem: str | None = None
    compare_problem: str | None = None


@dataclass(frozen=True)
class Earlier:
    """The rows of an earlier date, about `row_count`, or the reason why there are none."""

    biz_dt: date | None = None
    rows: DataFrame | None = None
    row_count: int = 0
    why_not: str | None = None


def names_in(
    rows: DataFrame,
    business_keys: Sequence[str],
    compare_cols: Sequence[str],
    ignored: Sequence[str],
) -> Names | None:
    """Find the key columns and the compared columns among those of `rows`.

    Args:
        rows: The rows to check.
        business_keys: The key columns.
        compare_cols: The columns whose change is an update; if empty, all others.
        ignored: Columns to skip in both lists, such as biz_dt.

    Returns:
        The columns, or None if there are no keys, or `rows` has none of them.
    """
    present = {name.lower(): name for name in rows.columns}
    skipped = {name.lower() for name in ignored}
    requested = [name for name in business_keys if name.lower() not in skipped] or [*business_keys]
    keys = tuple(present[name.lower()] for name in requested if name.lower() in present)
    if not keys:
        return None
    candidates = [*compare_cols] or [name for name, type_ in rows.dtypes if _MAP not in type_]
    compared = [
        name for name in candidates if name.lower() not in {*skipped, *map(str.lower, keys)}
    ]
    problem = _problem(rows, requested)
    return Names(
        keys=tuple(requested) if problem else keys,
        compared=tuple(present.get(name.lower(), name) for name in compared),
        problem=problem,
        compare_problem=_problem(rows, compared),
    )


def missing_names(rows: DataFrame, business_keys: Sequence[str]) -> Names:
    """Return key columns of which `rows` has none, with the problem."""
    return Names(tuple(business_keys), (), problem=_problem(rows, business_keys))


def check_keys(
    rows: DataFrame, names: Names, earlier: Earlier, *, row_count: int, blocking: bool
) -> tuple[CheckResult, ...]:
    """Check that the keys are unique and not null, and count the changes since `earlier`.

    Args:
        rows: The date's rows.
        names: Their columns, from `names_in`.
        earlier: The rows to compare with.
        row_count: The number of the date's rows.
        blocking: Whether a failure of the first two keeps the date from being published.
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
        keys, before, counts = count_changes(
            rows, earlier.rows, names.keys, names.compared, row_count + earlier.row_count
        )
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
    """Describe the result of a check in a sentence."""
    data = result.metadata
    if problem := data.get("error") or data.get("not_computed"):
        return str(problem)
    keys = ", ".join(data["key_columns"])
    if result.name == KEY_UNIQUE:
        shown = f": {'; '.join(data['examples'])}" if data["examples"] else ""
        return (
            f"{data['duplicate_keys']} values of {keys} are in more than one of "
            f"{data['row_count']} rows, {data['duplicate_rows']} rows have them{shown}"
        )
    if result.name == KEY_NOT_NULL:
        columns = f", in {', '.join(data['null_columns'])}" if data["null_columns"] else ""
        return f"{data['null_rows']} of {data['row_count']} rows have a null{columns}"
    return (
        f"since {data['previous_biz_dt']} {data['inserted']} rows inserted, {data['updated']} "
        f"updated, {data['deleted']} deleted, {data['unchanged']} unchanged"
    )


def _problem(rows: DataFrame, names: Sequence[str]) -> str | None:
    present = {name.lower() for name in rows.columns}
    missing = [name for name in names if name.lower() not in present]
    if missing:
        subject, verb = ("column", "is") if len(missing) == 1 else ("columns", "are")
        return (
            f"{subject} {', '.join(missing)} {verb} not in the result, which has "
            f"{', '.join(rows.columns)}"
        )
    types = _types(rows)
    maps = [name for name in names if _MAP in types[name.lower()]]
    if maps:
        return f"column {maps[0]} is {types[maps[0].lower()]}, and maps can't be compared"
    return None


def _types(rows: DataFrame) -> dict[str, str]:
    return {name.lower(): type_ for name, type_ in rows.dtypes}


def _unlike(rows: DataFrame, names: Names, earlier: Earlier) -> str | None:
    """Return why the columns of the two dates can't be compared, or None if they can."""
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
    """Return the check of the changes; duplicate and null keys leave it without counts."""
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
