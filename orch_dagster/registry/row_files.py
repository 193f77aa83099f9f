"""Rows of the control tables in YAML files, each with its lines."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml

from orch_dagster.control.tables import EXECUTION_LOG, TABLE_BY_NAME, TABLES, Row

APPLIED_TABLES = tuple(table for table in TABLES if table is not EXECUTION_LOG)

_NULL = "tag:yaml.org,2002:null"
_TEXT = "tag:yaml.org,2002:str"
_INDEX = re.compile(r"\[(\d+)\]\.?")


class _Loader(yaml.SafeLoader):
    """A YAML loader that keeps values as they are spelled.

    Dates stay text, so that an invalid one is a finding like any other. A param_value stays text
    too, as 010 and 1.10 would lose digits as numbers. A key that is given twice is refused; in
    YAML the last one wins.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Construct a mapping; refuse a key that is given twice, with its line."""
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {name} is given twice", key.start_mark
                )
            seen.add(name)
            if name == "param_value" and isinstance(value, yaml.ScalarNode) and value.tag != _NULL:
                value.tag = _TEXT
        return super().construct_mapping(node, deep)


_Loader.add_constructor("tag:yaml.org,2002:timestamp", yaml.SafeLoader.construct_yaml_str)


@dataclass(frozen=True)
class Problem:
    """A fault that keeps files from being applied.

    Attributes:
        text: The fault and the remedy.
        file: The file that it is in; None for a row of the store.
        line: The line in the file, from 1; None for the file as a whole.
    """

    text: str
    file: Path | None = None
    line: int | None = None

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
    for file in files:
        try:
            loader = _Loader(file.read_text(encoding="utf-8"))
            node = loader.get_single_node()
            document: Any = None if node is None else loader.construct_document(node)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            # ValueError: not UTF-8, or a value that contradicts its explicit tag.
            mark = getattr(error, "problem_mark", None)
            text = f"not usable YAML in UTF-8: {error}"
            row_files.problems.append(Problem(text, file, mark.line + 1 if mark else None))
            continue
        if not isinstance(node, yaml.MappingNode):
            text = "the top level must be a mapping of table names"
            row_files.problems.append(Problem(text, file))
            continue
        nodes = {str(key.value): (key, value) for key, value in node.value}
        for name, listed in cast(dict[str, Any], document).items():
            key, node_of_rows = nodes[str(name)]
            try:
                rows = _rows(name, listed, node_of_rows, file)
            except _NotRowsError as error:
                row_files.problems.append(Problem(str(error), file, key.start_mark.line + 1))
            else:
                row_files.tables[name] += rows
    return row_files


class _NotRowsError(ValueError):
    """The value of a table's name is not a list of rows."""


def _rows(name: str, listed: Any, node: yaml.Node, file: Path) -> list[FileRow]:
    if TABLE_BY_NAME.get(name) not in APPLIED_TABLES:
        known = ", ".join(table.name for table in APPLIED_TABLES)
        raise _NotRowsError(f"{name} is not a table to apply; those are {known}")
    if not isinstance(listed, list) or not all(
        isinstance(row, dict) for row in cast(list[object], listed)
    ):
        raise _NotRowsError(f"{name}: must be a list of rows, each a mapping")
    try:
        rows = [_plain(row) for row in cast(list[dict[str, Any]], listed)]
    except (ValueError, RecursionError) as error:
        raise _NotRowsError(f"{name}: a value contains itself ({error})") from error
    return [FileRow(row, file, each) for row, each in zip(rows, node.value, strict=True)]


def _plain(row: Mapping[str, Any]) -> Row:
    """Return a row with nested values as JSON text, which is what the columns hold."""
    plain: Row = {}
    for name, value in row.items():
        if isinstance(value, dict | list):
            plain[name] = json.dumps(value, ensure_ascii=False, default=str)
        else:
            plain[name] = value
    if "dependent_job_id" in row:
        # A root has no parent in YAML and an empty one in the table.
        plain["parent_job_id"] = plain.get("parent_job_id") or ""
    return plain


def _line(node: yaml.Node, place: str, line: int) -> int:
    """Find the line of a place in a node, from 0; `line` is that of the node itself."""
    if not place:
        return line
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            # A prefix and not a split at dots: an option's name may have dots.
            subplace = place.removeprefix(str(key.value))
            if place.startswith(str(key.value)) and subplace[:1] in ("", ".", "["):
                return _line(value, subplace.removeprefix("."), key.start_mark.line)
    elif isinstance(node, yaml.SequenceNode):
        if (index := _INDEX.match(place)) and int(index[1]) < len(node.value):
            item = node.value[int(index[1])]
            return _line(item, place[index.end() :], item.start_mark.line)
    elif isinstance(node, yaml.ScalarNode):
        return _line_in_text(node, place, line)
    return line


def _line_in_text(node: yaml.ScalarNode, place: str, line: int) -> int:
    """Find the line of a place in a scalar's JSON; only a block scalar keeps its lines."""
    if node.style != "|":
        return line
    try:
        inner = yaml.compose(node.value, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return line
    first = node.start_mark.line + 1
    return first + _line(inner, place, line - first) if inner else line
