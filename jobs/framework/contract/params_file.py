"""The parameters file of a job, as the orchestrator writes it and the framework reads it."""

from __future__ import annotations

VERSION = 1
"""What `metadata.version` is: another number is another form, which the framework refuses."""
