"""Jobs land the same rows on each cluster, real claims of thirty days in one application."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orch_dagster.spark.yarn.gateway import YarnClient
from tests.equal_landings import assert_equal
from tests.yarn_cluster import YarnCluster

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DATES = 30


@pytest.mark.yarn
@pytest.mark.spark
@pytest.mark.alone
@pytest.mark.timeout(3600)
def test_the_same_rows_land_here_on_standalone_and_on_yarn(
    yarn: YarnCluster, client: YarnClient, spark: SparkSession, tmp_path: Path
) -> None:
    assert_equal(yarn, client, spark, tmp_path, DATES)
