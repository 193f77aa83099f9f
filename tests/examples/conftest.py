from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.sample.local_spark import local_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PRISM_IN_PACKAGE = "chainladder/utils/data/prism.csv"


@pytest.fixture(scope="package")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    with local_spark(tmp_path_factory.mktemp("spark")) as session:
        # As in the examples' sys_params: what cannot be read fails.
        session.conf.set("spark.sql.ansi.enabled", "true")
        yield session


@pytest.fixture(scope="session")
def prism_csv() -> Path:
    """The claims file of PRISM_CSV, or of an installed chainladder, which is not imported."""
    path = _find_prism()
    if path is not None and path.is_file():
        return path
    reason = (
        f"no claims file at {path or PRISM_IN_PACKAGE}: "
        "pip install --no-deps chainladder==0.10.1, or set PRISM_CSV to the file"
    )
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _find_prism() -> Path | None:
    if named := os.environ.get("PRISM_CSV"):
        return Path(named)
    try:
        return Path(str(distribution("chainladder").locate_file(PRISM_IN_PACKAGE)))
    except PackageNotFoundError:
        return None
