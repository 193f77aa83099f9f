"""A YARN for the tests of this folder, which run one after another."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator

import pytest

from orch_dagster.spark.yarn.gateway import YarnClient, YarnGateway
from tests.yarn_cluster import YarnCluster, yarn_cluster


@pytest.fixture(scope="module")
def yarn(tmp_path_factory: pytest.TempPathFactory) -> Generator[YarnCluster]:
    """A YARN whose node sees nothing of the tests' folders."""
    with yarn_cluster([tmp_path_factory.getbasetemp()], memory_mb=6144) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def client(yarn: YarnCluster) -> Iterator[YarnClient]:
    """A client of it, by a gateway of the tests' own."""
    gateway = YarnGateway.of({**os.environ, **yarn.environ})
    yield YarnClient(gateway)
    gateway.close()
