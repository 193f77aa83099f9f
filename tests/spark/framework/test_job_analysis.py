"""The HQL of jobs analyzed without data: each fault with its file and line, nothing written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from framework.contract.hql_finding import HqlFinding, Unseen
from framework.job_analysis import JobAnalysis
from tests.samples import document

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

CSV = {"format": "csv", "path": "in/{biz_dt}.csv", "schema": "id INT, d DATE, branch STRING"}
PARENT = {"format": "orc", "path": "out/parent", "partition_cols": ["biz_dt", "branch"]}


class Checked:
    """A root with HQL files, and the jobs that were analyzed there."""

    def __init__(self, root: Path, spark: SparkSession) -> None:
        self.root = root
        self.analysis = JobAnalysis(spark, root.as_posix())

    def job(
        self,
        hql: str | None,
        *,
        name: str = "job",
        sources: list[dict[str, Any]] | None = None,
        sinks: list[dict[str, Any]] | None = None,
        properties: dict[str, str] | None = None,
        unseen: Unseen | None = None,
    ) -> list[HqlFinding]:
        context: dict[str, Any] = {"sources": sources or [CSV]}
        context["sinks"] = sinks or [
            {**PARENT, "path": f"out/{name}", "partition_cols": ["biz_dt"]}
        ]
        if hql is not None:
            (self.root / f"{name}.hql").write_text(hql, encoding="utf-8")
            context["hql"] = f"{name}.hql"
        given = document(**context)
        given["metadata"]["job_name"] = name
        given["sys_params"] = [
            {"param_key": key, "param_value": value, "param_type": "spark"}
            for key, value in (properties or {}).items()
        ]
        return self.analysis.findings(given, unseen)

    def at(self, hql: str, **more: Any) -> list[tuple[int | None, str, bool]]:
        """The line, the beginning and the kind of each finding on a file."""
        found = self.job(hql, **more)
        assert {each.file for each in found} <= {str(self.root / "job.hql")}
        return [(each.line, each.text[:40], each.is_note) for each in found]


@pytest.fixture
def checked(tmp_path: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Checked:
    monkeypatch.setenv("JOB_SQL_DIR", str(tmp_path))
    return Checked(tmp_path, spark)


def test_every_fault_of_a_file_has_its_line(checked: Checked) -> None:
    hql = (
        "SELECT id FROM row1\nWHERE wrong = 1;\n"
        "INSERT INTO t SELECT nope FROM row1;\n"
        "SELECT id, d FROM row1"
    )
    assert checked.at(hql) == [
        (2, "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A co", False),
        (3, "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A co", False),
    ]
    hql = "SELECT ${hivevar:a}, ${b}\nFROM row1;\nSELEC 1"
    assert checked.at(hql) == [
        (1, "not set: ${hivevar:a} (line 1), ${b} (li", False),
        (3, "[PARSE_SYNTAX_ERROR] Syntax error at or ", False),
    ]
    assert checked.at("SET a = 1;\nDROP TABLE t") == [
        (2, "no statement of the file is a query, so ", False)
    ]


def test_variables_and_tables_of_the_file_are_known_and_nothing_is_written(
    checked: Checked, spark: SparkSession
) -> None:
    out = checked.root / "taken"
    out.mkdir()
    hql = (
        "SET hivevar:cutoff=2024-01-01;\n"
        "DROP TABLE IF EXISTS checked_t;\n"
        f"CREATE TABLE checked_t USING orc LOCATION '{out}' AS\n"
        "  SELECT id, d FROM row1 WHERE d > '${hivevar:cutoff}' AND d <= '${hivevar:biz_dt}';\n"
        "CREATE TABLE checked_u (id INT) USING orc;\n"
        f"INSERT OVERWRITE TABLE checked_u SELECT id FROM checked_t;\n"
        "CREATE TEMPORARY VIEW checked_v AS\n"
        "  SELECT t.id, d FROM checked_t t JOIN checked_u USING (id);\n"
        "SELECT id, d FROM checked_v;\n"
        "DROP TABLE checked_t"
    )
    assert checked.at(hql) == []
    assert list(out.iterdir()) == []
    assert not spark.catalog.tableExists("checked_t")
    assert not (checked.root / "out").exists()


def test_a_source_that_a_job_lands_has_its_columns(checked: Checked) -> None:
    query = "SELECT id, d, branch FROM row1"
    assert checked.job(query, name="parent", sinks=[PARENT]) == []
    child = {"format": "orc", "path": "out/parent"}
    typed = "SELECT id + 1 AS id, date_add(biz_dt, 1) AS next, branch FROM row1"
    assert checked.at(typed, sources=[child]) == []
    of_date = {"format": "orc", "path": "out/parent/biz_dt={biz_dt}"}
    assert checked.at("SELECT id, branch FROM row1", sources=[of_date]) == []
    (finding,) = checked.job("SELECT id, biz_dt FROM row1", sources=[of_date])
    assert "`biz_dt` cannot be resolved" in finding.text
    assert (finding.file, finding.line) == (str(checked.root / "job.hql"), 1)


def test_a_source_of_files_that_are_there_has_their_columns(checked: Checked) -> None:
    file = checked.root / "in" / "file.csv"
    file.parent.mkdir()
    file.write_text("id,name\n1,a\n", encoding="utf-8")
    source = {"format": "csv", "path": "in/file.csv", "options": {"header": "true"}}
    assert checked.at("SELECT id, name FROM row1", sources=[source]) == []
    (finding,) = checked.job("SELECT id, age FROM row1", sources=[source])
    assert "`age` cannot be resolved" in finding.text


def test_all_faults_of_a_statement_are_found(checked: Checked) -> None:
    hql = (
        "WITH c AS (\n"
        "  SELECT id, nome, uper(branch) AS b FROM row1\n"
        "), e AS (SELECT id FROM missing)\n"
        "SELECT c.id, c.nome, c.b, date_add(d) AS d,\n"
        "  (SELECT max(x) FROM row1) AS m\n"
        "FROM c JOIN row1 r ON c.id = r.idd JOIN e ON e.id = c.id\n"
        "WHERE c.nome > 1 AND r.d > 'x' AND year(r.id, 1) = 1\n"
        "ORDER BY wrong"
    )
    found = checked.at(hql)
    assert all(not is_note for *_, is_note in found)
    kinds = [(line, text.partition("]")[0].partition(".")[0]) for line, text, _ in found]
    assert sorted(kinds, key=lambda each: (each[0] or 0, each[1])) == [
        (2, "[UNRESOLVED_COLUMN"), (2, "[UNRESOLVED_ROUTINE"), (3, "[TABLE_OR_VIEW_NOT_FOUND"),
        (4, "[WRONG_NUM_ARGS"), (5, "[UNRESOLVED_COLUMN"), (6, "[UNRESOLVED_COLUMN"),
        (7, "[WRONG_NUM_ARGS"), (8, "[UNRESOLVED_COLUMN"),
    ]  # fmt: skip


def test_a_clause_that_is_refused_hides_the_rest_and_makes_no_new_faults(checked: Checked) -> None:
    hql = "SELECT row1.id, row_number() AS n\nFROM row1\nGROUP BY row1.id, wrong"
    assert [text.partition("]")[0] for _, text, _ in checked.at(hql)] == [
        "[WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE",
    ]  # fmt: skip


def test_a_function_that_gives_a_table_and_a_table_of_a_catalog(checked: Checked) -> None:
    hql = "SELECT f.x, r.nope FROM row1 r JOIN rows_of(1) f ON f.id = r.id"
    assert [is_note for *_, is_note in checked.at(hql)] == [False, False]
    unseen = Unseen("the script may bring it", "spark.sql.catalog.c may bring it")
    assert [is_note for *_, is_note in checked.at(hql, unseen=unseen)] == [False, True]
    of_catalog = "SELECT x FROM c.db.t"
    assert [is_note for *_, is_note in checked.at(of_catalog)] == [False]
    assert [is_note for *_, is_note in checked.at(of_catalog, unseen=unseen)] == [True]


def test_the_same_fault_in_two_places_is_found_twice(checked: Checked) -> None:
    hql = (
        "SELECT nome\nFROM row1\nWHERE nome = 'x'\n  AND ${hivevar:biz_dt} > '2024'\n  AND nome > 1"
    )
    assert [line for line, *_ in checked.at(hql)] == [1, 3, 5]


def test_a_mended_part_makes_no_new_faults(checked: Checked) -> None:
    """What is null in place of a fault fits nothing; that is no fault of the file's."""
    hql = (
        "CREATE TEMP VIEW v AS SELECT id, nome FROM row1;\n"
        "SELECT explode(s) AS s FROM (SELECT split(nome, ',') AS s, nome AS n FROM v)\n"
        "UNION ALL SELECT n FROM (SELECT explode(nome) AS n FROM v GROUP BY nome)"
    )
    assert [line for line, *_ in checked.at(hql)] == [1]


