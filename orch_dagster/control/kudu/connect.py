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
    """The driver of the address; where it names none, native if it can be imported, else jvm.

    Raises:
        SettingsError: What to install, where the one wanted or both are missing.
    """
    wanted: tuple[Driver, ...] = (address.driver,) if address.driver else ("native", "jvm")
    whys: list[str] = []
    for name in wanted:
        # Only the one in question: to look at the native client loads its library.
        why = _why_no_native() if name == "native" else _why_no_jvm()
        if why is None:
            return name
        # The one that is easier to install comes last in the search and first in the advice.
        whys.insert(0, why)
    raise SettingsError(f"ORCH_CONTROL_URL: no driver for {address.text}: {'; or '.join(whys)}")


def _why_no_native() -> str | None:
    if sys.platform == "win32":
        return "driver=native does not exist for Windows, take driver=jvm"
    try:
        with _quiet_glog():
            # A folder called kudu on the path would pass for the package itself.
            importlib.import_module("kudu.client")
    except ImportError as error:
        return (
            f"driver=native needs the C++ client libkudu_client with its headers, then "
            f"pip install 'orch_dagster[kudu-native]' ({error})"
        )
    return None


@contextmanager
def _quiet_glog() -> Generator[None]:
    """What the native client warns of on stderr comes as exceptions too.

    Its library reads the level when it loads; no child of this process is to inherit it.
    """
    if _GLOG_LEVEL in os.environ:
        yield
        return
    os.environ[_GLOG_LEVEL] = "2"
    try:
        yield
    finally:
        del os.environ[_GLOG_LEVEL]


def _why_no_jvm() -> str | None:
    if importlib.util.find_spec("jpype") is None:
        return "driver=jvm needs a Java 17 and pip install 'orch_dagster[kudu]'"
    return None


def open_driver(address: KuduAddress, driver: Driver, home: Path) -> KuduDriver:
    """A client of that kind, connected at its first call.

    Raises:
        SparkError: No Java, or no jar, to start it with.
        KuduCallError: This process was forked from one that has a JVM.
    """
    if driver == "native":
        from orch_dagster.control.kudu.native import NativeDriver

        return NativeDriver(address)
    from orch_dagster.control.kudu.jvm import JvmDriver

    return JvmDriver(address, home)
