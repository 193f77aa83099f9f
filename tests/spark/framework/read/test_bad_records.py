"""Records that do not fit the schema of their source."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from framework.errors import BadRecordsError, EmptyResultError, SourceGoneError
from tests.landing_home import Home, sink
from tests.samples import DATE

if TYPE_CHECKING:
    pass

pytestmark = pytest.mark.spark

SCHEMA = "id INT, name STRING, day DATE"
GOOD = "1,a,2024-05-01\n2,b,\n"
# A number that is none, a date that there is not, a cell too few and one too many.
BAD = ["x,c,2024-05-01", "3,d,2024-02-30", "4,e", "5,f,2024-05-01,6"]
DEFAULT = "out/t/_rejected/job"


def source(limit: int = 10, path: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "format": "csv", "path": "in/{biz_dt}.csv", "options": {"header": True},
        "schema": SCHEMA, "bad_records": {"limit": limit, "path": path}, **more,
    }  # fmt: skip


def kept(home: Home, folder: str = DEFAULT) -> list[tuple[str, str, str]]:
    files = (home.root / folder / f"biz_dt={DATE}").glob("part-*")
    rows = [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]
    return sorted((row["source"], row["file"].rpartition("/")[2], row["record"]) for row in rows)


def test_are_kept_with_their_file_and_counted(home: Home) -> None:
    """However few columns the query reads, and whatever rows it wants."""
    home.source(f"id,name,day\n{GOOD}" + "\n".join(BAD))
    landed = home.land(sources=[source()], hql="SELECT name FROM row1 LIMIT 1")
    assert (landed.rows_read, landed.rejected_rows, landed.row_count) == (6, 4, 1)
    assert landed.rejected_path == f"{home.root.as_posix()}/{DEFAULT}/biz_dt={DATE}"
    assert kept(home) == sorted(("row1", f"{DATE}.csv", record) for record in BAD)
    home.land(sources=[source()])
    # The folder for them is none of the table's.
    assert home.rows() == [("1", "a", "2024-05-01", DATE), ("2", "b", "None", DATE)]
    assert home.leftovers() == []


def test_replace_those_of_the_last_landing_of_the_date(home: Home) -> None:
    for records in (BAD, BAD[2:3]):
        home.source(f"id,name,day\n{GOOD}" + "\n".join(records))
        home.land(sources=[source()])
    assert kept(home) == [("row1", f"{DATE}.csv", "4,e")]
    home.source(f"id,name,day\n{BAD[0]}")
    with pytest.raises(EmptyResultError, match="1 of the records do not fit their schema, and no"):
        home.land(sources=[source()])
    assert kept(home) == [("row1", f"{DATE}.csv", "4,e")]
    home.source(f"id,name,day\n{GOOD}")
    landed = home.land(sources=[source()])
    assert (landed.rejected_rows, landed.rejected_path) == (0, None)
    assert sorted(each.name for each in (home.root / "out/t").iterdir()) == [f"biz_dt={DATE}"]


@pytest.mark.parametrize("limit", [0, 3])
def test_more_than_the_limit_fail_the_date_and_are_shown(home: Home, limit: int) -> None:
    home.source(f"id,name,day\n{GOOD}")
    home.land(sources=[source(limit)])
    home.source("id,name,day\n" + "\n".join([f"y,{'n' * 200},", *BAD[:3]]))
    with pytest.raises(BadRecordsError) as refused:
        home.land(sources=[source(limit)])
    assert (refused.value.count, refused.value.limit) == (4, limit)
    first, *shown = str(refused.value).splitlines()
    assert f"row1: 4 records of {home.root.as_posix()}/in/{DATE}.csv do not fit" in first
    assert shown[0].endswith(f"{DATE}.csv: {('y,' + 'n' * 98)!r}")
    assert [line.rpartition(": ")[2] for line in shown[1:3]] == [repr(BAD[0]), repr(BAD[1])]
    assert len(home.rows()) == 2
    assert not (home.root / DEFAULT).exists()


def test_a_null_token_makes_no_record_bad(home: Home) -> None:
    """And with several of them a bad record is kept as it came."""
    home.source("id,name,day\nNA,-,NA\n-,x,-\nno,NA,-\n7,-\n")
    tokens = ["NA", "-"]
    landed = home.land(sources=[source(null_tokens=tokens)], keys="id")
    assert (landed.row_count, landed.rejected_rows) == (2, 2)
    assert home.rows() == [("None", "None", "None", DATE), ("None", "x", "None", DATE)]
    assert [record for _, _, record in kept(home)] == ["7,-", "no,NA,-"]


def test_of_json_lines_and_of_several_sources(home: Home) -> None:
    """One folder for the sources that share it; a path is kept apart by job and date."""
    lines = ['{"id": 1}', '{"id": "one"}', '{"id": 2', "no JSON"]
    (home.root / "j").mkdir()
    (home.root / "j" / "a.json").write_text("\n".join(lines))
    home.source(f"id,name,day\n{GOOD}{BAD[0]}\n")
    json_lines = {
        "format": "json", "path": "j", "schema": "id INT",
        "bad_records": {"limit": 3, "path": "bad/{biz_dt:%Y}"},
    }  # fmt: skip
    sources = [source(path="bad/2024"), json_lines, source(1)]
    hql = "SELECT row1.id FROM row1 JOIN row2 ON row1.id = row2.id"
    landed = home.land(sources=sources, hql=hql)
    assert (landed.row_count, landed.rejected_rows) == (1, 5)
    assert kept(home, "bad/2024/job") == [
        ("row1", f"{DATE}.csv", BAD[0]),
        *sorted(("row2", "a.json", line) for line in lines[1:]),
    ]
    assert kept(home) == [("row3", f"{DATE}.csv", BAD[0])]


def test_of_a_job_that_writes_to_tables_alone(home: Home) -> None:
    url = f"jdbc:derby:memory:{home.root.name};create=true"
    options = {"url": url, "driver": "org.apache.derby.jdbc.EmbeddedDriver"}
    home.source(f"id,name,day\n{GOOD}{BAD[0]}\n")
    table = sink("jdbc", "fitting", options=options)
    landed = home.land(sources=[source(path="bad")], sinks=[table])
    assert (landed.row_count, landed.rejected_rows, landed.rows_read) == (2, 1, 3)
    assert kept(home, "bad/job") == [("row1", f"{DATE}.csv", BAD[0])]
    assert home.leftovers("bad") == []


DAYS = ["2024-05-15", "2024-5-15", "2024-05-15T00:00:00.000Z", "2024-05-15 00:00:00.0"]
NO_DAYS = [
    "202405", "2024", "2024-05", "2024-05-15 garbage", "2024-05-15 12:30:00", "2024-02-30",
    "20240515", "12:30", "12024-05-15",
]  # fmt: skip
# All are the same instant in UTC.
TIMES = [
    "2024-05-15 12:30:00", "2024-05-15T12:30:00Z", "2024-05-15 12:30", "2024-5-15 12:30:0.000000",
    "2024-05-15T12:30:00.000+00:00", "2024-05-15T20:30:00+0800", "2024-05-15 20:30:00 +08",
    "2024-05-15 21:30:00 Asia/Tokyo", "2024-05-15 12:30:00 UTC", "2024-05-15T12:30:00.000000001",
]  # fmt: skip
NO_TIMES = [
    "12:30", "12:30:00", "T12:30", "202405", "2024", "2024-05", "2024-05-15 garbage",
    "2024-05-15 25:00", "2024-05-15 12:30:00 garbage",
]  # fmt: skip


def as_csv(kind: str, text: str) -> str:
    return f"d;{text};" if kind == "d" else f"t;NA;{text}"


def as_json(kind: str, text: str) -> str:
    return json.dumps({"kind": kind, kind: text})


@pytest.mark.parametrize(
    ("form", "line", "tokens"),
    [("csv", as_csv, ["NA"]), ("csv", as_csv, ["-", "NA"]), ("json", as_json, [])],
)
def test_days_and_times_fit_in_their_usual_forms_only(
    home: Home, form: str, line: Callable[[str, str], str], tokens: list[str]
) -> None:
    """With several null tokens too, as a record with one is parsed again."""
    good = [*(("d", text) for text in DAYS), *(("t", text) for text in TIMES)]
    bad = [*(("d", text) for text in NO_DAYS), *(("t", text) for text in NO_TIMES)]
    home.source("\n".join(line(*each) for each in [*good, *bad]))
    given = source(50, format=form, schema="kind STRING, d DATE, t TIMESTAMP", null_tokens=tokens)
    given["options"] = {"sep": ";", "timeZone": "UTC"}
    hql = "SELECT kind, d, unix_micros(t) AS t FROM row1"
    landed = home.land(sources=[given], hql=hql)
    assert sorted(record for _, _, record in kept(home)) == sorted(line(*each) for each in bad)
    assert landed.rejected_rows == len(bad)
    days, times = home.rows()[: len(DAYS)], home.rows()[len(DAYS) :]
    assert {row[1:3] for row in days} == {("2024-05-15", "None")}
    noon = datetime(2024, 5, 15, 12, 30, tzinfo=timezone.utc)
    assert {row[1:3] for row in times} == {("None", f"{noon.timestamp():.0f}000000")}


def test_formats_that_the_source_gives_are_its_own(home: Home) -> None:
    home.source("15/05/2024,202405\n2024-05-15,2024\n")
    given = source(schema="d DATE, t TIMESTAMP")
    given["options"] = {"dateFormat": "dd/MM/yyyy", "timestampFormat": "yyyyMM"}
    landed = home.land(sources=[given])
    assert landed.rejected_rows == 1
    assert home.rows() == [("2024-05-15", "2024-05-01 00:00:00", DATE)]


def test_the_parser_of_spark_2_is_given_no_formats_that_it_does_not_know(home: Home) -> None:
    home.source("2024-05-15,2024-05-15 12:30:00\nx,\n")
    given = {**source(schema="d DATE, t TIMESTAMP"), "options": {}}
    home.spark.conf.set("spark.sql.legacy.timeParserPolicy", "LEGACY")
    try:
        landed = home.land(sources=[given])
    finally:
        home.spark.conf.unset("spark.sql.legacy.timeParserPolicy")
    assert landed.rejected_rows == 1
    assert home.rows() == [("2024-05-15", "2024-05-15 12:30:00", DATE)]


# What a type takes, and what it does not: see the page about bad records.
FITS: dict[str, tuple[list[str], list[str]]] = {
    "INT": (["1", "+1", "-007"], ["1.0", "1e3", " 1", "1 ", "1,000", "99999999999", "x"]),
    "DOUBLE": (["1", "1e3", "NaN"], ["1,5", "one"]),
    "DECIMAL(5,2)": (["1.55", "1.550", "1e2"], ["1234.5", " 1.5", "x", "1.555", "999.995"]),
    "DECIMAL(18,2)": (["1234567890123456.78"], ["1234567890123456.785"]),
    "BOOLEAN": (["true", "FALSE"], ["1", "yes", "t"]),
    "TIMESTAMP_NTZ": (["2024-05-15 12:30"], ["2024", "202405", "12:30", "2024-05-15T12:30:00Z"]),
}


def test_cells_that_fit_each_type(home: Home) -> None:
    kinds = list(FITS)

    def line(kind: str, text: str) -> str:
        return ";".join(text if each == kind else "" for each in kinds)

    good = [line(kind, text) for kind in kinds for text in FITS[kind][0]]
    bad = [line(kind, text) for kind in kinds for text in FITS[kind][1]]
    home.source("\n".join([*good, *bad]))
    schema = ", ".join(f"c{place} {kind}" for place, kind in enumerate(kinds))
    landed = home.land(
        sources=[{**source(50, schema=schema), "options": {"sep": ";"}}],
        hql="SELECT count(*) AS n FROM row1",
    )
    assert landed.rejected_rows == len(bad)
    assert sorted(record for _, _, record in kept(home)) == sorted(bad)
    assert home.rows() == [(str(len(good)), DATE)]


@pytest.mark.parametrize("form", ["csv", "json"])
def test_values_that_spark_would_round_or_leave_out(home: Home, form: str) -> None:
    """Their records are written again from their values."""
    cells = [("1", "1.5", "a|b"), ("2", "1.555", "a|b"), ("", "-0.001", "c"), ("", "2.00", "d")]
    names = ("id", "amount", "note")
    if form == "csv":
        home.source("id|amount|note\n" + "\n".join(f"{a}|{b}|'{c}'" for a, b, c in cells))
        wanted = ["2|1.555|'a|b'", "|-0.001|c", "|2|d"]
    else:
        home.source("\n".join(
            json.dumps({k: v for k, v in zip(names, each, strict=True) if v}) for each in cells
        ))  # fmt: skip
        wanted = ['{"amount":"-0.001","note":"c"}', '{"amount":"2","note":"d"}',
                  '{"id":"2","amount":"1.555","note":"a|b"}']  # fmt: skip
    schema = "id STRING NOT NULL, amount DECIMAL(5,2), note STRING"
    given = source(3, format=form, schema=schema)
    given["options"] = {"header": True, "sep": "|", "quote": "'"}
    assert home.land(sources=[given], keys="amount").rejected_rows == 3
    assert sorted(record for _, _, record in kept(home)) == sorted(wanted)
    assert home.rows() == [("1", "1.50", "a|b", DATE)]
    assert dict(home.spark.read.orc(str(home.root / "out/t")).dtypes)["amount"] == "decimal(5,2)"


def test_a_source_that_goes_while_it_is_read(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from framework.read import bad_records

    real = bad_records.read_records

    def read(*args: Any, **more: Any) -> Any:
        rows = real(*args, **more)
        (home.root / "in" / f"{DATE}.csv").unlink()
        return rows

    monkeypatch.setattr(bad_records, "read_records", read)
    home.source(f"id,name,day\n{GOOD}")
    with pytest.raises(SourceGoneError, match=f"in/{DATE}.csv disappeared"):
        home.land(sources=[source()])
