from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from framework import landing
from framework.errors import (
    DatesFailedError,
    EmptyResultError,
    ForeignRowsError,
    HqlError,
    ParamsError,
    PublishError,
    SourceNotFoundError,
)
from framework.land import staging
from tests.landing_home import Home, sink
from tests.samples import DATE, document

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

OTHER = "2024-05-14"


def test_without_hql_the_first_source_is_landed_as_it_is(home: Home) -> None:
    home.source("id,name\n1,a\n2,b\n")
    landed = home.land()
    assert landed.row_count == 2
    assert [column["name"] for column in landed.columns] == ["id", "name", "biz_dt"]
    assert home.rows() == [("1", "a", DATE), ("2", "b", DATE)]


def test_the_last_query_lands_and_commands_after_it_run(home: Home) -> None:
    home.source("id,name\n1,a\n2,b\n")
    sinks = [sink("orc", "out/t", "biz_dt"), sink("parquet", "out/p", "biz_dt")]
    for file_sinks in (sinks[:1], sinks):
        landed = home.land(
            hql="DROP TABLE IF EXISTS staged_names;\n"
            "CREATE TABLE staged_names USING orc AS SELECT id, name FROM row1;\n"
            "SELECT id, name FROM staged_names;\n"
            "DROP TABLE staged_names;\n"
            "SET spark.sql.shuffle.partitions=3;\n-- done",
            sinks=file_sinks,
            keys="id",
        )
        assert landed.row_count == 2
        assert home.rows() == [("1", "a", DATE), ("2", "b", DATE)]
        assert not home.spark.catalog.tableExists("staged_names")
        assert home.spark.conf.get("spark.sql.shuffle.partitions") == "3"


def test_a_command_that_fails_after_the_query_keeps_the_old_date(home: Home) -> None:
    home.source("id\n1\n")
    home.land()
    home.source("id\n2\n")
    with pytest.raises(HqlError, match=r"x\.hql:2: .*TABLE_OR_VIEW_NOT_FOUND"):
        home.land(hql="SELECT id FROM row1;\nDROP TABLE no_such_table")
    assert home.rows() == [("1", DATE)]
    assert home.leftovers() == []


def test_several_sinks_and_formats_get_the_same_rows(home: Home) -> None:
    home.source('id,name\n1,"a\nb"\n2,"c""d"\n')
    sources = [
        {
            "format": "csv",
            "path": "in/{biz_dt}.csv",
            "options": {"header": True, "multiLine": True, "escape": '"'},
        }
    ]
    sinks = [
        sink("orc", "out/o", "biz_dt"),
        sink("parquet", "out/p", "biz_dt", "id"),
        sink("csv", "out/c/{biz_dt:%Y%m%d}", options={"header": "true"}),
        sink("json", "out/j", "biz_dt"),
    ]
    landed = home.land(sources=sources, sinks=sinks)
    assert landed.row_count == 2
    assert [(s.format, s.files is not None and s.files > 0) for s in landed.sinks] == [
        ("orc", True), ("parquet", True), ("csv", True), ("json", True)
    ]  # fmt: skip
    expected = [("1", "a\nb"), ("2", 'c"d')]
    assert [row[:2] for row in home.rows("out/o")] == expected
    assert [(row[2], row[0]) for row in home.rows("out/p", "parquet")] == expected
    assert home.rows("out/c/20240515", "csv", header="true", multiLine="true") == expected
    assert [row[:2] for row in home.rows("out/j", "json")] == expected
    assert home.leftovers() == []


def test_nested_partitions_are_replaced_with_their_date(home: Home) -> None:
    home.source("id,region\n1,N\n2,S\n")
    home.source("id,region\n9,N\n", OTHER)
    sinks = [sink("orc", "out/t", "biz_dt", "region")]
    home.land(OTHER, sinks=sinks)
    home.land(sinks=sinks)
    home.source("id,region\n3,S\n")
    home.land(sinks=sinks)
    assert home.rows() == [("3", DATE, "S"), ("9", OTHER, "N")]
    assert home.leftovers() == []


def test_rows_of_another_date_are_refused_with_their_number(home: Home) -> None:
    home.source("id,biz_dt\n0,2024-05-15\n")
    home.land()
    home.source("id,BIZ_DT\n1,2024-05-15\n2,2024-05-16\n3,2024-05-16\n4,\n5,20240515\n")
    with pytest.raises(ForeignRowsError, match="4 rows are not of biz_dt 2024-05-15") as refused:
        home.land()
    assert refused.value.row_count == 4
    assert "2024-05-16, 20240515, None" in str(refused.value)
    assert home.rows() == [("0", DATE)]
    assert home.leftovers() == []


