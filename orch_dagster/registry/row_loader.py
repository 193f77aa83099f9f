"""A YAML loader for rows: it keeps values as they are spelled, and bounds their size and depth."""

from __future__ import annotations

import json
import math
import re
from itertools import chain
from typing import Any

import yaml
from typing_extensions import override
from yaml.composer import ComposerError

# A file of more, or one whose aliases stand for more, is refused before its values are made.
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_ALIASED_CHARACTERS = 16 * 1024 * 1024
# The rows have a depth of 8 at most.
MAX_DEPTH = 64
# The largest number of a column has 20 digits, and Python spells none of more than 4,300.
_MAX_NUMBER_CHARACTERS = 400

NULL = "tag:yaml.org,2002:null"
_TEXT = "tag:yaml.org,2002:str"
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
# What a node costs beside its text.
_NODE_CHARACTERS = 16
# A number as JSON spells it, or nearly so. YAML reads 010, 1_000, 0x1F and 1:30 as others.
_AS_SPELLED = re.compile(r"[-+]?(0|[1-9]\d*)?(\.\d*)?([eE][-+]?\d+)?", re.ASCII)


class RowLoader(yaml.SafeLoader):
    """A YAML loader that keeps values as they are spelled.

    Keys are text. Dates stay text, so that an invalid one is a finding like any other. A
    param_value stays text too, as 010 and 1.10 would lose digits as numbers.

    Attributes:
        faults: What YAML takes and a row may not have, each with its line from 1: a key that is
            given twice, of which the last one wins, and a number that YAML reads as another.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        # In their order, as an alias brings its faults along.
        self._faults: dict[tuple[str, int], None] = {}
        self._flattened: set[yaml.MappingNode] = set()
        # The size of each node with what its aliases stand for, and the levels below it.
        self._sizes: dict[yaml.Node, tuple[int, int]] = {}
        self._depth = 0
        self._aliased_characters = 0

    @override
    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose a node; refuse one that contains itself, and one that is too deep or large."""
        mark = self.peek_event().start_mark
        is_alias = bool(self.check_event(yaml.AliasEvent))
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _too_deep(mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is None:
            return None
        if not is_alias:
            self._sizes[node] = self._size(node)
        elif node not in self._sizes:
            raise ComposerError(None, None, "a value contains itself", mark)
        characters, levels = self._sizes[node]
        if self._depth + levels > MAX_DEPTH:
            raise _too_deep(mark)
        self._aliased_characters += characters if is_alias else 0
        if self._aliased_characters > MAX_ALIASED_CHARACTERS:
            raise ComposerError(
                None,
                None,
                f"the aliases stand for more than {MAX_ALIASED_CHARACTERS} characters; write fewer "
                f"of them, or several files",
                mark,
            )
        return node

    def _size(self, node: yaml.Node) -> tuple[int, int]:
        if isinstance(node, yaml.ScalarNode):
            return _NODE_CHARACTERS + len(node.value), 1
        parts = chain(*node.value) if isinstance(node, yaml.MappingNode) else node.value
        sizes = [self._sizes[part] for part in parts]
        return (
            _NODE_CHARACTERS + sum(characters for characters, _ in sizes),
            1 + max((levels for _, levels in sizes), default=0),
        )

    @property
    def faults(self) -> list[tuple[str, int]]:
        """Return the faults of the document, once it is constructed."""
        return [*self._faults]

    def _note(self, text: str, node: yaml.Node) -> None:
        self._faults[text, node.start_mark.line + 1] = None

    @override
    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Construct a value; refuse one that contradicts its tag, with its line."""
        try:
            if node.tag in _NUMBERS and len(str(node.value)) > _MAX_NUMBER_CHARACTERS:
                raise ValueError(f"a number of {len(node.value)} characters")
            value = super().construct_object(node, deep)
            if node.tag in _NUMBERS and not _AS_SPELLED.fullmatch(node.value):
                self._note(_number_fault(node.value, value), node)
            return value
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
        self._note_keys_given_twice(node)
        super().flatten_mapping(node)
        pairs = {str(key.value): (key, value) for key, value in node.value}
        node.value = [_as_spelled(key, value) for key, value in pairs.values()]

    def _note_keys_given_twice(self, node: yaml.MappingNode) -> None:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                self._note(f"the key {name} is given twice", key)
            seen.add(name)


def without_tabs(text: str) -> str:
    """Return JSON without the tabs between its values, which YAML refuses; other texts as is."""
    if "\t" not in text:
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    # No text of JSON holds a tab.
    return text.replace("\t", " ")


def _too_deep(mark: Any) -> ComposerError:
    return ComposerError(None, None, f"deeper than {MAX_DEPTH} levels", mark)


def _number_fault(spelled: str, value: float) -> str:
    if not math.isfinite(value):
        return f"{spelled} is not a number that a row can hold; put it in quotes if it is text"
    return f"YAML reads {spelled} as the number {value}: put it in quotes, or write {value}"


def _as_spelled(key: yaml.Node, value: yaml.Node) -> tuple[yaml.Node, yaml.Node]:
    if key.value == "param_value" and value.tag != NULL:
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


RowLoader.add_constructor(_TEXT, _construct_text)
RowLoader.add_constructor("tag:yaml.org,2002:timestamp", _construct_text)
