"""README and guide: each command works as it is written, in a fresh copy of the repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orch_dagster.settings import REPOSITORY, Settings
from tests.docs.commands import commands_of, files_of
from tests.homes import Home

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

README = REPOSITORY / "README.md"
GUIDE = REPOSITORY / "docs" / "guide.md"


@pytest.mark.spark
def test_readme(checkout: Home) -> None:
    # What `make demo` does before it lands, without the virtual environment.
    checkout.orch("init", "--sample")
    commands = commands_of(README, after="## How to")
    assert len(commands) > 8
    for command in commands:
        checkout.line(command)
    statuses = [row["status"] for row in checkout.json("log")]
    assert statuses == ["Completed"] * 5


@pytest.mark.spark
def test_the_jobs_of_the_guide(checkout: Home, spark: SparkSession) -> None:
    checkout.orch("init")
    for name, content in files_of(GUIDE).items():
        file = checkout.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    for command in commands_of(GUIDE):
        checkout.line(command)
    landed = spark.read.orc(str(checkout.folder / "out" / "acme_customer"))
    text = landed.select([landed[name].cast("string") for name in landed.columns])
    assert sorted(tuple(row) for row in text.collect()) == [
        ("7", "Ada", "1843-10-01", "2024-05-15"),
        ("8", "Grace", "1944-07-02", "2024-05-15"),
    ]
    decades = spark.read.parquet(str(checkout.folder / "out" / "acme_decades" / "2024-05-15"))
    assert sorted(tuple(row) for row in decades.collect()) == [(1840, 1), (1940, 1)]
    assert "wrote 2 decades" in "".join(
        file.read_text(encoding="utf-8") for file in (checkout.folder / "logs").iterdir()
    )


def test_the_guide_has_every_setting_as_it_is_declared() -> None:
    """On a failure the table wanted is in the message."""
    rows = ["| variable | meaning | default |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        is_said = isinstance(field.default, str | int | float) and field.default != ""
        default = f"`{field.default}`" if is_said else ""
        rows.append(f"| ORCH_{name.upper()} | {field.description} | {default} |")
    table = "\n".join(rows)
    assert table in GUIDE.read_text(encoding="utf-8"), table