def test_a_date_column_of_the_result_is_the_partition(home: Home) -> None:
    home.source("id\n1\n")
    home.land(hql="SELECT id, DATE '${biz_dt}' AS Biz_Dt FROM row1")
    assert home.rows() == [("1", DATE)]
    assert (home.root / "out" / "t" / f"biz_dt={DATE}").is_dir()


def test_no_rows_are_refused_and_the_old_data_stays(home: Home) -> None:
    home.source("id\n1\n")
    home.land()
    home.source("id\n")
    with pytest.raises(EmptyResultError, match='"allow_empty": true'):
        home.land()
    assert home.rows() == [("1", DATE)]
    assert home.leftovers() == []


@pytest.mark.parametrize("format", ["orc", "parquet"])
@pytest.mark.parametrize("cols", [("biz_dt",), ("biz_dt", "region")])
def test_allowed_no_rows_replace_and_the_table_still_reads(
    home: Home, format: str, cols: tuple[str, ...]
) -> None:
    sinks = [sink(format, "out/t", *cols)]
    home.source("id,region\n1,N\n")
    home.land(sinks=sinks)
    home.source("id,region\n")
    landed = home.land(sinks=sinks, allow_empty=True)
    assert landed.row_count == 0
    assert home.rows(format=format) == []
    assert set(home.spark.read.format(format).load(str(home.root / "out/t")).columns) == {
        "id", "region", "biz_dt"
    }  # fmt: skip
    home.source("id,region\n9,N\n", OTHER)
    home.land(OTHER, sinks=sinks)
    assert [row[0] for row in home.rows(format=format)] == ["9"]


def test_allowed_no_rows_in_a_folder_of_the_date(home: Home) -> None:
    sinks = [sink("orc", "out/{biz_dt}")]
    home.source("id\n1\n")
    home.land(sinks=sinks)
    home.source("id\n")
    home.land(sinks=sinks, allow_empty=True)
    assert home.rows(f"out/{DATE}") == []


def test_a_failing_query_leaves_old_data_and_no_staging(home: Home) -> None:
    home.source("id\n1\n")
    home.land()
    with pytest.raises(Exception, match="BOOM"):
        home.land(hql="SELECT CAST(raise_error('BOOM') AS INT) AS id FROM row1")
    assert home.rows() == [("1", DATE)]
    assert home.leftovers() == []


def test_a_missing_partition_column_is_named_with_the_columns(home: Home) -> None:
    home.source("id\n1\n")
    with pytest.raises(PublishError, match=r"\['region'\] are not in the result.*\['id'\]"):
        home.land(sinks=[sink("orc", "out/t", "biz_dt", "region")])


