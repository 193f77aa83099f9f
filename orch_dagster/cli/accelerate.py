"""orch accelerate: build the class-data archive with which drivers start faster."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial

import click

from orch_dagster.cli.output import console, say
from orch_dagster.errors import OrchError
from orch_dagster.files import create_private
from orch_dagster.settings import Settings, load_settings
from orch_dagster.spark.terminal import away_from_terminal
from orch_dagster.toolchain.class_data import (
    ClassData,
    DriverClasses,
    driver_classes,
    find_class_data,
    is_building,
    remove_class_data,
)
from orch_dagster.toolchain.find import JavaHome, SparkHome

_LOG = "accelerate.log"


@click.command()
@click.option("--remove", "is_removal", is_flag=True, help="Remove the archive instead.")
def accelerate(is_removal: bool) -> None:
    """Build an archive of Spark's classes (about 140 MB), with which jobs start in less time."""
    settings = load_settings()
    if is_removal:
        freed = remove_class_data(settings.state_dir)
        say(f"removed the archive, {freed / 1e6:.0f} MB" if freed else "there is no archive")
        return
    java, spark, classes = toolchain_classes(settings)
    found = find_class_data(settings.state_dir, classes)
    if found.state == "usable":
        say(f"unchanged: {found.text}")
        return
    build(settings, java, spark, classes)


def build(settings: Settings, java: JavaHome, spark: SparkHome, classes: DriverClasses) -> None:
    """Build the archive of a home, and say what it is.

    Raises:
        SparkError: If it can't be built.
    """
    from orch_dagster.sample.training import training_landing
    from orch_dagster.spark.class_data_build import build_class_data

    start = time.monotonic()
    with console.status("Landing the sample in a home of its own, to archive its classes …"):
        training = partial(training_landing, settings)
        build_class_data(settings.state_dir, java, spark, classes, training)
    found = find_class_data(settings.state_dir, classes)
    say(f"built in {time.monotonic() - start:.0f} s: {found.text}")


def build_beside(settings: Settings) -> None:
    """Start a build in a process that outlives this one, unless the home has an archive or can't.

    Nor does it where another build is under way. The process has a low priority, and what it says
    is in the folder of logs.
    """
    try:
        found = class_data_of(settings)
    except (OrchError, OSError):
        # What comes beside it needs Java and Spark too, and names what is missing.
        return
    if found.state not in ("missing", "stale") or is_building(settings.state_dir):
        return
    import psutil

    log = settings.logs_dir / _LOG
    create_private(log)
    with log.open("wb") as said:
        process = psutil.Popen(
            [sys.executable, "-m", "orch_dagster.cli", "accelerate"],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            **away_from_terminal(has_low_priority=True),
        )
    if sys.platform != "win32":
        with suppress(psutil.NoSuchProcess):
            process.nice(10)
    say(
        f"Beside it, an archive of Spark's classes is built (about 140 MB), with which later jobs "
        f"start in less time: {log} says how it went, `orch accelerate --remove` removes it"
    )


def toolchain_classes(settings: Settings) -> tuple[JavaHome, SparkHome, DriverClasses]:
    """Return Java, Spark, and the classes of a driver on this machine.

    Raises:
        SparkError: If Java or Spark is missing.
    """
    from orch_dagster.toolchain.find import find_java, find_spark, read_spark_defaults

    java, spark = find_java(os.environ), find_spark(os.environ)
    defaults = read_spark_defaults(spark, os.environ)
    return java, spark, driver_classes(settings.state_dir, java, spark, defaults, os.environ)


def class_data_of(settings: Settings) -> ClassData:
    """Return the state of a home's archive, as `orch doctor` shows it.

    Raises:
        SparkError: If Java or Spark is missing.
    """
    return find_class_data(settings.state_dir, toolchain_classes(settings)[2])
