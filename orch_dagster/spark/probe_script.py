"""Says what the nodes of a cluster have; a program for spark-submit, of Spark's own Python alone.

    probe_script.py TARGET DATA_ROOT TASKS

TARGET is a file of any of Hadoop's file systems, which gets the findings as JSON; TASKS is how many
tasks look at the nodes. A finding that could not be had is an exception's text.
"""

from __future__ import annotations

import json
import platform
import re
import socket
import sys
from collections.abc import Callable
from typing import Any

# For any Python 3, as which one it is is the question.
_LOOK = """
import json, os, platform, socket, sys
print(json.dumps({"host": socket.gethostname(), "version": platform.python_version(),
    "path": sys.executable, "sees": os.path.isdir(sys.argv[1])}))
"""


def main(target: str, data_root: str, tasks: int) -> None:
    """Look at the nodes, and write what was found."""
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.builder
    spark = builder.getOrCreate()
    context = spark.sparkContext
    is_url = re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", data_root) is not None

    def nodes() -> list[dict[str, Any]]:
        # By the JVM, so that a Python that pyspark refuses is described too.
        command = [context.pythonExec, "-c", _LOOK, data_root]
        lines = context.parallelize(range(tasks), tasks)._jrdd.pipe(command).collect()
        return [json.loads(line) for line in sorted(set(lines))]

    def workers() -> list[str]:
        hosts = context.parallelize(range(tasks), tasks).map(_host).collect()
        return sorted(set(hosts))

    def sees() -> bool:
        path = context._jvm.org.apache.hadoop.fs.Path(data_root)
        return bool(path.getFileSystem(context._jsc.hadoopConfiguration()).exists(path))

    looks: dict[str, Callable[[], object]] = {"nodes": nodes, "workers": workers}
    if is_url:
        looks["sees"] = sees
    found: dict[str, object] = {
        "driver": {
            "host": socket.gethostname(),
            "version": platform.python_version(),
            "path": sys.executable,
        }
    }
    for name, look in looks.items():
        try:
            found[name] = look()
        except Exception as error:  # noqa: BLE001 - of Spark or Java: it is the finding
            found[name] = f"{type(error).__name__}: {error}"
    path = context._jvm.org.apache.hadoop.fs.Path(target)
    stream = path.getFileSystem(context._jsc.hadoopConfiguration()).create(path, True)
    stream.write(bytearray(json.dumps(found).encode()))
    stream.close()
    spark.stop()


def _host(_: int) -> str:
    return socket.gethostname()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
