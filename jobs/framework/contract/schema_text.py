"""The faults of a source's schema that need no Spark: Spark's DDL, column by column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from framework.hql_text import scan

# Of Spark 3.5. Those within <> are left to Spark.
_NAMES = """
    BOOLEAN TINYINT BYTE SMALLINT SHORT INT INTEGER BIGINT LONG FLOAT REAL DOUBLE DATE TIMESTAMP
    TIMESTAMP_NTZ TIMESTAMP_LTZ STRING CHAR CHARACTER VARCHAR BINARY DECIMAL DEC NUMERIC VOID
    INTERVAL ARRAY MAP STRUCT
"""
_TYPES = tuple(_NAMES.split())
_COLUMN = re.compile(
    r"\s*(?P<name>`(?:[^`]|``)*`|[^\s`:<>(),]+)\s*:?\s*(?P<type>[^\s<>(),:]*)", re.DOTALL
)
_PIECE = re.compile(r"[(<]|[)>]|,|[^(<)>,]+")
# Nor comments.
_WITHOUT_QUOTES = re.compile(r"[^-/'\"`]*")
# As Spark's lexer has a name without backticks.
_NOT_IN_A_NAME = re.compile(r"[^\w]", re.ASCII)


def schema_faults(text: str) -> Iterator[str]:
    """Yield what Spark would refuse of a schema, without what only Spark can say.

    >>> [*schema_faults("id INTT, name STRING,")]
    ["column id: 'INTT' is not a type; did you mean INT?", 'column 3 is empty']
    >>> [*schema_faults("a DECIMAL(10, 2), `b c` ARRAY<STRUCT<x: INT, y: INT>> NOT NULL")]
    []
    """
    if not text or text.strip().lower().startswith(("struct<", "{")):
        return
    seen: set[str] = set()
    for number, part in enumerate(_columns(text), 1):
        column = _COLUMN.match(part)
        if part.lstrip().startswith('"'):
            # A name, if spark.sql.ansi.doubleQuotedIdentifiers says so.
            continue
        if column is None:
            fault = f"can't be read: {part.strip()[:60]!r}" if part.strip() else "is empty"
            yield f"column {number} {fault}"
            continue
        name, kind = column["name"], column["type"]
        if name[0] != "`" and (odd := _NOT_IN_A_NAME.search(name)) and name.isascii():
            yield f"column {name} holds {odd[0]!r}: put the name in backticks, `{name}`"
        elif not kind:
            yield f"column {name} has no type: write a name and a type, such as {name} STRING"
        elif kind.upper() not in _TYPES:
            near = get_close_matches(kind.upper(), _TYPES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(_TYPES)}"
            yield f"column {name}: {kind!r} is not a type; {hint}"
        elif name in seen:
            yield f"column {name} is given twice"
        seen.add(name)


def _columns(text: str) -> Iterator[str]:
    """Yield the parts between the commas that separate columns."""
    part, depth = "", 0
    for piece in _pieces(text):
        depth += (piece in ("(", "<")) - (piece in (")", ">"))
        if piece == "," and depth == 0:
            yield part
            part = ""
        else:
            part += piece
    yield part


def _pieces(text: str) -> Iterable[str]:
    """Return the pieces of a text, with blanks for comments, as they separate words."""
    if _WITHOUT_QUOTES.fullmatch(text):
        # Most are so, and a location with many jobs reads many.
        return _PIECE.findall(text)
    return (" " if kind == "comment" else piece for kind, piece, _ in scan(text))
