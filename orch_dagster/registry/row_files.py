"""Rows of the control tables in YAML files, each with the lines that it stands on."""

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
    """YAML in which nothing is lost on the way to the tables.

    Dates stay text: a date that is none is then a finding like any other. A param_value is its
    letters, as 010 and 1.10 are more than numbers. A key that is given twice is refused, where
    YAML's own rule is that the last one wins.
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
    """Something that keeps files from being applied.

    Attributes:
        text: What is wrong and what to do.
        file: The file that it is in; None where it is about a row of the store.
        line: The line in the file, from 1; None where it is about the file as a whole.
    """

    text: str
    file: Path | None = None
    line: int | None = None

    def __str__(self) -> str:
        return located(self.text, self.file, self.line)


def located(text: str, file: Path | None, line: int | None) -> str:
    """Return a text that begins with its file and line, where it has them.

    >>> located("no such job", Path("rows.yaml"), 14)
    'rows.yaml:14: no such job'
    """
    where = f"{file}:{line}: " if line else f"{file}: "
    return f"{where}{text}" if file else text


@dataclass(frozen=True)
class FileRow:
    """A row as a file gives it."""

    row: Row
    file: Path
    node: yaml.MappingNode = field(repr=False)

    def line(self, place: str = "") -> int:
        """Return the line of a place in the row, from 1.

        Args:
            place: A column, or a place in its JSON, such as context_params.sinks[0].path. Of one
                that is not there, the line of what it would be in.
        """
        return _line(self.node, place, self.node.start_mark.line) + 1


@dataclass
class RowFiles:
    """What files hold.

    Attributes:
        tables: The rows by the name of their table, in the order of the files.
        problems: What is wrong with the files' form.
    """

    tables: dict[str, list[FileRow]] = field(default_factory=lambda: defaultdict(list))
    problems: list[Problem] = field(default_factory=list[Problem])

    def rows(self) -> dict[str, list[Row]]:
        """Return the rows alone, by the name of their table."""
        return {name: [each.row for each in rows] for name, rows in self.tables.items()}


def read_files(files: Sequence[Path]) -> RowFiles:
    """Read the rows of YAML files; JSON is YAML too."""
    found = RowFiles()
    for file in files:
        try:
            loader = _Loader(file.read_text(encoding="utf-8"))
            node = loader.get_single_node()
            document: Any = None if node is None else loader.construct_document(node)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            # ValueError: not UTF-8, or a value that its explicit tag does not fit.
            mark = getattr(error, "problem_mark", None)
            text = f"not usable YAML in UTF-8: {error}"
            found.problems.append(Problem(text, file, mark.line + 1 if mark else None))
            continue
        if not isinstance(node, yaml.MappingNode):
            text = "a mapping of table names is wanted at the top"
            found.problems.append(Problem(text, file))
            continue
        nodes = {str(key.value): (key, value) for key, value in node.value}
        for name, listed in cast(dict[str, Any], document).items():
            key, node_of_rows = nodes[str(name)]
            try:
                rows = _rows(name, listed, node_of_rows, file)
            except _NotRowsError as error:
                found.problems.append(Problem(str(error), file, key.start_mark.line + 1))
            else:
                found.tables[name] += rows
    return found


class _NotRowsError(ValueError):
    """What stands below a table's name is not a list of rows."""


def _rows(name: str, listed: Any, node: yaml.Node, file: Path) -> list[FileRow]:
    if TABLE_BY_NAME.get(name) not in APPLIED_TABLES:
        known = ", ".join(table.name for table in APPLIED_TABLES)
        raise _NotRowsError(f"{name} is not a table to apply; those are {known}")
    if not isinstance(listed, list) or not all(
        isinstance(row, dict) for row in cast(list[object], listed)
    ):
        raise _NotRowsError(f"{name}: a list of rows is wanted, each a mapping")
    try:
        rows = [_plain(row) for row in cast(list[dict[str, Any]], listed)]
    except (ValueError, RecursionError) as error:
        raise _NotRowsError(f"{name}: a value holds itself ({error})") from error
    return [FileRow(row, file, each) for row, each in zip(rows, node.value, strict=True)]


def _plain(row: Mapping[str, Any]) -> Row:
    """YAML's own numbers and mappings as the columns hold them."""
    plain: Row = {}
    for name, value in row.items():
        if isinstance(value, dict | list):
            plain[name] = json.dumps(value, ensure_ascii=False, default=str)
        else:
            plain[name] = value
    if "dependent_job_id" in row:
        # A root's row: YAML writes no parent where the table holds an empty one.
        plain["parent_job_id"] = plain.get("parent_job_id") or ""
    return plain


def _line(node: yaml.Node, place: str, line: int) -> int:
    """The line of a place in a node, from 0; `line` is that of the node itself."""
    if not place:
        return line
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            # A name of an option may have dots.
            rest = place.removeprefix(str(key.value))
            if place.startswith(str(key.value)) and rest[:1] in ("", ".", "["):
                return _line(value, rest.removeprefix("."), key.start_mark.line)
    elif isinstance(node, yaml.SequenceNode):
        if (index := _INDEX.match(place)) and int(index[1]) < len(node.value):
            item = node.value[int(index[1])]
            return _line(item, place[index.end() :], item.start_mark.line)
    elif isinstance(node, yaml.ScalarNode):
        return _line_in_text(node, place, line)
    return line


def _line_in_text(node: yaml.ScalarNode, place: str, line: int) -> int:
    """The line of a place in JSON that is the text of a scalar; only a block keeps its lines."""
    if node.style != "|":
        return line
    try:
        inner = yaml.compose(node.value, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return line
    first = node.start_mark.line + 1
    return first + _line(inner, place, line - first) if inner else line
