"""The class-data archive of the tests' JVMs, most of which live a few seconds.

It is one as `orch accelerate` builds it, so each call of the tests proves that too.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

from orch_dagster.sample.training import training_landing
from orch_dagster.settings import load_settings
from orch_dagster.spark.class_data_build import build_class_data
from orch_dagster.toolchain.class_data import (
    OPTION,
    DriverClasses,
    driver_classes,
    find_class_data,
)
from orch_dagster.toolchain.errors import SparkError
from orch_dagster.toolchain.find import JavaHome, SparkHome, find_java, find_spark

VARIABLE = "SPARK_SUBMIT_OPTS"


def classes_for(folder: Path) -> tuple[JavaHome, SparkHome, DriverClasses]:
    """Java, Spark, and the classes of a driver without a spark-defaults.conf."""
    java, spark = find_java(os.environ), find_spark(os.environ)
    return java, spark, driver_classes(folder, java, spark, {}, os.environ)


def archive_options(folder: Path) -> str:
    """The JVM's options that use the archive, which is built in `folder` where there is none.

    Empty where there is no Spark or no Java: the tests say so better than this. On Windows too,
    where Spark needs Hadoop's tools besides.
    """
    if sys.platform == "win32":
        return ""
    try:
        java, spark, classes = classes_for(folder)
    except SparkError:
        return ""
    if find_class_data(folder, classes).state != "usable":
        build_class_data(folder, java, spark, classes, partial(training_landing, load_settings()))
    return OPTION + os.pathsep.join(find_class_data(folder, classes).files)
