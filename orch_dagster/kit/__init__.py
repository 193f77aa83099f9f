"""A pytest plugin for those who write jobs: `pytest_plugins = ["orch_dagster.kit"]`.

docs/testing.md shows its use.
"""

from orch_dagster.kit.errors import KitError
from orch_dagster.kit.given import Given
from orch_dagster.kit.landing import Landing
from orch_dagster.kit.plugin import landing, landing_registry, landing_spark, pytest_configure
from orch_dagster.kit.result import Landed, Result

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
