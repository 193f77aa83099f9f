"""Jobs land the same rows on YARN, from HDFS and to it, as they land here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from orch_dagster.spark.yarn.gateway import YarnClient
from tests.equal_landings import EqualLandings, landed_here
from tests.yarn_cluster import YarnCluster
from tests.yarn_homes import on_cluster, put

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# So small that the node has room for three applications, or nearly.
SMALL = {
    "spark.driver.memoryOverhead": "128m",
    "spark.executor.memoryOverhead": "128m",
    "spark.yarn.am.memory": "256m",
    "spark.yarn.am.memoryOverhead": "128m",
}


@pytest.fixture(scope="module")
def root(yarn: YarnCluster) -> str:
    return f"{yarn.url}/equal"


@pytest.fixture(scope="module")
def landings(
    yarn: YarnCluster, root: str, tmp_path_factory: pytest.TempPathFactory
) -> EqualLandings:
    """A home of whose folders no node sees anything, its data on HDFS."""
    made = EqualLandings(tmp_path_factory.mktemp("equal") / "home")
    put(yarn, made.home.folder / "data", f"{root}/data")
    return made


@pytest.mark.yarn
@pytest.mark.spark
# Five applications, and five here if no other test process has landed them.
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("mode", ["client", "cluster"])
def test_the_same_rows_land_on_yarn_as_here(
    mode: Literal["client", "cluster"],
    landings: EqualLandings,
    root: str,
    yarn: YarnCluster,
    client: YarnClient,
    spark: SparkSession,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    here = landed_here(spark, tmp_path_factory)
    # It finds nothing to replace, so that nothing of the other mode can stay.
    client.delete(f"{root}/out")
    on_cluster(landings.home, yarn, root, mode, SMALL)
    landed = landings.land(spark, root)
    assert landed.hashes == here
    assert all(each.startswith("application_") for each in landed.applications)
