"""Talks to YARN and to Hadoop's file systems, by the Java clients of Spark's own jars; a program.

    python gateway_script.py --java JAVA --class-path PATH --parent PID
    python gateway_script.py --java JAVA --class-path PATH --end TAG --within SECONDS --request JSON

The first serves: a request is a line of JSON on stdin, {"id": N, "call": NAME, "arguments": {...}},
and its answer one on stdout, {"id": N, "result": ...} or {"id": N, "error": {"kind", "message"}}.
Requests are answered side by side, those of each login and cluster in threads of their own: one
that is away delays nobody who asks another. It ends with its stdin, or with the process that
started it, and first ends the applications of the tags that it guards for that process (`guard`,
`release`).

The second ends the applications of a tag, for a supervisor whose orchestrator is dead. Its exit
code is 0 if all of them have ended.

The resource manager is spoken to as Hadoop's configuration says (HADOOP_CONF_DIR, on the class
path), so that its high availability, Kerberos and TLS hold. There is no SparkContext. A request may
name a principal and its keytab; requests of each such login have a JVM of their own, as Hadoop's
clients have one user in a JVM. The program imports py4j, which comes with pyspark, and of this
package what answers (gateway_server.py, hadoop.py, hadoop_jvm.py).
"""

from __future__ import annotations

import argparse
import json
import os
import select
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

_PARENT_CHECK_S = 1.0


def requests_of(parent: int | None, stdin: int) -> Iterator[bytes]:
    """Yield the lines of stdin until it ends, or the process that writes them is dead.

    A fork of that process may hold stdin open. What it wrote before its death is yielded first.
    """
    if parent is None or sys.platform == "win32":
        with open(stdin, "rb", closefd=False) as lines:
            yield from lines
        return
    pending = b""
    while True:
        is_dead = os.getppid() != parent
        readable, _, _ = select.select([stdin], [], [], 0 if is_dead else _PARENT_CHECK_S)
        if not readable and is_dead:
            return
        if not readable:
            continue
        chunk = os.read(stdin, 65536)
        if not chunk:
            return
        *lines, pending = (pending + chunk).split(b"\n")
        yield from lines


def main(arguments: Sequence[str]) -> int:
    """Run as a program; return the exit code."""
    parser = argparse.ArgumentParser(description="Talk to YARN and Hadoop's file systems.")
    parser.add_argument("--java", required=True, help="the java program")
    parser.add_argument("--class-path", required=True, help="Hadoop's configuration, Spark's jars")
    parser.add_argument("--parent", type=int, help="the process with which this one ends")
    parser.add_argument("--end", help="the tag of the applications to end")
    parser.add_argument("--within", type=float, default=60.0, help="seconds for their end")
    parser.add_argument("--request", default="{}", help="JSON: properties, staging, login, why")
    options = parser.parse_args(arguments)
    # Isolated, as it is started, Python does not look for the package beside this file.
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    from orch_dagster.spark.yarn.gateway_server import Server
    from orch_dagster.spark.yarn.hadoop import OVER

    server = Server(options.java, options.class_path)
    if options.end:
        request = json.loads(options.request)
        cluster = server.cluster(
            request.get("properties") or {}, request.get("staging"), request.get("login")
        )
        why = request.get("why") or "its orchestrator is dead"
        ended = cluster.end(options.end, why, options.within)
        print(json.dumps(ended), flush=True)  # noqa: T201 - its result
        return int(any(each["state"] not in OVER for each in ended))
    server.serve(requests_of(options.parent, sys.stdin.fileno()))
    return 0


if __name__ == "__main__":
    exit_code = main(sys.argv[1:])
    sys.stdout.flush()
    # Threads of py4j may still wait.
    os._exit(exit_code)
