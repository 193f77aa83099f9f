"""Formats of sources and sinks: real small files, as they come."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.landing_home import Home, sink
from tests.samples import DATE

if TYPE_CHECKING:
    pass

pytestmark = pytest.mark.spark

IN = "in/{biz_dt}.csv"


def csv(*, schema: str | None = None, **options: Any) -> dict[str, Any]:
    """A source; null_tokens and bad_records are its own keys, all else are options."""
    own = {key: options.pop(key) for key in ("null_tokens", "bad_records") if key in options}
    given = {"header": True, **options}
    return {"format": "csv", "path": IN, "options": given, "schema": schema, **own}


def values(home: Home) -> list[tuple[str, ...]]:
    """The landed rows without their date."""
    return [row[:-1] for row in home.rows()]


def test_csv_with_all_that_it_may_have(home: Home) -> None:
    """No header, another delimiter, quote, escape and encoding, newlines within quotes."""
    text = "1|'Jürgen|Größe'|5,5\r\n2|'two\nlines, one \\'quote\\''|\r\n3|Straße|-1\r\n"
    home.source(text, encoding="iso-8859-1")
    source = csv(
        header=False, delimiter="|", quote="'", multiLine=True, encoding="iso-8859-1",
        schema="id INT, name STRING, amount STRING",
    )  # fmt: skip
    home.land(sources=[source])
    assert values(home) == [
        ("1", "Jürgen|Größe", "5,5"),
        ("2", "two\nlines, one 'quote'", "None"),
        ("3", "Straße", "-1"),
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "windows-1252"])
def test_csv_in_other_encodings(home: Home, encoding: str) -> None:
    home.source("id,name\n1,Žofie €\n", encoding=encoding)
    home.land(sources=[csv(encoding=encoding, multiLine=True)])
    assert values(home) == [("1", "Žofie €")]


def test_each_null_token_is_null_in_every_type(home: Home) -> None:
    """NA- is none. A date is read by its own format, a number with a blank as ever: as null."""
    home.source(
        "id;name;amount;day;flag\n1;NA;-;\"01/02/2024\";true\n2;\"\";NA;NA;-\n"
        "-;NA-;\" 2.50\";-;NA\n4;\"a;\"\"b\n\";;\"\";\n"
    )  # fmt: skip
    schema = "id INT, name STRING, amount DECIMAL(9,2), day DATE, flag BOOLEAN"
    options = {"sep": ";", "multiLine": True, "escape": '"', "dateFormat": "dd/MM/yyyy"}
    source = csv(schema=schema, null_tokens=["", "NA", "-"], **options)
    # Not all of the columns: Spark then parses no others.
    hql = "SELECT id, name, amount, day FROM row1"
    home.land(sources=[source], hql=hql)
    assert values(home) == [
        ("1", "None", "None", "2024-02-01"),
        ("2", "None", "None", "None"),
        ("4", 'a;"b\n', "None", "None"),
        ("None", "NA-", "None", "None"),
    ]
    assert home.land(sources=[source], hql="SELECT count(*) AS n FROM row1").row_count == 1
    assert values(home) == [("4",)]


@pytest.mark.parametrize("tokens", [["NA"], ["NA", "", "-"]])
def test_null_tokens_without_a_schema(home: Home, tokens: list[str]) -> None:
    home.source('id,a.b\n1,NA\n2,""\n3,-\n')
    home.land(sources=[csv(null_tokens=tokens)])
    given = ["", "-"] if len(tokens) == 1 else ["None", "None"]
    assert values(home) == [("1", "None"), ("2", given[0]), ("3", given[1])]


def test_one_null_token_goes_with_inferred_types(home: Home) -> None:
    home.source("id,a\n1,NA\n2,5\n")
    home.land(sources=[csv(null_tokens=["NA"], inferSchema=True)])
    assert dict(home.spark.read.orc(str(home.root / "out/t")).dtypes)["a"] == "int"
    assert values(home) == [("1", "None"), ("2", "5")]


@pytest.mark.parametrize("schema", [None, "id INT, tags ARRAY<STRING>, note STRING"])
def test_json_lines(home: Home, schema: str | None) -> None:
    home.source('{"id": 1, "tags": ["a", "b"], "note": "x\\ny"}\n{"id": 2, "note": null}\n')
    home.land(sources=[{"format": "json", "path": IN, "schema": schema}])
    assert dict(home.spark.read.orc(str(home.root / "out/t")).dtypes)["id"] == (
        "int" if schema else "bigint"
    )
    columns = home.spark.read.orc(str(home.root / "out/t")).select("id", "tags", "note")
    assert [tuple(row) for row in columns.orderBy("id").collect()] == [
        (1, ["a", "b"], "x\ny"),
        (2, None, None),
    ]


def test_formats_that_tell_their_columns_and_any_other_by_its_name(home: Home) -> None:
    """Each is a sink, then a source whose schema is in its footers, or is Spark's for it."""
    home.source("id,note\n1,a\n2,b\n")
    hql = "SELECT CAST(id AS SMALLINT) AS id, DATE '2024-02-29' AS day, note FROM row1"
    binary = "SELECT note AS value FROM row1"
    home.land(sinks=[sink("parquet", "out/p", "biz_dt"), sink("orc", "out/o", "biz_dt")], hql=hql)
    home.land(sinks=[sink("text", "out/x/{biz_dt}", options={"compression": "gzip"})], hql=binary)
    for form, path in (("parquet", "out/p/biz_dt={biz_dt}"), ("orc", "out/o/biz_dt={biz_dt}")):
        landed = home.land(sources=[{"format": form, "path": path}])
        assert [each["type"] for each in landed.columns][:3] == ["smallint", "date", "string"]
        assert values(home) == [("1", "2024-02-29", "a"), ("2", "2024-02-29", "b")]
    home.land(sources=[{"format": "text", "path": "out/x/{biz_dt}"}])
    assert values(home) == [("a",), ("b",)]
    binaries = {"format": "binaryFile", "path": "in", "options": {"pathGlobFilter": "*.csv"}}
    home.land(sources=[binaries], hql="SELECT length, decode(content, 'utf-8') AS t FROM row1")
    assert values(home) == [("16", "id,note\n1,a\n2,b\n")]


def test_text_sinks_are_written_as_their_options_say(home: Home) -> None:
    home.source("id,note\n1,é\n")
    options = {"header": "true", "sep": ";", "encoding": "iso-8859-1", "nullValue": "NA"}
    sinks = [
        sink("csv", "out/c/{biz_dt}", options=options),
        sink("json", "out/j", "biz_dt", options={"ignoreNullFields": "false"}),
    ]
    home.land(sinks=sinks, hql="SELECT id, note, CAST(NULL AS INT) AS n FROM row1")
    (text,) = (home.root / "out" / "c" / DATE).glob("part-*")
    assert text.read_bytes() == "id;note;n\n1;é;NA\n".encode("iso-8859-1")
    (lines,) = (home.root / "out" / "j" / f"biz_dt={DATE}").glob("part-*")
    assert json.loads(lines.read_text(encoding="utf-8")) == {"id": "1", "note": "é", "n": None}
