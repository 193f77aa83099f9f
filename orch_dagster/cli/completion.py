"""Offer a shell the jobs, groups, dates and runs that begin as what is typed.

A shell has no place for an error: where the store can't be read nothing is offered, and the command
itself then says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem
from typing_extensions import override

if TYPE_CHECKING:
    from orch_dagster.control.tables import Row, Table

_RUNS_OFFERED = 30
# Parameters whose value names the group that dates are asked of.
_GROUP_PARAMS = ("words", "job", "group", "groups")


class _Text(click.ParamType[str]):
    """A text of which a shell offers the values that there are."""

    def __init__(self, name: str) -> None:
        self.name = name

    @override
    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        start = incomplete.casefold()
        offered = self.offered(ctx)
        return [
            CompletionItem(value, help=text)
            for value, text in offered.items()
            if value.casefold().startswith(start)
        ]

    def offered(self, ctx: click.Context) -> Mapping[str, str]:  # noqa: ARG002 - some need it
        """Return the values, each with what a shell shows beside it."""
        return {}


class _Jobs(_Text):
    @override
    def offered(self, ctx: click.Context) -> Mapping[str, str]:
        masters = _masters()
        jobs = {str(row["job_name"]): str(row["job_id"]) for row in masters}
        ids = {str(row["job_id"]): str(row["job_name"]) for row in masters}
        return {**jobs, **_groups(masters), **ids}


class _Groups(_Text):
    @override
    def offered(self, ctx: click.Context) -> Mapping[str, str]:
        return _groups(_masters())


class _GroupAndDates(_Text):
    @override
    def offered(self, ctx: click.Context) -> Mapping[str, str]:
        return open_dates(ctx) if ctx.params.get("words") else _groups(_masters())


class _Runs(_Text):
    @override
    def offered(self, ctx: click.Context) -> Mapping[str, str]:
        from orch_dagster.control.tables import EXECUTION_LOG

        rows = _read(EXECUTION_LOG, ["run_id", "job_name", "biz_dt", "id"])
        rows.sort(key=lambda row: str(row["id"]), reverse=True)
        runs: dict[str, str] = {}
        for row in rows:
            runs.setdefault(str(row["run_id"]), f"{row['job_name']} {row['biz_dt']}")
            if len(runs) == _RUNS_OFFERED:
                break
        return runs


JOB, GROUP, RUN = _Jobs("job"), _Groups("group"), _Runs("run")
GROUP_AND_DATES = _GroupAndDates("group")


def open_dates(ctx: click.Context) -> Mapping[str, str]:
    """Return the open dates, the newest first, of the group that the command names, if it does."""
    from orch_dagster.control.tables import PROCESS_CONTROL
    from orch_dagster.registry.prune import group_key_of

    names = {str(name).casefold() for key in _GROUP_PARAMS for name in _listed(ctx.params.get(key))}
    wanted = {
        key
        for row in _masters()
        if (key := group_key_of(row))
        and names & {str(row["job_name"]).casefold(), str(row["job_id"]).casefold(), key.name}
    }
    rows = _read(PROCESS_CONTROL, ["entity", "source_system", "biz_dt"])
    dates: dict[str, str] = {}
    for row in sorted(rows, key=lambda each: str(each["biz_dt"]), reverse=True):
        key = (row["entity"], row["source_system"])
        if not wanted or key in wanted:
            dates.setdefault(str(row["biz_dt"]), f"{key[0]}_{key[1]}".lower())
    return dates


def _listed(value: Any) -> Iterable[object]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _masters() -> list[Row]:
    from orch_dagster.control.tables import JOB_MASTER

    return _read(JOB_MASTER, ["job_id", "job_name", "context_params"])


def _groups(masters: Iterable[Row]) -> dict[str, str]:
    from orch_dagster.registry.prune import group_of

    return {group: "group" for row in masters if (group := group_of(row))}


def _read(table: Table, columns: list[str]) -> list[Row]:
    from orch_dagster.control.connect import opened_store
    from orch_dagster.errors import OrchError
    from orch_dagster.settings import load_settings

    try:
        with opened_store(load_settings()) as store:
            return store.read_stored(table, columns=columns).rows
    except OrchError:
        return []