def test_a_table_being_landed_can_be_read_undisturbed(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.source("id\n1\n")
    home.land()
    seen: list[list[tuple[Any, ...]]] = []
    real = staging._count

    def count(*args: Any) -> int:
        assert len(home.leftovers()) == 1
        seen.append(home.rows())
        return real(*args)

    monkeypatch.setattr(staging, "_count", count)
    home.source("id\n2\n")
    home.land()
    assert seen == [[("1", DATE)]]
    assert home.rows() == [("2", DATE)]


def test_a_job_may_read_the_table_that_it_replaces(home: Home) -> None:
    home.source("id\n1\n")
    home.land()
    sources = [{"format": "orc", "path": "out/t"}]
    home.land(sources=sources, hql="SELECT CONCAT(id, '!') AS id FROM row1")
    assert home.rows() == [("1!", DATE)]


def test_tables_are_appended_to_only_with_files_that_passed(home: Home) -> None:
    url = f"jdbc:derby:memory:{home.root.name};create=true"
    options = {"url": url, "driver": "org.apache.derby.jdbc.EmbeddedDriver"}
    table = sink("jdbc", "claims", options=options)
    sinks = [table, sink("orc", "out/t", "biz_dt")]
    home.source("id\n1\n2\n")
    landed = home.land(sinks=sinks)
    assert (landed.sinks[0].path, landed.sinks[0].files) == ("claims", None)
    home.source("id\n")
    with pytest.raises(EmptyResultError):
        home.land(sinks=sinks)
    home.source("id\n3\n")
    assert home.land(sinks=[table]).row_count == 1
    back = home.land(sources=[table], sinks=[sink("orc", "out/u", "biz_dt")])
    assert back.row_count == 3
    assert home.rows() == [("1", DATE), ("2", DATE)]


def test_a_failing_table_leaves_the_files_as_they_were(home: Home) -> None:
    home.source("id\n1\n")
    home.land()
    table = sink("jdbc", "t", options={"url": "jdbc:derby:memory:absent;create=false"})
    home.source("id\n2\n")
    with pytest.raises(Exception, match="absent"):
        home.land(sinks=[sink("orc", "out/t", "biz_dt"), table])
    assert home.rows() == [("1", DATE)]
    assert home.leftovers() == []


def test_several_sinks_run_the_query_once(home: Home) -> None:
    home.source("id\n1\n2\n")
    sinks = [sink("orc", "out/a", "biz_dt"), sink("orc", "out/b", "biz_dt")]
    home.land(sinks=sinks, hql="SELECT id, uuid() AS token FROM row1")
    assert home.rows("out/a") == home.rows("out/b")


class TestRunLanding:
    """run_landing's own duties, with the session kept from stopping (it is shared)."""

    @pytest.fixture
    def start(
        self, home: Home, monkeypatch: pytest.MonkeyPatch, spark: SparkSession
    ) -> dict[str, int]:
        calls = {"started": 0, "stopped": 0}

        class Session:
            def __getattr__(self, name: str) -> Any:
                return getattr(spark, name)

            def stop(self) -> None:
                calls["stopped"] += 1
                raise OSError("the gateway is gone")

        def get_spark() -> Any:
            calls["started"] += 1
            return Session()

        monkeypatch.setattr(landing, "get_spark", get_spark)
        return calls

    def params(self, home: Home, monkeypatch: pytest.MonkeyPatch, **context: Any) -> None:
        file = home.root / "params.json"
        file.write_text(json.dumps(document(**context)), encoding="utf-8")
        monkeypatch.setenv("JOB_PARAMS_FILE", str(file))

    def test_lands_every_date_and_stops(
        self, home: Home, monkeypatch: pytest.MonkeyPatch, start: dict[str, int]
    ) -> None:
        home.source("id\n1\n")
        home.source("id\n2\n", OTHER)
        self.params(home, monkeypatch, biz_dts=(DATE, OTHER))
        landing.run_landing()
        assert home.rows() == [("1", DATE), ("2", OTHER)]
        assert start == {"started": 1, "stopped": 1}

    def test_a_failing_stop_does_not_hide_the_jobs_error(
        self, home: Home, monkeypatch: pytest.MonkeyPatch, start: dict[str, int]
    ) -> None:
        home.source("id\n")
        self.params(home, monkeypatch)
        with pytest.raises(EmptyResultError):
            landing.run_landing()
        assert start["stopped"] == 1

    def test_missing_files_are_found_before_spark_starts(
        self, home: Home, monkeypatch: pytest.MonkeyPatch, start: dict[str, int]
    ) -> None:
        self.params(home, monkeypatch)
        with pytest.raises(SourceNotFoundError) as refused:
            landing.run_landing()
        assert refused.value.locations == (f"{home.root.as_posix()}/in/{DATE}.csv",)
        home.source("id\n")
        self.params(home, monkeypatch, hql="none.hql")
        with pytest.raises(HqlError):
            landing.run_landing()
        (home.root / "params.json").write_text("{}")
        with pytest.raises(ParamsError):
            landing.run_landing()
        assert start["started"] == 0

    def test_a_date_without_a_value_for_a_variable_fails_alone(
        self, home: Home, monkeypatch: pytest.MonkeyPatch, start: dict[str, int]
    ) -> None:
        home.source("id\n1\n")
        home.source("id\n2\n", OTHER)
        (home.root / "x.hql").write_text("SELECT id, '${start_dt}' AS s FROM row1")
        # Only the first date has a process_control row, hence a start_dt.
        self.params(home, monkeypatch, biz_dts=(DATE, OTHER), hql="x.hql")
        with pytest.raises(DatesFailedError, match=f"1 of 2 .*\n  - {OTHER}: HqlError: .*start_dt"):
            landing.run_landing()
        assert [row[-1] for row in home.rows()] == [DATE]
