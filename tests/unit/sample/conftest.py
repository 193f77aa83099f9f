from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from orch_dagster.sample.contracts import write_extract

BIZ_DT = date(2024, 5, 15)


@pytest.fixture(scope="package")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root that holds the sample's extract of BIZ_DT."""
    root = tmp_path_factory.mktemp("root")
    write_extract(root, BIZ_DT)
    return root
