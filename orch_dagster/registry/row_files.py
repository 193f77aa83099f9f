"""Rows of the control tables in YAML files, each with its lines."""

from __future__ import annotations

import codecs
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import yaml

from orch_dagster.control.tables import EXECUTION_LOG, TABLE_BY_NAME, TABLES, Row
from orch_dagster.registry.row_loader import MAX_FILE_BYTES, RowLoader, without_tabs

APPLIED_TABLES = tuple(table for table in TABLES if table is not EXECUTION_LOG)

MOST_CHARACTERS = 2_000

STDIN = Path("-")
"""The name by which a command takes standard input for a file."""
_SHOWN_STDIN = Path("<stdin>")

_ROWS = "must be a list of rows, each a mapping"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF_16_REMEDY = (
    "; it is UTF-16, as PowerShell 5 writes by `>`: save the file as UTF-8, or write it by "
    "the option --output of `orch export`"
)
_INDEX = re.compile(r"\[(\d{1,9})\]\.?")
_SEPARATOR = re.compile(r"[.\[]")


@dataclass(frozen=True)
class Problem:
    """A fault that keeps files from being applied.

    Attributes:
        text: The fault and the remedy, cut to MOST_CHARACTERS.
        file: The file that it is in; None for a row of the store.
        line: The line in the file, from 1; None for the file as a whole.
    """

    text: str
    file: Path | None = None
    line: int | None = None

    def __post_init__(self) -> None:
        # A fault may quote a key or a value, which may be as long as a file.
        if len(self.text) > MOST_CHARACTERS:
            object.__setattr__(self, "text", f"{self.text[: MOST_CHARACTERS - 1]}…")

    def __str__(self) -> str:
        return located(self.text, self.file, self.line)


def located(text: str, file: Path | None, line: int | None) -> str:
    """Return a text with its file and line before it, if it has them.

    >>> located("no such job", Path("rows.yaml"), 14)
    'rows.yaml:14: no such job'
    """
    where = f"{file}:{line}: " if line else f"{file}: "
    return f"{where}{text}" if file else text


@dataclass(frozen=True)
class FileRow:
    """A row of a file."""

    row: Row
    file: Path
    node: yaml.MappingNode = field(repr=False)

    def line(self, place: str = "") -> int:
        """Return the line of a place in the row, from 1.

        Args:
            place: A column, or a place in its JSON, such as context_params.sinks[0].path. A
                missing place has the line of its parent.
        """
        return _line(self.node, place, self.node.start_mark.line) + 1


@dataclass
class RowFiles:
    """The rows of files.

    Attributes:
        tables: The rows by the name of their table, in the order of the files.
        problems: The faults of the files' form.
    """

    tables: dict[str, list[FileRow]] = field(default_factory=lambda: defaultdict(list))
    problems: list[Problem] = field(default_factory=list[Problem])

    def rows(self) -> dict[str, list[Row]]:
        """Return the rows alone, by the name of their table."""
        return {name: [each.row for each in rows] for name, rows in self.tables.items()}


def read_files(files: Sequence[Path]) -> RowFiles:
    """Read the rows of YAML files; JSON is YAML too."""
    row_files = RowFiles()
    for each in files:
        file = _SHOWN_STDIN if each == STDIN else each
        content = _content(each)
        if len(content) > MAX_FILE_BYTES:
            text = f"larger than {MAX_FILE_BYTES} bytes; write several files"
            row_files.problems.append(Problem(text, file))
            continue
        try:
            loader = RowLoader(without_tabs(content.decode("utf-8-sig")))
            node = loader.get_single_node()
            document: Any = None if node is None else loader.construct_document(node)
        except (yaml.YAMLError, ValueError) as error:
            # A ValueError says that it is not UTF-8.
            text = f"not usable YAML in UTF-8: {error}{_remedy(error, content)}"
            row_files.problems.append(Problem(text, file, _line_of_error(error, content)))
            continue
        row_files.problems += [Problem(text, file, line) for text, line in loader.faults]
        if not isinstance(node, yaml.MappingNode) or not isinstance(document, dict):
            is_empty = "the file is empty: " if document is None else ""
            text = f"{is_empty}the top level must be a mapping of table names"
            row_files.problems.append(Problem(text, file))
            continue
        tables = cast(dict[str, Any], document).items()
        for (name, listed), (key, value) in zip(tables, node.value, strict=True):
            if fault := _table_fault(name, listed):
                row_files.problems.append(Problem(fault, file, key.start_mark.line + 1))
            else:
                _add_rows(row_files, name, zip(listed, value.value, strict=True), file)
    return row_files


def _add_rows(
    row_files: RowFiles, name: str, rows: Iterable[tuple[Any, yaml.MappingNode]], file: Path
) -> None:
    """Add the rows of a table, and a problem for each that is not a row."""
    row_files.tables[name] += []
    for row, node in rows:
        line = node.start_mark.line + 1
        if not isinstance(row, dict):
            text = f"{name}: {_ROWS}; this one is {_kind(row)}"
            row_files.problems.append(Problem(text, file, line))
            continue
        try:
            plain = _plain(cast(dict[str, Any], row))
        except ValueError as error:
            row_files.problems.append(Problem(f"{name}: {error}", file, line))
        else:
            row_files.tables[name].append(FileRow(plain, file, node))


