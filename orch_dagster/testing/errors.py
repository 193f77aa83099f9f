"""The error of the test kit; a job's own exceptions reach the test unchanged."""

from __future__ import annotations

from orch_dagster.errors import OrchError


class KitError(OrchError):
    """The test asks for something that the kit can't do; the text has the remedy."""
