"""What a test may give as a source, and what comes out of it."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from orch_dagster.kit import KitError, Landing
from orch_dagster.testing.script import environment_of

pytestmark = pytest.mark.spark

DATE = "2024-05-15"
JOB = "etl_lnd_acme_crm_t_customer"
SINK = {"format": "orc", "path": "out/customer", "partition_cols": ["biz_dt"]}


@pytest.fixture
def hql_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ORCH_HQL_DIR; ask for it before `landing`."""
    monkeypatch.setenv("ORCH_HQL_DIR", str(tmp_path / "hql"))
    (tmp_path / "hql").mkdir()
    return tmp_path / "hql"


def context(*sources: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"sources": list(sources), "sinks": [SINK], **more}


def test_each_form_reaches_the_job_by_its_own_source(hql_dir: Path, landing: Landing) -> None:
    views = " UNION ALL ".join(f"SELECT {n} AS n, name, note FROM row{n}" for n in range(1, 7))
    (hql_dir / "all.hql").write_text(f"{views} UNION ALL SELECT 7, name, note FROM row7")
    csv = {
        "format": "csv",
        "path": "/in/{biz_dt}.csv",
        "schema": "name STRING, note STRING",
        "options": {"sep": ";", "encoding": "ISO-8859-1", "nullValue": "-", "mode": "FAILFAST"},
    }
    sources = [csv, csv, csv, csv, {"format": "orc", "path": "in/o"}]
    sources += [{"format": "jdbc", "path": "customers"}, {"format": "json", "path": "s3a://b/j"}]
    file = hql_dir / "sample.csv"
    file.write_bytes("é;-\n".encode("latin-1"))
    landed = landing.job(
        JOB,
        biz_dt=DATE,
        context=context(*sources, hql="all.hql"),
        row1="é;-\n",
        row2="é;-\n".encode("latin-1"),
        row3=file,
        # By name, though the source has no header.
        row4=[{"note": None, "name": "é"}],
        row5=landing.frame([("é", None)], "name STRING, note STRING"),
        row6=landing.frame('name,note\né,""\n', "note STRING, id INT, name STRING"),
        row7='{"name": "é", "note": null}\n',
    )

    # To Spark an empty cell in quotes is null too.
    assert landed.rows == [{"n": n, "name": "é", "note": None, "biz_dt": DATE} for n in range(1, 8)]


def test_blanks_quotes_and_line_breaks_of_given_rows_stay(landing: Landing) -> None:
    options = {"header": True, "multiLine": True, "escape": '"', "pathGlobFilter": "*.dat"}
    cells = {"a": " x ", "b": 'say "x", y', "c": "two\nlines", "d": None}
    source = {"format": "csv", "path": "in", "options": options}
    (row,) = landing.job(JOB, biz_dt=DATE, context=context(source), row1=[cells]).rows

    assert row == {**cells, "biz_dt": DATE}


def test_times_before_1970_and_after_3000_are_given_and_returned_on_any_system(
    hql_dir: Path, landing: Landing
) -> None:
    (hql_dir / "t.hql").write_text("SELECT *, TIMESTAMP '+10000-01-01 00:00:00' AS late FROM row1")
    given = {"born": datetime(1900, 1, 1, 12), "until": datetime(9999, 12, 31, 23, 59, 59, 500_000)}
    (row,) = landing.hql("t.hql", biz_dt=DATE, row1=[given]).rows
    # Python has no such time.
    assert row == {**given, "late": "+10000-01-01 00:00:00"}


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows has one time zone a process")
def test_times_are_on_the_sessions_clock_wherever_the_machine_is(
    hql_dir: Path, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    (hql_dir / "t.hql").write_text(
        "SELECT *, date_format(at, 'HH:mm') AS hour, timestamp_seconds(0) AS epoch FROM row1"
    )
    # 02:30 of that night never was in Berlin, nor is a minute of this in Shanghai.
    at = datetime(2024, 3, 31, 2, 30)
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        for given in ([{"at": at}], landing.frame([{"at": at}], "at TIMESTAMP")):
            (row,) = landing.hql("t.hql", biz_dt=DATE, row1=given).rows
            assert row == {"at": at, "hour": "02:30", "epoch": datetime(1970, 1, 1)}
        shanghai = {"spark.sql.session.timeZone": "Asia/Shanghai"}
        (row,) = landing.hql("t.hql", biz_dt=DATE, sys_params=shanghai, row1=given).rows
        assert row["at"] == datetime(2024, 3, 31, 10, 30)
        assert row["epoch"] == datetime(1970, 1, 1, 8)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("rows", "schema", "said"),
    [
        ([("a", 1)], None, "frame: rows without names need a schema"),
        ([{"a": 1, "b": None}], None, "frame: only nulls in b, of which type?"),
        ([], None, "frame: no rows and no columns"),
        ("a,c\n1,2\n", "a INT, b INT", "frame: no column c in the schema, which has a, b"),
        ([{"a": 1, "c": 2}], "a INT, b INT", "frame: no column c in the schema, which has a, b"),
        (
            [{"at": datetime(2024, 5, 15, tzinfo=timezone.utc)}],
            "at TIMESTAMP",
            "at: 2024-05-15T00:00:00+00:00 has a time zone of its own; give the time in the "
            "session's, ",
        ),
    ],
)
def test_a_frame_that_cannot_be_made_says_why(
    landing: Landing, rows: list[Any], schema: str | None, said: str
) -> None:
    with pytest.raises(KitError) as refused:
        landing.frame(rows, schema)
    assert said in str(refused.value)


