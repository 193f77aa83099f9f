from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orch_dagster.sample.contracts import write_extract
from tests.sample.local_spark import local_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BIZ_DT = date(2024, 5, 15)


@pytest.fixture(scope="package")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    with local_spark(tmp_path_factory.mktemp("spark")) as session:
        yield session


@pytest.fixture(scope="package")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root that holds the sample's extract of BIZ_DT."""
    root = tmp_path_factory.mktemp("root")
    write_extract(root, BIZ_DT)
    return root
