"""A YARN for the tests of this folder, one after another, and a home whose date lands there."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

from orch_dagster.spark.yarn.gateway import YarnClient, YarnGateway
from tests.endurance.yarn.landings import Landing, landings
from tests.yarn_cluster import YarnCluster, yarn_cluster

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MEMORY_MB = 6144
# How soon the resource manager gives up a node that is silent; ten minutes by default.
_LOST_AFTER = {"yarn.nm.liveness-monitor.expiry-interval-ms": "30000"}


@pytest.fixture(scope="session")
def yarn(tmp_path_factory: pytest.TempPathFactory) -> Generator[YarnCluster]:
    """A YARN whose node sees nothing of the tests' folders."""
    hidden = [tmp_path_factory.getbasetemp()]
    with yarn_cluster(hidden, memory_mb=MEMORY_MB, more=_LOST_AFTER) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def client(yarn: YarnCluster) -> Iterator[YarnClient]:
    """A client of it, by a gateway of the tests' own."""
    gateway = YarnGateway.of({**os.environ, **yarn.environ})
    yield YarnClient(gateway)
    gateway.close()


@pytest.fixture(scope="session")
def _landing(
    yarn: YarnCluster,
    client: YarnClient,
    spark_application: SparkSession,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Landing]:
    with landings(yarn, client, spark_application, tmp_path_factory.mktemp("landing")) as made:
        yield made


@pytest.fixture
def landing(_landing: Landing) -> Iterator[Landing]:
    """A date that has landed, and lands again at the end, over all that was killed."""
    yield _landing
    # Of a test that failed, nothing goes on and no server is away.
    _landing.made.yarn.repair()
    _landing.made.close()
