"""Jobs land the same rows on each cluster.

EQUAL_DATES is how many dates of claims one application lands (3).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orch_dagster.spark.yarn.gateway import YarnClient
from tests.equal_landings import assert_equal
from tests.yarn_cluster import YarnCluster

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DATES = int(os.environ.get("EQUAL_DATES", "3"))


@pytest.mark.yarn
@pytest.mark.spark
# Twenty applications.
@pytest.mark.timeout(1800)
def test_the_same_rows_land_here_on_standalone_and_on_yarn(
    yarn: YarnCluster, client: YarnClient, spark: SparkSession, tmp_path: Path
) -> None:
    assert_equal(yarn, client, spark, tmp_path, DATES)
