"""A pytest plugin for authors of jobs: `pytest_plugins = ["orch_dagster.kit"]`.

docs/testing.md shows its use.
"""

from orch_dagster.testing.errors import KitError
from orch_dagster.testing.given import Given
from orch_dagster.testing.landing import Landing
from orch_dagster.testing.plugin import landing, landing_registry, landing_spark, pytest_configure
from orch_dagster.testing.result import Landed, Result

__all__ = [
    "Given",
    "KitError",
    "Landed",
    "Landing",
    "Result",
    "landing",
    "landing_registry",
    "landing_spark",
    "pytest_configure",
]
