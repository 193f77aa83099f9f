"""The folder on Hadoop's file system through which a driver on another machine reports.

The job writes numbered files, each aside and then renamed, so that a file is there whole or not at
all, and always after those of lower numbers. A line of a file is a message of Dagster Pipes as
JSON. The file of the progress is replaced by each new one. The orchestrator deletes what it has
read, and the folder when the job has ended.
"""

from __future__ import annotations

import re

PARAM = "hadoop_folder"
"""The key of the folder among the parameters in DAGSTER_PIPES_MESSAGES."""

FOLDER = ".orchMessages-"
"""The start of its name; it lies beside the folder where Spark stages an application's files."""

PROGRESS_FILE = "progress.json"
"""The newest report of the progress."""

_NAME = re.compile(r"(\d{8})\.jsonl", re.ASCII)


def file_name(number: int) -> str:
    """Return the name of a file of messages; numbers begin with 1.

    >>> file_name(12)
    '00000012.jsonl'
    """
    return f"{number:08}.jsonl"


def number_of(name: str) -> int | None:
    """Return the number of a file of messages, None for another file.

    >>> number_of("00000012.jsonl"), number_of("00000012.jsonl.tmp-1f")
    (12, None)
    """
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None
