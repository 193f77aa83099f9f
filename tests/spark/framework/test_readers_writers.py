from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from framework import get_spark, read_csv, read_orc, read_source, write_dataset, write_orc
from framework.errors import ParamsError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JOB_BASE_DIR", str(tmp_path))
    return tmp_path


def test_relative_paths_start_at_the_base(spark: SparkSession, root: Path) -> None:
    (root / "a b.csv").write_text("1;x\n2;y\n")
    rows = read_csv(spark, "a b.csv", schema="id INT, name STRING", options={"sep": ";"})
    write_orc(rows, "out/t", partition_cols=["id"])
    assert (root / "out" / "t" / "id=1").is_dir()
    assert sorted(tuple(row) for row in read_orc(spark, "out/t").collect()) == [
        ("x", "1"),
        ("y", "2"),
    ]


def test_writing_never_replaces_unless_told(spark: SparkSession) -> None:
    write_dataset(spark.range(3), "parquet", "p")
    with pytest.raises(Exception, match="PATH_ALREADY_EXISTS"):
        write_dataset(spark.range(2), "parquet", "p")
    write_dataset(spark.range(2), "parquet", "p", mode="overwrite")
    assert read_source(spark, "parquet", "p").count() == 2


def test_the_session_is_the_one_that_runs_and_is_logged(
    spark_application: SparkSession, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_FILE", str(root / "job.log"))
    assert get_spark() is spark_application
    assert spark_application.sparkContext.applicationId in (root / "job.log").read_text()


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("UTF-99", "names no character set of Java: 'UTF-99'; did you mean UTF-8?"),
        ("x-nobody", "has no character set 'x-nobody'"),
    ],
)
def test_a_character_set_that_java_has_not_is_refused_in_one_sentence(
    spark: SparkSession, root: Path, name: str, fault: str
) -> None:
    (root / "a.csv").write_text("1\n")
    rows = read_csv(spark, "a.csv", schema="id INT")
    with pytest.raises(ParamsError) as refused:
        read_csv(spark, "a.csv", schema="id INT", options={"encoding": name})
    assert f"{root.as_posix()}/a.csv: 1 problem" in str(refused.value)
    assert fault in str(refused.value)
    with pytest.raises(ParamsError) as refused:
        write_dataset(rows, "json", "out", options={"charset": name})
    assert fault in str(refused.value)
    assert not (root / "out").exists()
