"""Rows of the control tables in YAML files, each with its lines."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
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

    Keys are text. Dates stay text, so that an invalid one is a finding like any other. A
    param_value stays text too, as 010 and 1.10 would lose digits as numbers. A key that is given
    twice is refused; in YAML the last one wins.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._flattened: set[yaml.MappingNode] = set()

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Construct a value; refuse one that contradicts its tag, with its line."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError) as error:
            tag = str(node.tag).replace("tag:yaml.org,2002:", "!!")
            raise yaml.constructor.ConstructorError(
                None, None, f"a value does not fit its tag {tag} ({error})", node.start_mark
            ) from error

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge what `<<` names, once a node, and drop what the node itself gives otherwise."""
        # A node that another one merges is flattened before it is constructed.
        if node in self._flattened:
            return
        self._flattened.add(node)
        _refuse_key_given_twice(node)
        super().flatten_mapping(node)
        pairs = {str(key.value): (key, value) for key, value in node.value}
        node.value = [_as_spelled(key, value) for key, value in pairs.values()]


def _refuse_key_given_twice(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        name = str(key.value)
        if name in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {name} is given twice", key.start_mark
            )
        seen.add(name)


def _as_spelled(key: yaml.Node, value: yaml.Node) -> tuple[yaml.Node, yaml.Node]:
    if key.value == "param_value" and value.tag != _NULL:
        value = _as_text(value)
    return _as_text(key), value


def _as_text(node: yaml.Node) -> yaml.Node:
    """Return a scalar as text; a copy, as the node may have other places by an alias."""
    if not isinstance(node, yaml.ScalarNode):
        return node
    return yaml.ScalarNode(_TEXT, node.value, node.start_mark, node.end_mark, node.style)


def _construct_text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    text = loader.construct_scalar(node)
    # JSON escapes a character beyond U+FFFF as two halves.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


_Loader.add_constructor(_TEXT, _construct_text)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _construct_text)


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
        content = file.read_bytes()
        try:
            loader = _Loader(_without_tabs(content.decode("utf-8-sig")))
            node = loader.get_single_node()
            document: Any = None if node is None else loader.construct_document(node)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            # A ValueError says that it is not UTF-8.
            text = f"not usable YAML in UTF-8: {error}"
            row_files.problems.append(Problem(text, file, _line_of_error(error, content)))
            continue
        if not isinstance(node, yaml.MappingNode) or not isinstance(document, dict):
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


def reads_as(text: str, column: str) -> bool:
    """Return whether a mapping, as YAML, becomes that text of a column."""
    try:
        return _as_column(_Loader(text).get_single_data()) == column
    except (yaml.YAMLError, ValueError, RecursionError):
        return False


def _without_tabs(text: str) -> str:
    """Return JSON without the tabs between its values, which YAML refuses; other texts as is."""
    if "\t" not in text:
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    # No text of JSON holds a tab.
    return text.replace("\t", " ")


def _line_of_error(error: Exception, content: bytes) -> int | None:
    if isinstance(error, UnicodeDecodeError):
        return error.object.count(b"\n", 0, error.start) + 1
    if isinstance(error, yaml.reader.ReaderError):
        return content.decode("utf-8-sig").count("\n", 0, error.position) + 1
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark else None


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


def _as_column(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _plain(row: Mapping[str, Any]) -> Row:
    """Return a row with nested values as JSON text, which is what the columns hold."""
    plain: Row = {}
    for name, value in row.items():
        if isinstance(value, dict | list):
            plain[name] = _as_column(value)
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
        # A prefix and not a split at dots: an option's name may have dots. The longest one, as
        # another option's name may be its beginning.
        for key, value in sorted(node.value, key=lambda pair: -len(str(pair[0].value))):
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
        inner = yaml.compose(_without_tabs(node.value), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return line
    first = node.start_mark.line + 1
    return first + _line(inner, place, line - first) if inner else line
