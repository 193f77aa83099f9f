"""The HQL of jobs analyzed without data: each fault with its file and line, nothing written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from framework.contract.hql_finding import HqlFinding
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
        return self.analysis.findings(given)

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


def test_what_is_not_known_is_a_note(checked: Checked) -> None:
    missing = {"format": "json", "path": "in/none.json"}
    (finding,) = checked.job("SELECT a FROM row1", sources=[missing])
    assert finding.is_note
    assert finding.text.startswith("the schema of row1 (json ")
    hql = "CREATE FUNCTION f AS 'no.such.Class';\nSELECT f(id) AS id FROM row1"
    assert [(line, is_note) for line, _, is_note in checked.at(hql)] == [(1, True), (2, True)]


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
