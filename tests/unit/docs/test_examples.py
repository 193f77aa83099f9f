"""Rows that pages show: their tables and columns exist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from orch_dagster.control.tables import TABLE_BY_NAME
from orch_dagster.settings import REPOSITORY

PAGES = sorted((REPOSITORY / "docs").rglob("*.md"))
_YAML = re.compile(r"^```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_the_rows_of_the_pages_are_those_of_the_tables() -> None:
    shown = [document for page in PAGES for document in rows_of(page)]
    assert len(shown) > 5
    assert [fault for document in shown for fault in unknown(document)] == []


@pytest.mark.parametrize(
    ("document", "faults"),
    [
        ({"job_master": [{"job_id": "JOB_1", "comments": ""}]}, []),
        ({"job_master": [{"job_id": "JOB_1", "comment": ""}]}, ["job_master: comment"]),
        ({"jobs": []}, ["jobs"]),
    ],
)
def test_an_unknown_name_is_found(document: Mapping[str, Any], faults: list[str]) -> None:
    assert list(unknown(document)) == faults


def rows_of(page: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the YAML of a page that is for `orch apply`; a block of context_params is not."""
    for match in _YAML.finditer(page.read_text(encoding="utf-8")):
        document = yaml.safe_load(match[1])
        if set(document) != {"sources"}:
            yield document


def unknown(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the tables and columns of a document that there are not."""
    for name, rows in document.items():
        table = TABLE_BY_NAME.get(name)
        if table is None:
            yield name
            continue
        for row in rows:
            yield from (f"{name}: {column}" for column in row if column not in table.names)