def test_a_source_that_cannot_be_given_so_says_how(landing: Landing, tmp_path: Path) -> None:
    orc, table = {"format": "orc", "path": "in"}, {"format": "jdbc", "path": "claims"}
    for source, given, said in [
        (orc, {"row1": "a,b\n"}, "row1 is orc, which text can't be: give rows, or landing.frame("),
        (table, {"row1": "a,b\n"}, "row1 is a table (jdbc), not a file: give rows"),
        (table, {}, "row1 is the table claims (jdbc): give its rows, row1=…"),
        (orc, {"row1": tmp_path / "no"}, f"row1: no such file: {tmp_path / 'no'}"),
        (orc, {"row1": [(1, 2)]}, "row1: rows without names need a schema: give rows, or landing."),
        (orc, {"row2": "a\n"}, f"{JOB} has 1 sources, so row2 is not one of them"),
        (orc, {"rows": "a\n"}, f"{JOB}: rows is not a source; the sources are row1, row2, …"),
    ]:
        with pytest.raises(KitError) as refused:
            landing.job(JOB, biz_dt=DATE, context=context(source), **given)
        assert said in str(refused.value)


def test_no_run_sees_the_tables_of_another(hql_dir: Path, landing: Landing) -> None:
    hql = "CREATE TABLE kit_staged USING orc AS SELECT id FROM row1;\nSELECT id FROM kit_staged"
    (hql_dir / "t.hql").write_text(hql)
    source = {"format": "csv", "path": "in.csv", "options": {"header": True}}
    for id_ in ("1", "2"):
        result = landing.hql("t.hql", biz_dt=DATE, row1=f"id\n{id_}\n")
        assert result.rows == [{"id": id_}]
        assert [row.id for row in result.frame.collect()] == [id_]
        landed = landing.job(
            JOB, biz_dt=DATE, context=context(source, hql="t.hql"), row1=f"id\n{id_}\n"
        )
        assert landed.rows == [{"id": id_, "biz_dt": DATE}]
    assert not landing.spark.catalog.tableExists("kit_staged")
    (hql_dir / "bad.hql").write_text(
        "CREATE TABLE kit_staged USING orc AS "
        "SELECT CAST(raise_error(id) AS INT) AS id FROM row1;\n"
        "SELECT 1"
    )
    with pytest.raises(Exception, match="no such id"):
        landing.hql("bad.hql", biz_dt=DATE, row1="id\nno such id\n")
    assert landing.hql("t.hql", biz_dt=DATE, row1="id\n3\n").rows == [{"id": "3"}]


def test_a_script_sees_the_times_of_runs(
    hql_dir: Path, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        (hql_dir / "t.hql").write_text("SELECT current_timezone() AS zone")
        assert landing.hql("t.hql", biz_dt=DATE).rows == [{"zone": "UTC"}]
        with environment_of({}):
            assert datetime.fromtimestamp(0) == datetime(1970, 1, 1)
        assert datetime.fromtimestamp(0) == datetime(1970, 1, 1, 9)
    finally:
        monkeypatch.undo()
        time.tzset()
