"""The one form of a log line: `2026-05-15T02:00:01.123Z INFO  [name] message`, in UTC."""

from __future__ import annotations

from datetime import datetime, timezone

from framework.contract.visible import visible


def format_line(at: datetime, level: str, name: str, text: str) -> str:
    """Return a line without its newline; what acts in name and text is spelled out.

    >>> format_line(datetime(2026, 5, 15, 2, 0, 1, 123_999, timezone.utc), "INFO", "orch", "hello")
    '2026-05-15T02:00:01.123Z INFO  [orch] hello'

    Args:
        at: An aware time of any zone.
        level: INFO, WARN, ERROR or another.
        name: The logger's name.
        text: One line of text.
    """
    utc = at.astimezone(timezone.utc)
    millis = utc.microsecond // 1000
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{millis:03d}Z {level:<5} [{visible(name)}] {log_text(text)}"


def log_text(text: str) -> str:
    """Return a text of one line as logs have it, which keeps its tabs."""
    return visible(text, keep="\t")
