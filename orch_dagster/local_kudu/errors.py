"""The error of the local Kudu."""

from __future__ import annotations

from orch_dagster.errors import OrchError


class LocalKuduError(OrchError):
    """The local Kudu could not be started, stopped or inspected."""
