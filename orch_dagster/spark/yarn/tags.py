"""The tags of a job's YARN application: what finds it where nobody knows its id.

They are set before the submit, so they find an application also when its submitter was killed
before it could say the id. YARN takes ten tags of at most 100 ASCII characters, and its resource
manager writes them in lower case.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from datetime import date, timedelta

_MOST_TAGS = 10
_MOST_CHARACTERS = 100
# A digit of a date tag stands for four days.
_DAYS_PER_TAG = 4 * 80
_MOST_DATE_TAGS = 4
_DATES = "orch-dates_"
_JOB = "orch-job_"
_TRY = "orch-try_"
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4,12}){4}")
_OTHERS = re.compile(r"[^a-z0-9_-]+")


def run_tag(run_id: str) -> str:
    """Return the tag of all applications of a run."""
    return run_id.lower()


def attempt_tag(run_id: str, name: str, attempt: int = 1) -> str:
    """Return the tag of the only application of one attempt of a step.

    Args:
        run_id: The run.
        name: The step, or what is unique within the run for one of its scripts.
        attempt: The attempt.
    """
    return f"{_TRY}{_digest(run_id, name)}_{attempt}"


def attempt_tags(tags: Iterable[str]) -> list[str]:
    """Return those of an application's tags that no other one has."""
    return sorted(tag for tag in tags if tag.startswith(_TRY))


def job_tag(store_identity: str, job_name: str) -> str:
    """Return the tag of a job's applications, of any run.

    Args:
        store_identity: The control store, by which jobs of one name differ.
        job_name: The job.
    """
    readable = _OTHERS.sub("-", job_name.lower())
    return f"{_JOB}{_digest(store_identity, job_name)}_{readable}"[:_MOST_CHARACTERS]


def date_tags(biz_dts: Collection[str], others: int = 3) -> tuple[str, ...]:
    """Return tags that hold the business dates of an application; `shared_dates` reads them.

    Each has a first day, and a hexadecimal digit for each four days from it. Dates that would need
    too many tags are held as the range that they span.

    >>> date_tags(["2024-05-15", "2024-05-16", "2024-05-20"])
    ('orch-dates_20240515_c4',)

    Args:
        biz_dts: The dates.
        others: How many other tags the application has.
    """
    days = sorted({date.fromisoformat(each) for each in biz_dts if each})
    tags: list[str] = []
    rest = days
    while rest:
        until = rest[0] + timedelta(days=_DAYS_PER_TAG)
        tags.append(_date_tag([day for day in rest if day < until]))
        rest = [day for day in rest if day >= until]
    if len(tags) > min(_MOST_DATE_TAGS, _MOST_TAGS - others):
        return (f"{_DATES}{days[0]:%Y%m%d}-{days[-1]:%Y%m%d}",)
    return tuple(tags)


def shared_dates(tags: Iterable[str], biz_dts: Collection[str]) -> list[str]:
    """Return those of the dates that the application of these tags may land.

    An application whose tags hold no dates may land any.
    """
    held = [tag.removeprefix(_DATES) for tag in tags if tag.startswith(_DATES)]
    if not held:
        return sorted(biz_dts)
    return sorted(each for each in biz_dts if any(_holds(tag, each) for tag in held))


def run_of(tags: Collection[str], name: str) -> str | None:
    """Return the id of the run among an application's tags, or None.

    A user's own tag may look like one. The tag of the attempt tells which of them it is of.

    Args:
        tags: The tags.
        name: As for attempt_tag.
    """
    tries = {tag.rpartition("_")[0] for tag in tags if tag.startswith(_TRY)}
    return next(
        (
            tag
            for tag in sorted(tags)
            if _RUN_ID.fullmatch(tag) and attempt_tag(tag, name).rpartition("_")[0] in tries
        ),
        None,
    )


def _date_tag(days: list[date]) -> str:
    first = days[0]
    digits = [0] * ((days[-1] - first).days // 4 + 1)
    for day in days:
        place, bit = divmod((day - first).days, 4)
        digits[place] |= 8 >> bit
    return f"{_DATES}{first:%Y%m%d}_{''.join(f'{digit:x}' for digit in digits)}"


def _holds(text: str, biz_dt: str) -> bool:
    """Return whether a tag of dates, without its prefix, holds a date; if in doubt, it does."""
    try:
        day = date.fromisoformat(biz_dt)
        first = _day(text[:8])
        if text[8:9] == "-":
            return first <= day <= _day(text[9:17])
        place, bit = divmod((day - first).days, 4)
        digits = text[9:]
        return 0 <= place < len(digits) and bool(int(digits[place], 16) & (8 >> bit))
    except ValueError:
        # A newer version's.
        return True


def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
