from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kudu_cluster import KuduCluster, kudu_cluster
from tests.store_places import STORES, PostgresServer, StorePlace, postgres_binaries


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for all tests that ask for it."""
    binaries = postgres_binaries()
    assert binaries is not None
    server = PostgresServer(binaries)
    yield server
    server.close()


@pytest.fixture(scope="session")
def kudu_of_three() -> Iterator[KuduCluster]:
    """Three masters and three tablet servers."""
    with kudu_cluster(masters=3, tservers=3) as cluster:
        yield cluster


@pytest.fixture(
    params=[
        pytest.param(name, marks=[pytest.mark.kudu] if name.startswith("kudu") else [])
        for name in sorted({*STORES} - {"sqlite"})
    ]
)
def place(request: pytest.FixtureRequest) -> Iterator[StorePlace]:
    """An empty place for each kind of server."""
    made = STORES[request.param](request)
    yield made
    made.close()
