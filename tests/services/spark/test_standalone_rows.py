"""Jobs land the same rows on a standalone cluster, from HDFS and to it, as they land here."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.equal_landings import EqualLandings, landed_here
from tests.hdfs_cluster import copy_to_hdfs, hdfs_cluster
from tests.standalone_cluster import Standalone

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.yarn
@pytest.mark.spark
@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0,
    reason="a worker elsewhere needs Linux's namespaces, and root",
)
# Five applications, and five here if no other test process has landed them.
@pytest.mark.timeout(1200)
def test_the_same_rows_land_on_a_standalone_cluster_as_here(
    spark: SparkSession, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Its worker sees nothing of the home."""
    here = landed_here(spark, tmp_path_factory)
    landings = EqualLandings(tmp_path / "home")
    home = landings.home
    with hdfs_cluster() as hdfs, Standalone(tmp_path, [home.folder], cores=3) as standalone:
        root = f"{hdfs.url}/equal"
        (tmp_path / "core-site.xml").write_text("<configuration/>")
        copy_to_hdfs(home.folder / "data", f"{root}/data", tmp_path)
        home.environ |= {
            "ORCH_DATA_ROOT": root,
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_HOSTNAME": "localhost",
        }
        properties = {
            "spark.master": f"spark://{standalone.address}",
            "spark.ui.enabled": "false",
            "spark.executor.memory": "512m",
            "spark.driver.memory": "512m",
            # One that takes all would keep the others waiting.
            "spark.cores.max": "1",
        }
        home.set_params(properties, {})
        landed = landings.land(spark, root)
    assert landed.hashes == here
    assert all(each.startswith("app-") for each in landed.applications)
