"""What the test kit itself refuses; what a job raises reaches the test as it is."""

from __future__ import annotations

from orch_dagster.errors import OrchError


class KitError(OrchError):
    """The test asks for something that the kit can't do; the text says what to give instead."""
