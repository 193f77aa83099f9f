"""Groups of commands: loaded when they are asked for, with help that is never cut."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click
from click.shell_completion import CompletionItem
from typing_extensions import override

# Click cuts a text that is longer than the limit it is given.
_NO_LIMIT = 10_000


@dataclass(frozen=True)
class LazyCommand:
    """A command in a module that is not imported before it is needed.

    Attributes:
        module: The module in orch_dagster.cli.
        attribute: The command's name there.
        help: The first sentence of its help, so that the list of commands imports nothing.
    """

    module: str
    attribute: str
    help: str

    def load(self) -> click.Command:
        """Import the command."""
        module = importlib.import_module(f"orch_dagster.cli.{self.module}")
        command: click.Command = getattr(module, self.attribute)
        return command


class CommandGroup(click.Group):
    """A group that lists whole sentences, and names similar commands for an unknown one."""

    def __init__(
        self, *args: Any, lazy: Mapping[str, LazyCommand] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy or {}

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.lazy, *(name for name in self.commands if name not in self.lazy)]

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.lazy and cmd_name not in self.commands:
            self.add_command(self.lazy[cmd_name].load(), cmd_name)
        return super().get_command(ctx, cmd_name)

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows: list[tuple[str, str]] = []
        for name in self.list_commands(ctx):
            if lazy := self.lazy.get(name):
                rows.append((name, lazy.help))
            elif (command := self.get_command(ctx, name)) and not command.hidden:
                rows.append((name, command.get_short_help_str(_NO_LIMIT)))
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    @override
    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        # Without an import of the commands, as a shell asks at each key.
        return [
            CompletionItem(name, help=self.lazy[name].help if name in self.lazy else None)
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]

    @override
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        is_option = name[:1] == "-"
        if not is_option and not ctx.resilient_parsing and self.get_command(ctx, name) is None:
            from difflib import get_close_matches

            near = get_close_matches(name, self.list_commands(ctx), n=3, cutoff=0.5)
            hint = f"did you mean {', '.join(near)}?" if near else f"see {ctx.command_path} --help"
            ctx.fail(f"no command {name!r}; {hint}")
        return super().resolve_command(ctx, args)
