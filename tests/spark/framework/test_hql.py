from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from framework.errors import HqlError
from framework.hql import exec_hql, load_script

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def sql_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JOB_SQL_DIR", str(tmp_path / "hql"))
    (tmp_path / "hql").mkdir()
    return tmp_path / "hql"


def write(sql_dir: Path, text: str) -> str:
    (sql_dir / "x.hql").write_text(text, encoding="utf-8")
    return "x.hql"


@pytest.mark.spark
def test_spark_fills_variables_in_and_the_session_is_left_as_it_was(
    spark: SparkSession, sql_dir: Path
) -> None:
    spark.conf.set("entity", "before")
    hql = write(sql_dir, "SELECT '${hivevar:biz_dt}' a, '${entity}' b, '${hiveconf:biz_dt};' c")
    (row,) = exec_hql(spark, hql, {"biz_dt": "2024-05-15", "entity": "INS"}).collect()
    assert tuple(row) == ("2024-05-15", "INS", "2024-05-15;")
    assert spark.conf.get("biz_dt", None) is None
    assert spark.conf.get("entity") == "before"
    spark.conf.unset("entity")


@pytest.mark.spark
def test_the_last_statement_counts_and_set_works(spark: SparkSession, sql_dir: Path) -> None:
    hql = write(
        sql_dir,
        "\ufeffSET lowest = 2;\n"
        "CREATE OR REPLACE TEMP VIEW v AS SELECT * FROM VALUES (1), (2), (3) AS t(x);\n"
        "SELECT x FROM v WHERE x >= ${lowest} -- ${ignored}\n;\n-- end",
    )
    assert [row.x for row in exec_hql(spark, hql).orderBy("x").collect()] == [2, 3]


@pytest.mark.spark
def test_all_unset_variables_are_refused_at_once(spark: SparkSession, sql_dir: Path) -> None:
    hql = write(
        sql_dir,
        "SELECT '${hivevar:biz_dt}',\n '${hivevar:bizdt}';\n"
        "SELECT '${env:ORCH_NO_SUCH}${env:PATH}',\n'${system:no.such}'",
    )
    with pytest.raises(HqlError) as refused:
        exec_hql(spark, hql, {"biz_dt": "2024-05-15"})
    assert (refused.value.file, refused.value.line) == (str(sql_dir / "x.hql"), 2)
    assert (
        "not set: ${hivevar:bizdt} (line 2), ${env:ORCH_NO_SUCH} (line 3), "
        "${system:no.such} (line 4). Set here: biz_dt"
    ) in str(refused.value)


@pytest.mark.spark
def test_a_value_that_could_end_its_string_is_refused(spark: SparkSession, sql_dir: Path) -> None:
    hql = write(sql_dir, "SELECT 1,\n'${entity}' x")
    with pytest.raises(HqlError, match=r"x\.hql:2: the value of \$\{entity\} could change"):
        exec_hql(spark, hql, {"entity": "a' OR '1'='1"})


@pytest.mark.spark
def test_substitution_that_is_switched_off_is_refused(spark: SparkSession, sql_dir: Path) -> None:
    hql = write(sql_dir, "SELECT '${entity}' x")
    spark.conf.set("spark.sql.variable.substitute", "false")
    try:
        with pytest.raises(HqlError, match=r"unset spark\.sql\.variable\.substitute"):
            exec_hql(spark, hql, {"entity": "INS"})
    finally:
        spark.conf.unset("spark.sql.variable.substitute")


@pytest.mark.spark
@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("SELECT 1;\n\n-- c\nSELECT 1,\n  ,2", 5, "PARSE_SYNTAX_ERROR"),
        ("SELECT 1;\n\nSELECT 1\nFROM nowhere", 4, "TABLE_OR_VIEW_NOT_FOUND"),
        ("SELECT 'never closed", 1, "PARSE"),
        ("SELECT 1;\n/* c */ CREATE TEMP VIEW only AS SELECT 1", 2, "returns no rows to land"),
    ],
)
def test_refused_statements_name_the_line_of_the_file(
    spark: SparkSession, sql_dir: Path, text: str, line: int, problem: str
) -> None:
    hql = write(sql_dir, text)
    with pytest.raises(HqlError) as refused:
        exec_hql(spark, hql)
    assert refused.value.line == line
    assert str(refused.value).startswith(f"{sql_dir / 'x.hql'}:{line}: ")
    assert problem in str(refused.value)


@pytest.mark.spark
def test_the_cause_is_kept(spark: SparkSession, sql_dir: Path) -> None:
    from pyspark.errors import AnalysisException

    with pytest.raises(HqlError) as refused:
        exec_hql(spark, write(sql_dir, "SELECT nope"))
    assert isinstance(refused.value.__cause__, AnalysisException)


def test_a_missing_file_names_every_place(sql_dir: Path) -> None:
    with pytest.raises(HqlError) as refused:
        load_script("sub/none.hql")
    assert str(sql_dir / "sub" / "none.hql") in str(refused.value)
    assert str(Path.cwd() / "none.hql") in str(refused.value)


def test_a_shipped_file_is_found_in_the_working_folder(
    tmp_path: Path, sql_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "y.hql").write_text("SELECT 1")
    assert load_script("sub/y.hql").file == str(tmp_path / "y.hql")


@pytest.mark.parametrize(
    ("content", "problem"), [(b"-- nothing;", "no statement"), (b"\xff", "can't be read")]
)
def test_a_useless_file_is_refused(sql_dir: Path, content: bytes, problem: str) -> None:
    (sql_dir / "x.hql").write_bytes(content)
    with pytest.raises(HqlError, match=problem):
        load_script("x.hql")
