"""Read the values of settings; a fault is a ValueError, in a sentence that begins with the text."""

from __future__ import annotations

import re
from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from framework.contract.calendar_days import CalendarDays, calendar_days
from framework.contract.comma_list import comma_names
from framework.contract.native_paths import quoted_path
from framework.contract.paths import as_location, is_absolute, is_local
from framework.contract.secret_names import FILE

_COUNT = re.compile(r"\d+", re.ASCII)
# One that names each minute, hour, day and month has 360.
_MOST_OF_CRON = 400
_WEB_ADDRESS = re.compile(r"https?://[^\s<>\"'@]+", re.ASCII)
_USER = re.compile(r"\w[\w.@/$+-]{0,199}", re.ASCII)
_SECONDS = re.compile(r"\d{1,5}(\.\d+)?", re.ASCII)


def choice(*values: str) -> Callable[[str], str]:
    """Return a parser of one of these words, ignoring case."""

    def parse(text: str) -> str:
        word = text.strip().lower()
        if word not in values:
            raise ValueError(f"{text!r} is not {' or '.join(values)}")
        return word

    return parse


def whole_number(most: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from 0 to `most`, without a sign or a space."""

    def parse(text: str) -> int:
        # The length first, as Python refuses to read a number of thousands of digits.
        if not _COUNT.fullmatch(text) or len(text) > len(str(most)) or int(text) > most:
            raise ValueError(f"{text!r} is not a whole number from 0 to {most}")
        return int(text)

    return parse


def seconds(text: str) -> float:
    """Return the seconds that a text holds.

    Raises:
        ValueError: If the text is not a number from 0 to 99999.
    """
    if not _SECONDS.fullmatch(text):
        raise ValueError(f"{text!r} is not seconds, from 0 to 99999")
    return float(text)


def minutes(text: str) -> float:
    """Return the minutes that a text holds.

    Raises:
        ValueError: If the text is not a number above 0, to 99999.
    """
    if not _SECONDS.fullmatch(text) or float(text) == 0:
        raise ValueError(f"{text!r} is not minutes, above 0 and to 99999")
    return float(text)


def web_address(text: str) -> str:
    """Return an address of http or https, without a slash at its end; empty for none.

    Raises:
        ValueError: If the text is something else.
    """
    if text and not _WEB_ADDRESS.fullmatch(text):
        raise ValueError(f"{text!r} is not an address such as http://history:18080")
    return text.rstrip("/")


def is_time_zone(name: str) -> bool:
    """Return whether the system, or the package tzdata, has a time zone of that name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def time_zone(text: str) -> str:
    """Return the name of a time zone.

    Raises:
        ValueError: If this machine has no such zone.
    """
    if not is_time_zone(text):
        raise ValueError(f"{text!r} is not a time zone such as Europe/Berlin")
    return text


def cron(text: str) -> str:
    """Return a cron schedule, which only Dagster can check in full.

    Raises:
        ValueError: If the text is blank, or longer than any schedule.
    """
    if not text.strip():
        raise ValueError(f"{text!r} is not a cron schedule such as 0 2 * * *")
    if len(text) > _MOST_OF_CRON:
        raise ValueError(
            f"{text[:20]!r}… has more than {_MOST_OF_CRON} characters, so it is "
            f"not a cron schedule such as 0 2 * * *"
        )
    return text


def calendar(text: str) -> CalendarDays | str:
    """Return the days of a calendar, or the path of `file:PATH` if the text names a file of them.

    Raises:
        ValueError: If something in it can't be read, or no path follows `file:`.
    """
    if not text.startswith(FILE):
        return calendar_days(text)
    path = text.removeprefix(FILE).strip()
    if not path:
        raise ValueError(f"{text!r} names no file: give file:PATH")
    return path


def user_name(text: str) -> str:
    """Return the name of a user of the cluster, which may be a Kerberos principal.

    Raises:
        ValueError: If it can't be one.
    """
    if text and not _USER.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of a user, such as etl or etl@REALM")
    return text


def shared_folders(text: str) -> str:
    """Return a comma list of local folders, as locations.

    >>> shared_folders("/mnt/nfs, file:///data/")
    '/mnt/nfs,/data'

    Raises:
        ValueError: If one is relative, or a URL of another file system.
    """
    folders = comma_names(text)
    for folder in folders:
        if not is_absolute(folder) or not is_local(as_location(folder)):
            raise ValueError(
                f"{quoted_path(folder)} is not an absolute local path such as /mnt/nfs"
            )
    return ",".join(as_location(folder) for folder in folders)
