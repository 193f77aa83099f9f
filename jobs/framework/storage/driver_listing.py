"""Let the driver list the files of a path of its machine, which executors may not see."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from framework.contract.paths import is_local

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Above this number of folders, Spark has executors list them.
_LISTED_BY_DRIVER = "spark.sql.sources.parallelPartitionDiscovery.threshold"
_MOST = 2**31 - 1


def is_apart(spark: SparkSession, location: str) -> bool:
    """Return whether executors may see other files at a location than the driver does."""
    return is_local(location) and not str(spark.sparkContext.master).startswith("local")


@contextmanager
def listed_by_driver(spark: SparkSession, location: str) -> Generator[None]:
    """Let the driver list a location in a block, if executors may find nothing there.

    A file that an executor then does not find fails the read.
    """
    if not is_apart(spark, location):
        yield
        return
    before = spark.conf.get(_LISTED_BY_DRIVER, None)
    spark.conf.set(_LISTED_BY_DRIVER, str(_MOST))
    try:
        yield
    finally:
        if before is None:
            spark.conf.unset(_LISTED_BY_DRIVER)
        else:
            spark.conf.set(_LISTED_BY_DRIVER, before)
