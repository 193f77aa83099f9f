"""Check this machine: Java, Spark, Windows' tools, the folders and who may read them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from orch_dagster.cli.accelerate import class_data_of
from orch_dagster.cli.cluster_uses import CheckedPart, stored_params
from orch_dagster.control.connect import store_file
from orch_dagster.control.records import SysParam
from orch_dagster.control.sys_params import SPARK_TYPE
from orch_dagster.errors import OrchError
from orch_dagster.files import write_fault
from orch_dagster.settings import Settings
from orch_dagster.spark.windows_options import variable_faults
from orch_dagster.toolchain.find import find_java, find_spark, read_spark_defaults
from orch_dagster.toolchain.folder_check import folder_faults, open_to_others
from orch_dagster.toolchain.windows_paths import (
    UsedPath,
    java_home_path,
    path_faults,
    spark_home_path,
)
from orch_dagster.toolchain.windows_tools import LOCAL_FILES, missing_windows_tools


def machine_checks(settings: Settings) -> Iterator[CheckedPart]:
    """Yield what is found of Java, Spark, Windows' tools and the folders."""
    yield _checked("Java", _java_text)
    yield _checked("Spark", _spark_text)
    yield from _class_data(settings)
    yield from _windows_tools(settings)
    for problem in _tool_path_faults():
        yield "Folders", "missing", problem
    for problem in folder_faults(settings):
        yield "Folders", "missing", problem
    if fault := write_fault(settings.home):
        yield "Folders", "missing", fault
    yield from _rights(settings)


def _checked(name: str, describe: Callable[[], str]) -> CheckedPart:
    try:
        return name, "ok", describe()
    except OrchError as error:
        return name, "missing", str(error)


def _java_text() -> str:
    java = find_java(os.environ)
    return f"{java.version} at {java.home} (by {java.source})"


def _spark_text() -> str:
    spark = find_spark(os.environ)
    return f"{spark.version} at {spark.home} (by {spark.source})"


def _windows_tools(settings: Settings) -> Iterator[CheckedPart]:
    if sys.platform != "win32":
        return
    defaults: Mapping[str, str] = {}
    params: Sequence[SysParam] = ()
    # The checks of Spark and of the store name what can't be read.
    with suppress(OrchError, OSError):
        defaults = read_spark_defaults(find_spark(os.environ), os.environ)
    with suppress(OrchError, OSError):
        params = stored_params(settings)
    needs_library = not has_file_class(defaults, params)
    problems = missing_windows_tools(os.environ, platform=sys.platform, needs_library=needs_library)
    for problem in problems:
        yield "Hadoop for Windows", "missing", problem


def has_file_class(defaults: Mapping[str, str], params: Iterable[SysParam]) -> bool:
    """Return whether every job reads local files by a class that does without hadoop.dll.

    Args:
        defaults: The properties of spark-defaults.conf.
        params: The sys_params of the environment.
    """
    return bool(defaults.get(LOCAL_FILES)) or any(
        row.param_key == LOCAL_FILES and row.key_name == "*" and bool(row.param_value)
        for row in params
        if row.param_type == SPARK_TYPE
    )


def _tool_path_faults() -> Iterator[str]:
    """Yield what of Spark, Java, Python and the environment Spark's scripts for Windows misread."""
    if sys.platform != "win32":
        return
    used = [UsedPath("Python", sys.executable, is_in_blocks=True)]
    # The checks of Java and Spark name what can't be found.
    with suppress(OrchError):
        used.append(java_home_path(str(find_java(os.environ).home)))
    with suppress(OrchError):
        used.append(spark_home_path(str(find_spark(os.environ).home)))
    yield from path_faults(used)
    yield from variable_faults(os.environ)


def _class_data(settings: Settings) -> Iterator[CheckedPart]:
    try:
        found = class_data_of(settings)
    except (OrchError, OSError):
        # The checks of Java and of Spark name it.
        return
    state = "warning" if found.state == "stale" else "ok"
    yield "Class-data archive", state, found.text


def _rights(settings: Settings) -> Iterator[CheckedPart]:
    if sys.platform == "win32":
        text = "not checked on Windows: give ORCH_HOME itself to the user of Dagster alone"
        yield "Rights", "ok", text
        return
    folders = (settings.state_dir, settings.params_dir, settings.logs_dir)
    database = store_file(settings)
    problems = list(open_to_others(folders, [database] if database else []))
    for problem in problems:
        yield "Rights", "warning", problem
    if not problems:
        yield ("Rights", "ok", ".orch/, params/, logs/ and the control store's file are private")
