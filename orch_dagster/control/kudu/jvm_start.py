"""The one JVM of a process, started with what Kudu's Java client needs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from threading import Lock
from typing import Any

from orch_dagster.control.kudu.driver import KuduCallError
from orch_dagster.toolchain.find import find_java, find_spark
from orch_dagster.toolchain.jars import kudu_jar

_STARTING = Lock()
_JVM_LIBRARY = {"win32": "bin/server/jvm.dll", "darwin": "lib/server/libjvm.dylib"}

_started_in: int | None = None


def refuse_after_fork(pid: int | None) -> None:
    """Refuse what was made in another process; None: nothing was.

    Raises:
        KuduCallError: This process was forked from that one.
    """
    if pid is not None and pid != os.getpid():
        raise KuduCallError(
            f"Illegal state: this process was forked from {pid}, whose Java client it cannot use: "
            f"start processes by spawn, or take driver=native"
        )


def running_jvm(home: Path) -> Any:
    """JPype with a JVM that has Kudu's client; started once in a process.

    Args:
        home: ORCH_HOME, where the jar is kept.

    Raises:
        SparkError: No Java 17, or no jar and no way to fetch it.
        KuduCallError: This process was forked from one whose JVM runs.
    """
    global _started_in
    import jpype

    with _STARTING:
        refuse_after_fork(_started_in)
        if _started_in is not None:
            return jpype
        classpath = [str(kudu_jar(home, os.environ)), str(_slf4j())]
        if jpype.isJVMStarted():
            # Somebody else's: it takes our jars, and keeps its own ways with signals.
            for jar in classpath:
                jpype.addClassPath(jar)
        else:
            java = find_java(os.environ)
            library = java.home / _JVM_LIBRARY.get(sys.platform, "lib/server/libjvm.so")
            # -Xrs: Ctrl-C and TERM are Python's.
            jpype.startJVM(str(library), "-Xrs", "-XX:+UseSerialGC", classpath=classpath)
            _start_logging_silently(jpype)
        _started_in = os.getpid()
    return jpype


def _slf4j() -> Path:
    """The interface of logging that the client wants, from Spark's own jars."""
    return max((find_spark(os.environ).home / "jars").glob("slf4j-api-*.jar"))


def _start_logging_silently(jpype: Any) -> None:
    """Without a logger SLF4J says so on stderr at its start; what matters comes as exceptions."""
    system = jpype.JClass("java.lang.System")
    stderr = system.err
    system.setErr(
        jpype.JClass("java.io.PrintStream")(jpype.JClass("java.io.OutputStream").nullOutputStream())
    )
    try:
        jpype.JClass("org.slf4j.LoggerFactory").getILoggerFactory()
    finally:
        system.setErr(stderr)
