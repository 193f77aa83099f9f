"""Output of commands: tables and sentences for people, JSON for programs.

Commands print by this module alone: a cell, an error or a log of somebody else shows what is in it,
and nothing in it moves the cursor, forges a line or becomes an emoji.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from framework.contract.visible import respelled, visible

# Rows in a file or a pipe are not folded.
_PIPE_WIDTH = 10_000


__all__ = ["Console"]


def new_console(*, to_stderr: bool = False) -> Console:
    """Return a console that takes nothing in a text for markup or an emoji."""
    is_piped = not to_stderr and not sys.stdout.isatty()
    return Console(
        stderr=to_stderr,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
        width=_PIPE_WIDTH if is_piped else None,
    )


console = new_console()


def say(sentence: str, *, err: bool = False) -> None:
    """Print one line: a sentence, in which a line break is spelled out too."""
    click.echo(visible(sentence), err=err)


def say_error(text: str) -> None:
    """Print the lines of an error of `orch` on stderr, the further ones indented."""
    first, *further = text.splitlines() or [""]
    for line in (f"orch: {first}", *(f"  {line.removeprefix('  ')}" for line in further)):
        say(line, err=True)


def print_lines(text: str) -> None:
    """Print lines as they are in a log, each with its newline."""
    click.echo(visible(text, keep="\t\n"), nl=False)


def print_document(text: str) -> None:
    """Print a document that another program may read: to a terminal as lines, else as it is."""
    if sys.stdout.isatty():
        print_lines(text)
    else:
        click.echo(text, nl=False)


def print_json(value: object) -> None:
    """Print the value as JSON; times as ISO UTC."""
    print_json_text(json.dumps(value, ensure_ascii=False, indent=2, default=_plain) + "\n")


def print_json_text(text: str) -> None:
    """Print a JSON document, with codes for what a terminal would obey."""
    # Only strings hold such characters, and their values stay the same.
    click.echo(respelled(text, lambda each: json.dumps(each)[1:-1], keep="\n"), nl=False)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)


def print_rows(rows: Sequence[Mapping[str, object]], columns: Sequence[str], none: str) -> None:
    """Print rows as a table, or the sentence ``none`` if there are none."""
    if not rows:
        say(none)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row.get(column))) for column in columns))
    console.print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, float):
        return f"{value:.1f}"
    return visible(str(value))
