"""`{biz_dt}` and its like in the paths of sources and sinks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from string import Formatter

_FORMATTER = Formatter()


def fill(template: str, dates: Mapping[str, date | None]) -> str:
    """Return `template` with its placeholders filled; `{{` and `}}` stand for braces.

    `{biz_dt}` gives the ISO form, `{biz_dt:%Y%m%d}` any form of strftime.

    Raises:
        ValueError: If a placeholder is unknown or has no value, or braces are unbalanced.
    """
    if "{" not in template and "}" not in template:
        return template
    try:
        parsed = list(_FORMATTER.parse(template))
    except ValueError as error:
        raise ValueError(
            f"{error}: {template!r}; a brace of the path itself is {{{{ or }}}}"
        ) from error
    parts: list[str] = []
    for text, name, form, conversion in parsed:
        parts.append(text)
        if name is None:
            continue
        if name not in dates or conversion:
            shown = name + (f"!{conversion}" if conversion else "")
            raise ValueError(
                f"unknown placeholder {{{shown}}} in {template!r}; known: "
                + ", ".join(f"{{{known}}}" for known in dates)
            )
        value = dates[name]
        if value is None:
            raise ValueError(
                f"{{{name}}} in {template!r} has no value: set process_control.{name} for the date"
            )
        parts.append(_formatted(value, form, template) if form else value.isoformat())
    return "".join(parts)


def _formatted(value: date, form: str, template: str) -> str:
    try:
        return format(value, form)
    except ValueError as error:
        # Not every system has every form: Windows has no %-d.
        raise ValueError(
            f"{form!r} in {template!r} is not a form of strftime on this system ({error})"
        ) from error
