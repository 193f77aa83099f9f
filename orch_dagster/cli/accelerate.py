"""orch accelerate: build the class-data archive with which drivers start faster."""

from __future__ import annotations

import os
import time
from functools import partial

import click

from orch_dagster.cli.output import console, say
from orch_dagster.settings import Settings, load_settings
from orch_dagster.toolchain.class_data import (
    ClassData,
    DriverClasses,
    driver_classes,
    find_class_data,
    remove_class_data,
)
from orch_dagster.toolchain.find import JavaHome, SparkHome


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