def test_a_table_of_another_database_that_the_file_creates(checked: Checked) -> None:
    hql = (
        "CREATE DATABASE IF NOT EXISTS stage;\n"
        "CREATE TABLE stage.t USING orc AS SELECT id, d FROM row1;\n"
        "SELECT t.id, s.d,\n  s.nome FROM stage.t JOIN stage.t AS s ON t.id = s.id"
    )
    assert [(line, is_note) for line, _, is_note in checked.at(hql)] == [(4, False)]


def test_what_is_not_known_is_a_note_and_the_rest_is_checked(checked: Checked) -> None:
    missing = {"format": "json", "path": "in/none.json"}
    (finding,) = checked.job("SELECT a FROM row1", sources=[missing])
    assert finding.is_note
    assert finding.text.startswith("the schema of row1 (json ")
    assert "there are no such files here" in finding.text
    hql = (
        "WITH c AS (SELECT * FROM row1 WHERE x > 1)\n"
        "SELECT c.x, y, k.id,\n"
        "  k.nome, uper(z) AS z\n"
        "FROM c JOIN row2 k ON k.id = c.id AND k.branch = c.`odd name` ORDER BY explode(c.w)"
    )
    found = checked.job(hql, sources=[missing, CSV])
    assert [(each.line, each.is_note) for each in found] == [(None, True), (3, False), (3, False)]
    assert [each.text.partition("]")[0] for each in found[1:]] == [
        "[UNRESOLVED_ROUTINE", "[UNRESOLVED_COLUMN.WITH_SUGGESTION",
    ]  # fmt: skip


