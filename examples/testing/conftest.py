"""The fixture `landing`, and where it finds the rows of the jobs."""

from pathlib import Path

import pytest

pytest_plugins = ["orch_dagster.kit"]

EXAMPLES = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def landing_registry() -> list[Path]:
    """Files for `orch apply`."""
    return [EXAMPLES / "chain" / "registry.yaml"]
