"""Reads the examples' registry files."""

from __future__ import annotations

from typing import Any

import yaml

from orch_dagster.settings import REPOSITORY

EXAMPLES = REPOSITORY / "examples"


def read_registry(example: str) -> dict[str, list[dict[str, Any]]]:
    """Rows by table name."""
    return yaml.safe_load((EXAMPLES / example / "registry.yaml").read_text(encoding="utf-8"))
