"""The arguments of a spark-submit and its Spark properties, which on Windows are in a file."""

from __future__ import annotations

import sys

from orch_dagster.spark.command import SubmitCommand

# An option of spark-submit for each list; further properties are given by --conf.
_LISTS = {
    "spark.submit.pyFiles": "--py-files",
    "spark.files": "--files",
    "spark.jars": "--jars",
    "spark.archives": "--archives",
}


def arguments(command: SubmitCommand) -> list[str]:
    """Return the arguments; on Windows with those that the properties would be elsewhere."""
    argv = list(command.argv)
    if sys.platform != "win32":
        return argv
    words: list[str] = []
    for name, value in command.properties.items():
        words += [_LISTS[name], value] if name in _LISTS else ["--conf", f"{name}={value}"]
    return [argv[0], *words, *argv[1:]]
