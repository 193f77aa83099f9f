"""Parse and render Java properties the way Spark does, without touching a file."""

from __future__ import annotations

import re
from collections.abc import Mapping

_KEY = re.compile(r"(?:\\.|[^\\\s=:])+")
_SEPARATOR = re.compile(r"[ \t\f]*[=:]?[ \t\f]*")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_PLAIN = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def parse_properties(text: str) -> dict[str, str]:
    r"""Read a text as java.util.Properties does; strip values, as Spark does.

    >>> parse_properties("# note\nspark.master   yarn\nspark.a=b\\tc \\\n   d")
    {'spark.master': 'yarn', 'spark.a': 'b\tc d'}
    """
    properties: dict[str, str] = {}
    for line in _logical_lines(text):
        key = _KEY.match(line)
        if key is None:
            continue
        separator = _SEPARATOR.match(line, key.end())
        start = separator.end() if separator else key.end()
        properties[_unescape(key.group())] = _unescape(line[start:]).strip()
    return properties


def format_properties(properties: Mapping[str, str]) -> str:
    """Return a properties file in ASCII, sorted by key, which Java reads back exactly."""
    return "".join(
        f"{_escape(key, is_key=True)}={_escape(value, is_key=False)}\n"
        for key, value in sorted(properties.items())
    )


def _logical_lines(text: str) -> list[str]:
    lines: list[str] = []
    pending = ""
    for natural in re.split(r"\r\n|\r|\n", text):
        stripped = natural.lstrip(" \t\f")
        if not pending and (not stripped or stripped[0] in "#!"):
            continue
        backslashes = len(stripped) - len(stripped.rstrip("\\"))
        if backslashes % 2:
            pending += stripped[:-1]
            continue
        lines.append(pending + stripped)
        pending = ""
    if pending:
        lines.append(pending)
    return lines


def _unescape(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        body = match.group(1)
        if len(body) == 5:
            return chr(int(body[1:], 16))
        return _PLAIN.get(body, body)

    # Two \u escapes of a surrogate pair become one character.
    return _ESCAPE.sub(plain, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _escape(text: str, *, is_key: bool) -> str:
    special = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}
    if is_key:
        special |= {" ": "\\ ", "=": "\\=", ":": "\\:", "#": "\\#", "!": "\\!"}
    escaped: list[str] = []
    for position, character in enumerate(text):
        if character == " " and position == 0:
            escaped.append("\\ ")
        elif character in special:
            escaped.append(special[character])
        elif " " <= character <= "~":
            escaped.append(character)
        else:
            units = character.encode("utf-16-be", "surrogatepass")
            escaped += [f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2)]
    return "".join(escaped)
