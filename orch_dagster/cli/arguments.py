"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from framework.contract.business_dates import date_fault
from orch_dagster.cli.completion import open_dates
from orch_dagster.cli.output import say
from orch_dagster.registry.location import Location, load_location
from orch_dagster.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


class _BizDt(click.ParamType[str]):
    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if fault := date_fault(str(value)):
            self.fail(f"{value!r} {fault}", param, ctx)
        return str(value)

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 - all dates are offered alike
        incomplete: str,
    ) -> list[CompletionItem]:
        dates = open_dates(ctx).items()
        return [CompletionItem(day, help=text) for day, text in dates if day.startswith(incomplete)]


BIZ_DT = _BizDt()


def as_json(command: F) -> F:
    """Give a command the option --json, as ``is_json``."""
    return click.option("--json", "is_json", is_flag=True, help="Print JSON.")(command)


def loaded(settings: Settings) -> Location:
    """Load the location of the settings, and print a warning if it comes from an old snapshot."""
    location = load_location(settings)
    if location.notice:
        say(f"warning: {location.notice}", err=True)
    return location
