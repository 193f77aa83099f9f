"""The checks of a date by its business keys, in the landing itself."""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from framework.check import key_checks, key_counts
from framework.check.key_counts import most_frequent
from framework.errors import CheckFailedError, EmptyResultError
from tests.landing_home import Home, sink
from tests.samples import DATE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from framework.report import LandingReport

pytestmark = pytest.mark.spark

BEFORE, LONG_BEFORE = "2024-05-14", "2024-04-30"
Row = tuple[str, ...]


def found(landed: LandingReport) -> dict[str, dict[str, Any]]:
    return {each.name: dict(each.metadata) for each in landed.checks}


def as_csv(rows: list[Row]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("Id", "part", "a", "b"), *rows])
    return text.getvalue()


def extract(numbers: range, seed: int) -> list[Row]:
    """Rows of a key of two columns; the values are few, and now and then missing."""
    dice = random.Random(seed)
    values = ["", "x", "y"]
    return [
        (str(number // 3), f"p{number % 3}", dice.choice(values), dice.choice(values))
        for number in numbers
    ]


def test_changes_are_those_counted_apart_from_spark(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rerun after a changed extract too; the values compare null-safe, whatever the column."""
    # Keys in several tasks.
    monkeypatch.setattr(key_counts, "_ROWS_A_PARTITION", 100)
    by_date = {
        LONG_BEFORE: extract(range(100), 1),
        BEFORE: [*extract(range(50, 300), 2), ("900", "p", "x", "")],
        DATE: [*extract(range(120, 400), 3), ("900", "p", "", "x")],
    }
    for biz_dt in (BEFORE, LONG_BEFORE, DATE, DATE):
        if len(home.told("landing")) == 3:
            by_date[DATE] = [*extract(range(90, 350), 4), ("900", "p", "x", "")]
        home.source(as_csv(by_date[biz_dt]), biz_dt)
        landed = home.land(biz_dt, keys=" id, PART ", compare="b,a")
    old, new = ({row[:2]: row[2:] for row in by_date[each]} for each in (BEFORE, DATE))
    both = old.keys() & new.keys()
    unchanged = sum(old[key] == new[key] for key in both)
    assert found(landed) == {
        "key_unique": {
            "key_columns": ["Id", "part"], "row_count": 261,
            "duplicate_keys": 0, "duplicate_rows": 0, "examples": [],
        },
        "key_not_null": {
            "key_columns": ["Id", "part"], "row_count": 261, "null_rows": 0, "null_columns": [],
        },
        "changes": {
            "key_columns": ["Id", "part"], "compare_columns": ["b", "a"],
            "previous_biz_dt": BEFORE,
            "inserted": len(new) - len(both), "updated": len(both) - unchanged,
            "deleted": len(old) - len(both), "unchanged": unchanged,
        },
    }  # fmt: skip
    assert 0 < unchanged < len(both) < len(new)
    last = home.told("checks")[-1]
    assert last["biz_dt"] == DATE
    assert last["checks"] == [
        {"name": each.name, "passed": True, "blocking": False, "metadata": each.metadata}
        for each in landed.checks
    ]


def test_a_value_that_moves_to_another_column_is_a_change(home: Home) -> None:
    """Without compare_cols all the others are compared; a null there is not the same as none."""
    home.source("id,a,b\n1,x,\n2,x,\n3,,\n4,x,y\n", BEFORE)
    home.land(BEFORE)
    home.source("id,a,b\n1,,x\n2,x,\n3,,\n4,y,x\n")
    changes = found(home.land(keys="id"))["changes"]
    assert changes["compare_columns"] == ["a", "b"]
    assert (changes["updated"], changes["unchanged"]) == (2, 2)


def test_an_example_may_be_a_time_of_which_python_has_none(spark: SparkSession) -> None:
    """On Windows it has none before 1970 and after 3000 either, such as 9999-12-31."""
    time = "TIMESTAMP '+10000-01-01 00:00:00', DATE '+10000-01-02', 'x'"
    rows = spark.sql(f"SELECT * FROM VALUES ({time}), ({time}) AS t(at, day, part)")
    [example] = most_frequent(rows, ["at", "day", "part"], 3)
    assert example == "at=+10000-01-01 00:00:00, day=+10000-01-02, part=x (2 rows)"


def test_duplicates_and_nulls_are_counted_with_examples(home: Home) -> None:
    rows = ["1,a", "1,a", "1,a", "2,b", "2,b", ",c", ",c", "3,", "4,d"]
    home.source("id,part\n5,e\n", BEFORE)
    home.land(BEFORE)
    home.source("\n".join(["id,part", *rows]))
    landed = home.land(keys="id,part")
    assert [(each.name, each.passed) for each in landed.checks] == [
        ("key_unique", False), ("key_not_null", False), ("changes", True)
    ]  # fmt: skip
    by_name = found(landed)
    several = {key: number for key, number in Counter(rows).items() if number > 1}
    assert by_name["key_unique"] == {
        "key_columns": ["id", "part"], "row_count": 9, "duplicate_keys": len(several),
        "duplicate_rows": sum(several.values()),
        "examples": [
            "id=1, part=a (3 rows)", "id=None, part=c (2 rows)", "id=2, part=b (2 rows)"
        ],
    }  # fmt: skip
    assert by_name["key_not_null"]["null_rows"] == 3
    assert by_name["key_not_null"]["null_columns"] == ["id", "part"]
    assert by_name["changes"]["not_computed"] == "the result has duplicate keys"
    assert len(home.rows()) == 10


@pytest.mark.parametrize(
    ("earlier", "text", "why"),
    [
        (None, "id,a\n1,x\n", "no date before 2024-05-15 is there"),
        ("id,a\n1,x\n1,y\n", "id,a\n1,x\n", "biz_dt 2024-05-14 has duplicate keys"),
        ("id,a\n,x\n", "id,a\n1,x\n", "biz_dt 2024-05-14 has null keys"),
        ("id,a\n1,x\n", "id,a\n1,x\n,y\n", "the result has null keys"),
        ("id\n1\n", "id,a\n1,x\n", "biz_dt 2024-05-14 has no column a"),
        ("id,a\n1,x\n", "id,b\n1,x\n", "column a is not in the result, which has id, b, biz_dt"),
    ],
)
def test_changes_that_can_not_be_counted_say_why(
    home: Home, earlier: str | None, text: str, why: str
) -> None:
    if earlier:
        home.source(earlier, BEFORE)
        home.land(BEFORE)
    home.source(text)
    landed = home.land(keys="id", compare="a")
    assert landed.checks[2].passed
    assert found(landed)["changes"] == {"key_columns": ["id"], "not_computed": why}


def test_a_column_of_another_type_is_not_compared(home: Home) -> None:
    home.source("id,a\n1,5\n", BEFORE)
    home.land(BEFORE)
    home.source("id,a\n1,5\n")
    landed = home.land(hql="SELECT id, CAST(a AS INT) AS a FROM row1", keys="id")
    assert found(landed)["changes"]["not_computed"] == (
        "column a is int, on biz_dt 2024-05-14 it was string"
    )


def test_a_date_before_whose_folder_is_swapped_while_it_is_read(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    sinks = [sink("orc", "out/t", "biz_dt", "region")]
    home.source("id,region\n1,N\n", BEFORE)
    home.land(BEFORE, sinks=sinks)
    real = key_checks.count_changes

    def count(*args: Any) -> Any:
        monkeypatch.setattr(key_checks, "count_changes", real)
        home.land(BEFORE, sinks=sinks)
        return real(*args)

    monkeypatch.setattr(key_checks, "count_changes", count)
    home.source("id,region\n1,N\n1,N\n")
    landed = home.land(keys="id", sinks=sinks)
    assert found(landed)["changes"]["not_computed"] == (
        "biz_dt 2024-05-14 can't be read, see the log"
    )
    assert found(landed)["key_unique"]["duplicate_rows"] == 2


def test_a_broken_date_before_is_in_no_later_ones_way(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_FILE", str(home.root / "job.log"))
    home.source("id\n1\n", BEFORE)
    home.land(BEFORE)
    folder = home.root / "out" / "t" / f"biz_dt={BEFORE}"
    for file in folder.glob("part-*"):
        file.write_bytes(b"no ORC")
    home.source("id\n1\n")
    landed = home.land(keys="id", system={"schema.drift": "refuse"})
    assert (landed.drift, landed.row_count) == (None, 1)
    assert found(landed)["changes"]["not_computed"].startswith("biz_dt 2024-05-14 can't be read")
    assert f"WARN  [framework.verify] {folder.as_posix()} can't be read\n" in (
        (home.root / "job.log").read_text()
    )


@pytest.mark.parametrize(
    ("text", "names", "said"),
    [
        ("id,a\n1,x\n1,y\n2,z\n", ("key_unique",), r"key_unique: 1 values of id .*id=1 \(2 rows\)"),
        ("id,a\n,x\n3,y\n", ("key_not_null",), "key_not_null: 1 of 2 rows have a null, in id"),
        ("Ident,a\n1,x\n", ("key_unique", "key_not_null"), "column id is not in the result"),
    ],
)
def test_a_blocking_check_keeps_the_old_rows(
    home: Home, text: str, names: tuple[str, ...], said: str
) -> None:
    home.source("id,a\n0,old\n")
    home.land()
    home.source(text)
    system = {"checks.blocking": "TRUE", "schedule.cron": "0 2 * * *"}
    with pytest.raises(CheckFailedError, match=said) as refused:
        home.land(keys="id,a" if len(names) > 1 else "id", system=system)
    assert refused.value.names == names
    assert home.rows() == [("0", "old", DATE)]
    assert home.leftovers() == []
    (told,) = home.told("checks")
    assert [(each["name"], each["blocking"]) for each in told["checks"]] == [
        ("key_unique", True), ("key_not_null", True), ("changes", False)
    ]  # fmt: skip
    assert [each["name"] for each in told["checks"] if not each["passed"]] == list(names)
    assert len(home.told("landing")) == 1
    assert len(home.land(keys="id,a").checks) == 3


def test_a_result_without_the_keys_has_no_checks_and_says_so(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_FILE", str(home.root / "job.log"))
    home.source("total\n1\n")
    landed = home.land(keys="id, part", system={"checks.blocking": "true"})
    assert landed.checks == ()
    assert home.told("checks") == []
    line = "INFO  [framework.verify] job 2024-05-15: no checks, the result has none of the "
    assert f"{line}business_keys id, part\n" in (home.root / "job.log").read_text()


def test_the_job_s_own_keys_are_checked_in_place_of_the_date_s(home: Home) -> None:
    home.source("id,part,a\n1,p,x\n1,q,y\n")
    row = {"keys": "id", "compare": "a"}
    assert not found_passed(home.land(**row))["key_unique"]
    assert found_passed(home.land(**row, business_keys=["ID", "part"]))["key_unique"]
    checked = found(home.land(**row, business_keys="id, part", compare_cols=["part"]))
    assert checked["changes"]["key_columns"] == ["id", "part"]
    assert home.land(**row, business_keys=[]).checks == ()
    # They are meant for this result, so that it is a fault where it has none of them.
    missing = home.land(keys="id", business_keys=["holder"])
    assert not found_passed(missing)["key_unique"]
    assert "column holder is not in the result" in found(missing)["key_unique"]["error"]


def found_passed(landed: LandingReport) -> dict[str, bool]:
    return {each.name: each.passed for each in landed.checks}


def test_folders_of_a_date_and_deeper_partitions_are_compared_too(home: Home) -> None:
    """A region of digits stays a text; a text format is checked for its keys alone."""
    home.source("id,region,a\n1,01,x\n2,02,y\n", BEFORE)
    home.source("id,region,a\n1,01,x\n2,2,y\n")
    sinks = {
        "json": [sink("json", "out/j", "biz_dt")],
        "deep": [sink("csv", "out/c", "biz_dt"), sink("orc", "out/t", "biz_dt", "region")],
        "dated": [sink("parquet", "out/{biz_dt:%Y}/{biz_dt:%m}/day_{biz_dt:%Y%m%d}/t")],
    }
    changes: dict[str, Any] = {}
    for name, each in sinks.items():
        home.land(BEFORE, sinks=each)
        changes[name] = found(home.land(sinks=each, keys="biz_dt,id,region"))["changes"]
    assert changes["json"]["not_computed"] == "files of format json do not tell their columns"
    for name in ("deep", "dated"):
        assert changes[name]["key_columns"] == ["id", "region"]
        assert {key: changes[name][key] for key in ("inserted", "deleted", "unchanged")} == {
            "inserted": 1, "deleted": 1, "unchanged": 1
        }  # fmt: skip


def test_tables_alone_are_checked_before_they_get_a_row(home: Home) -> None:
    url = f"jdbc:derby:memory:{home.root.name};create=true"
    options = {"url": url, "driver": "org.apache.derby.jdbc.EmbeddedDriver"}
    table = sink("jdbc", "keyed", options=options)
    home.source("id\n1\n1\n")
    with pytest.raises(CheckFailedError):
        home.land(sinks=[table], keys="id", system={"checks.blocking": "true"})
    home.source("id\n2\n")
    landed = home.land(sinks=[table], keys="id")
    assert found(landed)["changes"]["not_computed"].startswith("only tables are among the sinks")
    reader = home.spark.read.format("jdbc").options(**options)
    assert [row[0] for row in reader.option("dbtable", "keyed").load().collect()] == ["2"]


def test_no_rows_replace_only_where_that_is_allowed_and_only_their_date(home: Home) -> None:
    for biz_dt in (BEFORE, DATE):
        home.source("id\n1\n2\n", biz_dt)
        home.land(biz_dt)
    other = home.root / "out" / "t" / f"biz_dt={BEFORE}"
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in other.iterdir()}
    home.source("id\n")
    with pytest.raises(EmptyResultError):
        home.land(keys="id")
    assert len(home.rows()) == 4
    assert home.told("checks") == []
    landed = home.land(keys="id", allow_empty=True, system={"checks.blocking": "true"})
    assert found(landed)["changes"]["deleted"] == 2
    assert home.rows() == [("1", BEFORE), ("2", BEFORE)]
    after = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in other.iterdir()}
    assert after == before
