"""Show a text of somebody else so that nothing in it acts: not on a terminal, a log or a page."""

from __future__ import annotations

import re
from collections.abc import Callable

# Control characters (line breaks, and ESC, which starts a terminal's commands), line and paragraph
# separators, what turns the direction of text or has no width, tags, lone surrogates. The joiners
# U+200C and U+200D stay, as words of some languages need them.
_ACTING = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)


def visible(text: str, keep: str = "") -> str:
    r"""Spell out each character that acts instead of showing something, as Python spells it.

    >>> print(visible("a\nb\x1b[31m \u202ec"))
    a\nb\x1b[31m \u202ec

    Args:
        text: The text of somebody else.
        keep: Characters that stay as they are, such as a tab.
    """
    return respelled(text, lambda character: repr(character)[1:-1], keep)


def respelled(text: str, spell: Callable[[str], str], keep: str = "") -> str:
    """Spell such characters in another way, like JSON's codes."""
    if not _ACTING.search(text):
        return text
    return _ACTING.sub(lambda match: match[0] if match[0] in keep else spell(match[0]), text)
