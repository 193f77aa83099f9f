"""Lists of names as process_control and context_params have them in one text."""

from __future__ import annotations


def comma_names(text: str | None) -> tuple[str, ...]:
    """Return the names of a comma list, each once.

    >>> comma_names(" a,b ,, a"), comma_names(None)
    (('a', 'b'), ())
    """
    return tuple(dict.fromkeys(name.strip() for name in (text or "").split(",") if name.strip()))
