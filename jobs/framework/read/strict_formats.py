"""The forms of dates and timestamps that fit a schema, where bad records are set aside.

Without a format Spark reads `202405` as a date of the year 202405, `2024-05-15 garbage` as a date,
and `12:30` as a timestamp of the day of the run. With one it reads nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# By default Spark fails a job on a date that its parser before 3.0 would have read.
PARSER_POLICY = "spark.sql.legacy.timeParserPolicy"

_DAY = "yyyy-M-d"
# One `S` stands for a digit that may be missing; a letter in brackets for a part that may be.
_TIME = "['T'][' ']H:m[:s[.SSSSSSSSS]]"
# VV takes the forms with a colon and names, X those without; each further part costs time.
_ZONE = "[' '][VV][X]"
_FORMATS = {
    # A time of midnight is no more than the day.
    "dateFormat": f"{_DAY}[['T'][' ']'00:00:00'['.000000']['.000']['.0']['Z']]",
    "timestampFormat": f"{_DAY}[{_TIME}{_ZONE}]",
    "timestampNTZFormat": f"{_DAY}[{_TIME}]",
}


def with_strict_formats(spark: SparkSession, options: Mapping[str, str]) -> dict[str, str]:
    """Return a reader's options with a format for dates and timestamps where they have none.

    Spark's parser of before 3.0, if the session asks for it, takes prefixes and knows no such
    formats; then nothing is added.
    """
    if (spark.conf.get(PARSER_POLICY, None) or "").upper() == "LEGACY":
        return dict(options)
    given = {name.lower() for name in options}
    added = {name: form for name, form in _FORMATS.items() if name.lower() not in given}
    return {**options, **added}
