"""The commands and files that a page of documentation gives its reader."""

from __future__ import annotations

import re
from pathlib import Path

_BLOCK = re.compile(
    r"(?:^`(?P<file>[^`\n]+)`:\n\n)?^```(?P<kind>\w+)\n(?P<body>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


def commands_of(page: Path, *, after: str = "") -> list[str]:
    """The lines of the page's `sh` blocks, from a heading on."""
    text = page.read_text(encoding="utf-8")
    start = text.index(after)
    blocks = [block["body"] for block in _BLOCK.finditer(text, start) if block["kind"] == "sh"]
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def files_of(page: Path) -> dict[str, str]:
    """The blocks under a line that is a file's name and a colon: their content by that name."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return {match["file"]: match["body"] for match in found if match["file"]}