def test_functions_of_a_class_are_not_checked(checked: Checked) -> None:
    hql = "CREATE FUNCTION f AS 'no.such.Class';\nSELECT f(id) AS id,\n  g(1) AS g FROM row1"
    assert [(line, is_note) for line, _, is_note in checked.at(hql)] == [
        (1, True), (2, True), (3, False),
    ]  # fmt: skip


def test_what_a_script_or_a_metastore_may_bring_is_not_checked(checked: Checked) -> None:
    hql = (
        "SELECT clean(m.name) AS a, m.other, r.nope,\n  n.x\n"
        "FROM row1 r JOIN crm.customers m ON m.id = r.id JOIN names n ON n.id = m.id"
    )
    unseen = Unseen("the script may bring it", "spark.sql.catalog.c may bring it")
    found = checked.job(hql, unseen=unseen)
    assert [(each.line, each.is_note) for each in found] == [
        (1, False), (1, True), (3, True), (3, True),
    ]  # fmt: skip
    assert "`nope` cannot be resolved" in found[0].text
    assert [each.text for each in found[1:]] == [
        "not checked: the function clean is not Spark's own, and the script may bring it",
        "not checked: what is read from crm.customers, as spark.sql.catalog.c may bring it",
        "not checked: what is read from names, as spark.sql.catalog.c may bring it",
    ]
    faults = checked.job(hql)
    assert [each.is_note for each in faults] == [False] * 4


def test_a_table_that_no_check_opens_is_named(checked: Checked) -> None:
    kudu = {"format": "kudu", "path": "customers"}
    (finding,) = checked.job("SELECT x FROM row1", sources=[kudu])
    assert finding.is_note
    assert "a check opens no kudu" in finding.text


def test_a_child_of_a_job_with_faults_is_not_checked_and_says_why(checked: Checked) -> None:
    assert len(checked.job("SELECT nope FROM row1", name="parent", sinks=[PARENT])) == 1
    child = {"format": "orc", "path": "out/parent"}
    (note,) = checked.job("SELECT any FROM row1", sources=[child])
    assert note.is_note
    assert "the findings on parent, which lands it, leave them open" in note.text


def test_a_file_that_can_not_be_read_leaves_its_columns_unknown(checked: Checked) -> None:
    (checked.root / "in").mkdir()
    (checked.root / "in" / "cut.parquet").write_bytes(b"PAR1 and no footer")
    (finding,) = checked.job("SELECT a FROM row1", sources=[{"format": "parquet", "path": "in"}])
    assert finding.is_note
    assert finding.text.startswith("the schema of row1 (parquet ")


def test_what_the_job_would_refuse_besides_is_found(checked: Checked) -> None:
    (finding,) = checked.job(None, sources=[{**CSV, "schema": "id INTT"}])
    assert finding.text.startswith("row1 (csv ")
    assert not finding.is_note
    (finding,) = checked.job("SELECT id FROM row1", sinks=[PARENT])
    assert "partition_cols ['branch'] are not in the result" in finding.text
    (finding,) = checked.job("SELECT CAST(id AS INT) AS d, 'x' || 1 AS id FROM row1 LIMIT 'a'")
    assert finding.line == 1


def test_a_jobs_session_properties_hold(checked: Checked) -> None:
    hql = "SELECT `id` FROM row1 WHERE ID = 1"
    assert checked.at(hql) == []
    (finding,) = checked.job(hql, properties={"spark.sql.caseSensitive": "true"})
    assert "`ID` cannot be resolved" in finding.text
    assert checked.at(hql) == []