def _content(file: Path) -> bytes:
    """Read a file, or standard input, up to one byte more than is allowed."""
    if file == STDIN:
        return sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
    with file.open("rb") as opened:
        return opened.read(MAX_FILE_BYTES + 1)


def reads_as(text: str, column: str) -> bool:
    """Return whether a mapping, as YAML, becomes that text of a column."""
    loader = RowLoader(text)
    try:
        return _as_column(loader.get_single_data()) == column and not loader.faults
    except (yaml.YAMLError, ValueError):
        return False


def _remedy(error: Exception, content: bytes) -> str:
    """Return what to do where a file's bytes are at fault, '' where they are not."""
    if content.startswith(_UTF_16):
        return _UTF_16_REMEDY
    is_of_bytes = isinstance(error, UnicodeDecodeError | yaml.reader.ReaderError)
    return "; save the file as UTF-8" if is_of_bytes else ""


def _line_of_error(error: Exception, content: bytes) -> int | None:
    if isinstance(error, UnicodeDecodeError):
        return error.object.count(b"\n", 0, error.start) + 1
    if isinstance(error, yaml.reader.ReaderError):
        return content.decode("utf-8-sig").count("\n", 0, error.position) + 1
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark else None


def _table_fault(name: str, listed: object) -> str | None:
    """Return why no rows can be read under a name of the top level, or None."""
    if TABLE_BY_NAME.get(name) not in APPLIED_TABLES:
        known = ", ".join(table.name for table in APPLIED_TABLES)
        return f"{name} is not a table to apply; those are {known}"
    return None if isinstance(listed, list) else f"{name}: {_ROWS}, is {_kind(listed)}"


def _kind(value: object) -> str:
    if value is None:
        return "empty"
    names: Mapping[type, str] = {
        **{list: "a list", dict: "a mapping", str: "text", bool: "true or false"},
        **dict.fromkeys((int, float), "a number"),
    }
    return names.get(type(value), f"a {type(value).__name__}")


def _as_column(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_refuse)


def _refuse(value: object) -> str:
    """Refuse what only YAML has.

    Raises:
        ValueError: Always.
    """
    raise ValueError(
        f"a value is a {type(value).__name__}, which JSON does not have: {value!r:.50}"
    )


def _plain(row: Mapping[str, Any]) -> Row:
    """Return a row with context_params as JSON text, which is what the column holds.

    Raises:
        ValueError: If context_params has a value that JSON does not have.
    """
    plain: Row = {**row}
    if isinstance(context := plain.get("context_params"), dict | list):
        plain["context_params"] = _as_column(context)
    if "dependent_job_id" in plain:
        # A root has no parent in YAML and an empty one in the table.
        plain["parent_job_id"] = plain.get("parent_job_id") or ""
    return plain


def _line(node: yaml.Node, place: str, line: int) -> int:
    """Find the line of a place in a node, from 0; `line` is that of the node itself."""
    if not place:
        return line
    if isinstance(node, yaml.MappingNode):
        pairs = _pairs(node)
        for name in _beginnings(place):
            if name in pairs:
                key, value = pairs[name]
                rest = place[len(name) :].removeprefix(".")
                return _line(value, rest, key.start_mark.line)
    elif isinstance(node, yaml.SequenceNode):
        if (index := _INDEX.match(place)) and int(index[1]) < len(node.value):
            item = node.value[int(index[1])]
            return _line(item, place[index.end() :], item.start_mark.line)
    elif isinstance(node, yaml.ScalarNode):
        return _line_in_text(node, place, line)
    return line


def _beginnings(place: str) -> Iterator[str]:
    """Yield what the first name of a place may be, the longest first.

    An option's name may have dots, and another option's name may be its beginning.
    """
    yield place
    for end in reversed([separator.start() for separator in _SEPARATOR.finditer(place)]):
        yield place[:end]


# A file's findings come row by row, each with several places in it.
@lru_cache(maxsize=64)
def _pairs(node: yaml.MappingNode) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Return the keys and values of a mapping by the keys' texts."""
    return {str(key.value): (key, value) for key, value in node.value}


def _line_in_text(node: yaml.ScalarNode, place: str, line: int) -> int:
    """Find the line of a place in a scalar's JSON; only a block scalar keeps its lines."""
    if node.style != "|" or (inner := _inner(node)) is None:
        return line
    first = node.start_mark.line + 1
    return first + _line(inner, place, line - first)


@lru_cache(maxsize=64)
def _inner(node: yaml.ScalarNode) -> yaml.Node | None:
    """Return the nodes of a scalar's JSON, or None if it is none."""
    try:
        return RowLoader(without_tabs(node.value)).get_single_node()
    except yaml.YAMLError:
        return None
