"""What `orch check` can't see of a job, by its script and its Spark properties."""

from __future__ import annotations

from pathlib import Path

import pytest

from framework.contract.hql_finding import Unseen
from orch_dagster.spark.unseen import unseen_of

PLAIN = "import json\nfrom framework import run_landing\n\nrun_landing()\n"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "job.py"


def test_a_plain_script_adds_nothing(script: Path) -> None:
    script.write_text(PLAIN)
    assert unseen_of({"spark.sql.ansi.enabled": "true"}, script) == Unseen()


@pytest.mark.parametrize(
    "more",
    [
        "spark.udf.register('f', str)",
        "from framework import get_spark\nget_spark().sql('CREATE TEMPORARY FUNCTION f AS ..')",
        "rows.createOrReplaceTempView('t')",
        "import our_functions",
        "from .near import register",
        "from pyspark.sql import SparkSession",
        "def broken(",
    ],
)
def test_a_script_of_its_own_may_bring_functions_and_tables(script: Path, more: str) -> None:
    script.write_text(f"{PLAIN}{more}\n")
    unseen = unseen_of({}, script)
    assert unseen.functions == unseen.tables
    assert "the job's script job.py" in str(unseen.tables)
    assert "may bring it" in str(unseen.tables)


def test_a_script_elsewhere_may_bring_them() -> None:
    assert "not on this machine" in str(unseen_of({}, None).functions)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("spark.sql.catalogImplementation", "hive"),
        ("spark.sql.catalog.kudu", "org.example.Catalog"),
        ("spark.sql.extensions", "org.example.Extensions"),
    ],
)
def test_properties_may_bring_them(script: Path, name: str, value: str) -> None:
    script.write_text(PLAIN)
    assert unseen_of({name: value}, script) == Unseen(
        f"{name} may bring it", f"{name} may bring it"
    )
