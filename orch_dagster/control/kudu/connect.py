"""Choose a Kudu driver that this machine can load, and connect by it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from orch_dagster.control.kudu.address import Driver, KuduAddress
from orch_dagster.control.kudu.driver import KuduDriver
from orch_dagster.errors import SettingsError

_GLOG_LEVEL = "GLOG_minloglevel"


def choose_driver(address: KuduAddress) -> Driver:
    """Return the driver of the address, or the one that can be imported, native first.

    Raises:
        SettingsError: If no such driver is installed; the message says what to install.
    """
    candidates: tuple[Driver, ...] = (address.driver,) if address.driver else ("native", "jvm")
    reasons: list[str] = []
    for name in candidates:
        # Checking native loads its library, so only candidates are checked.
        reason = _native_error() if name == "native" else _jvm_error()
        if reason is None:
            return name
        # jvm is easier to install, so the message names it first.
        reasons.insert(0, reason)
    raise SettingsError(f"ORCH_CONTROL_URL: no driver for {address.text}: {'; or '.join(reasons)}")


def _native_error() -> str | None:
    if sys.platform == "win32":
        return "driver=native does not exist for Windows, take driver=jvm"
    try:
        with _quiet_glog():
            # Not kudu alone: any folder of that name on the path could be imported.
            importlib.import_module("kudu.client")
    except ImportError as error:
        return (
            f"driver=native needs the C++ client libkudu_client with its headers, then "
            f'pip install "orch_dagster[kudu-native]" ({error})'
        )
    return None


@contextmanager
def _quiet_glog() -> Generator[None]:
    """Silence the native client's warnings on stderr, which come as exceptions too.

    Its library reads the level when it loads; the variable is removed again, so that no child
    process inherits it.
    """
    if _GLOG_LEVEL in os.environ:
        yield
        return
    os.environ[_GLOG_LEVEL] = "2"
    try:
        yield
    finally:
        del os.environ[_GLOG_LEVEL]


def _jvm_error() -> str | None:
    if importlib.util.find_spec("jpype") is None:
        return 'driver=jvm needs a Java 17 and pip install "orch_dagster[kudu]"'
    return None


def open_driver(address: KuduAddress, driver: Driver, home: Path) -> KuduDriver:
    """Return a client of that kind; it connects at its first call.

    Raises:
        SparkError: If Java or the jar is missing.
        KuduCallError: If this process was forked from one that has a JVM.
    """
    if driver == "native":
        from orch_dagster.control.kudu.native import NativeDriver

        return NativeDriver(address)
    from orch_dagster.control.kudu.jvm import JvmDriver

    return JvmDriver(address, home)
