"""Tell whether a path has a folder of its own for each business date."""

from __future__ import annotations

import posixpath
import re
from datetime import date, timedelta
from functools import lru_cache
from string import Formatter

from framework.contract.business_dates import FIRST_DATE, LAST_DATE

_FORMATTER = Formatter()
_BIZ_DT = "biz_dt"
_ISO = "%Y-%m-%d"
# Fields of one width on each date, so that the text tells where each begins and what it holds.
_FIXED_WIDTH = frozenset("YmdjyFGVUWuwHMS%")
# Fields whose text has no slash, so that the folders of a path are those of its form.
_IN_ONE_FOLDER = _FIXED_WIDTH | frozenset("aAbBheCpP") | {"-d", "-m", "-j", "#d", "#m", "#j"}
# A number without zeros is %-d, and on Windows %#d.
_DIRECTIVE = re.compile(r"%([-#]?.)", re.DOTALL)
# Any one of these sets of fields tells the date.
_TELLING = ({"F"}, {"Y", "m", "d"}, {"Y", "j"}, {"G", "V", "u"})


def dates_of_one_folder(path: str) -> tuple[date, date] | None:
    """Return the first two business dates that have the same folder, or None.

    The dates of a window count as fixed, as several business dates may share one.

    Args:
        path: A path with placeholders that `placeholders.fill` takes.
    """
    form = _strftime_form(path)
    if _has_dots(form):
        return _first_pair(form, is_normalized=True)
    names = set(_DIRECTIVE.findall(form))
    if _tells(form):
        return None
    if names <= _IN_ONE_FOLDER and any(map(_tells, form.split("/"))):
        return None
    # What comes before the first field and after the last one is the same on each date.
    first, last = form.find("%"), form.rfind("%")
    return _first_pair(form[first : last + 3] if first >= 0 else "", is_normalized=False)


def _tells(form: str) -> bool:
    """Return whether the text of a form tells its date, as is known without a look at all."""
    names = set(_DIRECTIVE.findall(form))
    return names <= _FIXED_WIDTH and any(each <= names for each in _TELLING)


def _has_dots(form: str) -> bool:
    """Return whether a form leads to the folder above; a field may be empty, as %Z is."""
    filled = _DIRECTIVE.sub(lambda found: FIRST_DATE.strftime(found[0]), form)
    return ".." in filled.replace("\\", "/").split("/")


def _strftime_form(path: str) -> str:
    """Return the path as one form of strftime for biz_dt."""
    parts: list[str] = []
    for text, name, form, _ in _FORMATTER.parse(path):
        parts.append(text.replace("%", "%%"))
        if name == _BIZ_DT:
            parts.append(form or _ISO)
        elif name is not None:
            # Any date does, as it is the same on each.
            parts.append(FIRST_DATE.strftime(form or _ISO).replace("%", "%%"))
    return "".join(parts)


@lru_cache(maxsize=1_000)
def _first_pair(form: str, *, is_normalized: bool) -> tuple[date, date] | None:
    seen: dict[str, date] = {}
    for number in range((LAST_DATE - FIRST_DATE).days + 1):
        day = FIRST_DATE + timedelta(number)
        folder = day.strftime(form) if form else ""
        earlier = seen.setdefault(posixpath.normpath(folder) if is_normalized else folder, day)
        if earlier is not day:
            return earlier, day
    return None
