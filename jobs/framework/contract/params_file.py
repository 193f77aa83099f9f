"""The parameters file of a job, as the orchestrator writes it and the framework reads it."""

from __future__ import annotations

VERSION = 1
"""The `metadata.version` of this form; the framework refuses any other."""

WAREHOUSE_SUFFIX = ".warehouse"
"""The end of the name of a job's folder of tables, beside its parameter file."""
