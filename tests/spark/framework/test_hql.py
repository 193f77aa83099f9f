from __future__ import annotations

import os
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
def test_the_last_query_counts_and_set_works(spark: SparkSession, sql_dir: Path) -> None:
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
        ("SET a = 1;\n/* c */ CREATE TEMP VIEW only AS SELECT 1;\nSHOW VIEWS", 3, "is a query"),
        ("SELECT 1;\nSET a = 1;\nSELEC 2", 3, "PARSE_SYNTAX_ERROR"),
        ("SELECT 1;\nDROP TABLE nowhere_at_all", 2, "TABLE_OR_VIEW_NOT_FOUND"),
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


QUERIES = [
    "WITH a AS (SELECT 7 x) SELECT x FROM a",
    "FROM one SELECT x",
    "VALUES (7)",
    "TABLE one",
    "SELECT x FROM one WHERE x < 7 UNION ALL (SELECT x FROM one)",
    "-- the rows\n(SELECT x FROM one)",
]
COMMANDS = [
    "SET spark.sql.shuffle.partitions=3",
    "SET spark.sql.shuffle.partitions",
    "SET",
    "SHOW VIEWS",
    "DESCRIBE one",
    "DESCRIBE QUERY SELECT 8",
    "EXPLAIN SELECT 8",
    "CREATE OR REPLACE TEMP VIEW later AS SELECT 8 x",
    "CACHE TABLE kept AS SELECT 8 x; UNCACHE TABLE kept; DROP VIEW kept",
    "INSERT INTO {table} SELECT 8",
    "WITH a AS (SELECT 8 x) INSERT INTO {table} SELECT x FROM a",
    "FROM one INSERT INTO {table} SELECT x INSERT INTO {table} SELECT x + 1",
    "INSERT OVERWRITE DIRECTORY '{folder}' USING json SELECT 8",
    "DROP TABLE IF EXISTS nowhere",
    "DROP VIEW one",
    "RESET spark.sql.shuffle.partitions",
    "RESET",
    "REFRESH TABLE {table}",
    "-- a comment",
]


@pytest.mark.spark
@pytest.mark.parametrize("query", QUERIES)
def test_each_kind_of_query_is_a_result(spark: SparkSession, sql_dir: Path, query: str) -> None:
    one = "CREATE TEMP VIEW one AS SELECT 7 x"
    hql = write(sql_dir, f"{one};\nSELECT 1 y;\n{query};\nSET a = 1;\n-- end\n")
    assert [tuple(row) for row in exec_hql(spark, hql).collect()] == [(7,)]


@pytest.mark.spark
def test_no_command_after_the_query_is_a_result(
    spark: SparkSession, sql_dir: Path, tmp_path: Path
) -> None:
    """One file for each, as most share what a session and a table cost."""
    spark.sql("CREATE TABLE commands_after (x INT) USING json")
    try:
        for command in COMMANDS:
            filled = command.format(table="commands_after", folder=(tmp_path / "d").as_posix())
            text = f"CREATE OR REPLACE TEMP VIEW one AS SELECT 7 x; SELECT x FROM one; {filled}"
            rows = exec_hql(spark, write(sql_dir, text)).collect()
            assert [tuple(row) for row in rows] == [(7,)], command
        assert sorted(row.x for row in spark.table("commands_after").collect()) == [7, 8, 8, 8]
        assert [path.name for path in (tmp_path / "d").glob("*.json")]
    finally:
        spark.sql("DROP TABLE commands_after")


@pytest.mark.spark
def test_commands_after_the_query_neither_break_nor_change_its_rows(
    spark: SparkSession, sql_dir: Path
) -> None:
    hql = write(
        sql_dir,
        "CREATE TABLE staged_once USING orc AS SELECT '${hivevar:biz_dt}' d;\n"
        "SELECT d, current_timezone() z FROM staged_once;\n"
        "DROP TABLE staged_once;\nSET spark.sql.session.timeZone = Asia/Tokyo;\n"
        "CREATE TEMP VIEW after AS SELECT '${biz_dt}' d",
    )
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    rows = exec_hql(spark, hql, {"biz_dt": "2024-05-15"})
    assert [tuple(row) for row in rows.collect()] == [("2024-05-15", "UTC")]
    assert not spark.catalog.tableExists("staged_once")
    assert [row.d for row in spark.table("after").collect()] == ["2024-05-15"]


@pytest.mark.spark
def test_nothing_runs_in_a_file_that_is_refused(spark: SparkSession, sql_dir: Path) -> None:
    for text in ("CREATE TEMP VIEW ran AS SELECT 1", "CREATE TEMP VIEW ran AS SELECT 1; SELEC 2"):
        with pytest.raises(HqlError):
            exec_hql(spark, write(sql_dir, text))
        assert not spark.catalog.tableExists("ran")


@pytest.mark.spark
@pytest.mark.parametrize(
    "setting", ["hivevar:cutoff", "hiveconf:cutoff", "cutoff", "`hivevar:cutoff`"]
)
@pytest.mark.parametrize("used", ["hivevar:cutoff", "hiveconf:cutoff", "cutoff"])
def test_a_script_sets_variables(
    spark: SparkSession, sql_dir: Path, setting: str, used: str
) -> None:
    hql = write(
        sql_dir,
        f"-- from\nset {setting}=2024-01-01;\n"
        f"SET hivevar:text = '${{{used}}}';\nSELECT '${{{used}}}' a, ${{text}} b",
    )
    assert [tuple(r) for r in exec_hql(spark, hql).collect()] == [("2024-01-01", "2024-01-01")]


@pytest.mark.spark
def test_a_script_may_set_a_variable_of_the_run_for_itself(
    spark: SparkSession, sql_dir: Path
) -> None:
    hql = write(sql_dir, "SELECT '${d}' a; SET hivevar:d=2; SELECT '${d}' a")
    assert [row.a for row in exec_hql(spark, hql, {"d": "1"}).collect()] == ["2"]
    assert spark.conf.get("d", None) is None


@pytest.mark.spark
@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("SELECT '${hivevar:c}';\nSET hivevar:c=1", 1, r"not set: \$\{hivevar:c\} \(line 1\)"),
        ("SET hivevar:d=1;\n\nSELECT '${hivevar:c}'", 3, r"not set: \$\{hivevar:c\}"),
        ("SET hivevar:c=${c};\nSELECT '${c}'", 1, r"not set: \$\{c\}"),
        ("SET c=1;\nRESET;\nSELECT\n'${c}'", 4, r"not set any more, by RESET: \$\{c\}"),
        ("SELECT 1;\nSET system:user.name=x", 2, "SET system:user.name has no effect"),
        ("SET env:HOME=x;\nSELECT 1", 1, r"write SET hivevar:HOME=\.\."),
    ],
)
def test_a_variable_that_would_be_empty_is_refused(
    spark: SparkSession, sql_dir: Path, text: str, line: int, problem: str
) -> None:
    with pytest.raises(HqlError, match=problem) as refused:
        exec_hql(spark, write(sql_dir, text))
    assert refused.value.line == line


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


def test_further_folders_are_searched_in_their_order(
    tmp_path: Path, sql_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
        (folder / "z.hql").write_text("SELECT 1")
    monkeypatch.setenv("JOB_MORE_SQL_DIRS", os.pathsep.join(map(str, folders)))
    assert load_script("z.hql").file == str(folders[0] / "z.hql")
    (sql_dir / "z.hql").write_text("SELECT 2")
    assert load_script("z.hql").file == str(sql_dir / "z.hql")


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
