"""Read the group and the business dates that a command is given, named alike by all commands.

The one way is `GROUP` with `--biz-dt DATE` (once or more) or `--from DATE --to DATE`. What earlier
versions took, `ENTITY SOURCE_SYSTEM DATE`, works beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from framework.contract.business_dates import date_fault
from orch_dagster.cli.arguments import BIZ_DT
from orch_dagster.cli.completion import GROUP_AND_DATES
from orch_dagster.control.group import GroupKey
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_MASTER
from orch_dagster.errors import OrchError
from orch_dagster.registry.names import find_group
from orch_dagster.registry.prune import group_key_of
from orch_dagster.schedule.backfill import days_of_range

F = TypeVar("F", bound=Callable[..., Any])

# Ten years: a longer range has a typing error in one of its years.
_MOST_DAYS = 3_660
_NAMED_AT_MOST = 20


def dates_options(command: F) -> F:
    """Give a command the options --biz-dt, --from and --to, as ``biz_dts``, ``first``, ``last``."""
    for option in (
        click.option("--to", "last", type=BIZ_DT, help="Last date of the range."),
        click.option("--from", "first", type=BIZ_DT, help="First date of a range; with --to."),
        click.option(
            "--biz-dt",
            "biz_dts",
            type=BIZ_DT,
            multiple=True,
            help="Business date, such as 2024-05-15; may be given several times.",
        ),
    ):
        command = option(command)
    return command


def group_words(command: F) -> F:
    """Give a command the argument GROUP, as ``words``, which may have dates after it."""
    return click.argument(
        "words", nargs=-1, required=True, metavar="GROUP [DATE]...", type=GROUP_AND_DATES
    )(command)


@dataclass(frozen=True)
class AskedDates:
    """The group and the dates that are asked for.

    Attributes:
        name: The group's name, or a job's of it.
        biz_dts: Dates that are named one by one, sorted.
        first: The first date of a range, else empty.
        last: Its last date, else empty.
        pair: Entity and source_system, if they were given apart.
    """

    name: str
    biz_dts: tuple[str, ...]
    first: str = ""
    last: str = ""
    pair: tuple[str, str] | None = None

    @classmethod
    def of(
        cls, words: Sequence[str], biz_dts: Sequence[str], first: str | None, last: str | None
    ) -> AskedDates:
        """Read what a command was given.

        Raises:
            click.UsageError: If it names no dates, or some that don't fit together.
        """
        has_dates = bool(biz_dts or first or last)
        # Older: ENTITY SOURCE_SYSTEM DATE.
        is_pair = len(words) > 2 or (len(words) == 2 and has_dates)
        is_pair = is_pair and date_fault(words[1]) is not None
        name = "_".join(words[:2]) if is_pair else words[0]
        for word in words[2 if is_pair else 1 :]:
            if fault := date_fault(word):
                raise click.UsageError(f"{word!r} {fault}")
        days = sorted({*words[2 if is_pair else 1 :], *biz_dts})
        _check(days, first, last)
        pair = (words[0], words[1]) if is_pair else None
        return cls(name, tuple(days), first or "", last or "", pair)

    @property
    def days(self) -> tuple[str, ...]:
        """Return the dates, or each day of the range."""
        return self.biz_dts or days_of_range(self.first, self.last)

    @property
    def text(self) -> str:
        """Return the dates as the options that name them."""
        if self.first:
            return f"--from {self.first} --to {self.last}"
        return " ".join(f"--biz-dt {day}" for day in self.biz_dts)


def dates_named(biz_dts: Sequence[str], first: str | None, last: str | None) -> tuple[str, ...]:
    """Return the dates that the options of `dates_options` name, sorted; none if none is given.

    Raises:
        click.UsageError: If the options don't fit together.
    """
    if not (biz_dts or first or last):
        return ()
    _check(biz_dts, first, last)
    return tuple(sorted({*biz_dts})) or days_of_range(str(first), str(last))


def _check(biz_dts: Sequence[str], first: str | None, last: str | None) -> None:
    """Refuse options that name no dates, or that don't fit together."""
    if bool(biz_dts) == bool(first or last) or bool(first) != bool(last):
        raise click.UsageError("give --biz-dt (once or more), or --from and --to")
    if first and last:
        if last < first:
            raise click.UsageError(f"--from {first} is after --to {last}")
        if (count := len(days_of_range(first, last))) > _MOST_DAYS:
            raise click.UsageError(
                f"--from {first} --to {last} are {count:,} days; give at most {_MOST_DAYS:,}"
            )


def known_group(store: ControlStore, name: str) -> GroupKey:
    """Return the group of that name, or of the job of that name, whether or not it is valid.

    Raises:
        UnknownJobError: If job_master has none; names similar ones.
    """
    groups: dict[str, GroupKey] = {}
    jobs: dict[str, GroupKey] = {}
    for row in store.read(JOB_MASTER, columns=["job_id", "job_name", "context_params"]):
        if key := group_key_of(row):
            groups[key.name] = key
            jobs |= {str(row["job_id"]): key, str(row["job_name"]): key}
    return find_group(name, {**jobs, **groups})


def some_days(days: Sequence[str]) -> str:
    """Return dates for a sentence; of many, the first ones and how many more there are."""
    shown = ", ".join(days[:_NAMED_AT_MOST])
    more = len(days) - _NAMED_AT_MOST
    return f"{shown} and {more} more, up to {days[-1]}" if more > 0 else shown


def dates_count(days: Sequence[str]) -> str:
    """Return how many dates there are.

    >>> dates_count(["2024-05-15"]), dates_count([])
    ('1 date', '0 dates')
    """
    return f"{len(days)} date{'' if len(days) == 1 else 's'}"


def refuse(faults: Sequence[str], text: str) -> None:
    """Raise one error of all faults, if there are any."""
    if faults:
        raise OrchError("\n".join([text, *faults]))
