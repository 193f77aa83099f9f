"""Say what to do where a job has waited for too long for its cluster."""

from __future__ import annotations

RAISE_LIMIT = "raise queue.minutes of sys_params if it may wait longer"
"""The remedy of a landing job."""

LOOK_AT_QUEUE = "look at its queue, and at what it asks of the cluster"
"""The remedy where nobody sets the limit."""
