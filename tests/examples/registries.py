"""Reads the examples' registry files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

EXAMPLES = Path(__file__).parents[2] / "examples"

Registry = dict[str, list[dict[str, Any]]]


def read_registry(example: str) -> Registry:
    """Rows by table name."""
    return yaml.safe_load((EXAMPLES / example / "registry.yaml").read_text(encoding="utf-8"))


def context_params(registry: Registry, job_id: str) -> dict[str, Any]:
    """The parsed context_params of a job."""
    (job,) = (job for job in registry["job_master"] if job["job_id"] == job_id)
    return json.loads(job["context_params"])
