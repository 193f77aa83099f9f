"""Source files of odd names and contents, by run_landing: what lands, or why it is refused."""

from __future__ import annotations

import bz2
import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from framework import landing
from framework.errors import (
    EmptyResultError,
    FrameworkError,
    HeaderError,
    SourceFilesError,
    SourceNotFoundError,
)
from framework.read import file_listing
from framework.storage import file_heads
from tests.landing_home import Home
from tests.samples import DATE, document

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

TEXT = "id,name\n1,Ann\n2,Bö\n"
ROWS = [("1", "Ann", DATE), ("2", "Bö", DATE)]
LINES = '{"id":1,"name":"Ann"}\n{"id":2,"name":"Bö"}\n'
SCHEMA = "id INT, name STRING"

Land = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def land(home: Home, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Land:
    """Land files from a folder, with a path below it, and return the rows."""
    monkeypatch.setattr(spark, "stop", lambda: None)
    monkeypatch.setattr(landing, "get_spark", lambda: spark)
    monkeypatch.setenv("JOB_PARAMS_FILE", str(home.root / "p.json"))

    def land(
        files: dict[str, bytes],
        path: str = "in",
        *,
        options: dict[str, Any] | None = None,
        hql: str | None = None,
        allow_empty: bool = False,
        system: dict[str, str] | None = None,
        **source: Any,
    ) -> list[tuple[Any, ...]]:
        (home.root / "in").mkdir(exist_ok=True)
        for name, data in files.items():
            file = home.root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        given = {"format": "csv", "path": path, "schema": SCHEMA, **source}
        given["options"] = {"header": True, **(options or {})}
        context: dict[str, Any] = {"sources": [given], "allow_empty": allow_empty}
        if hql:
            (home.root / "x.hql").write_text(hql)
            context["hql"] = "x.hql"
        params = document(**context)
        params["sys_params"] = [
            {"param_key": key, "param_value": value, "param_type": "system"}
            for key, value in (system or {}).items()
        ]
        (home.root / "p.json").write_text(json.dumps(params))
        landing.run_landing()
        return home.rows()

    return land


def refusal(error: type[FrameworkError], land: Land, *args: Any, **more: Any) -> str:
    with pytest.raises(error) as refused:
        land(*args, **more)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "data", "source"),
    [
        ("a.csv", TEXT.encode("utf-8-sig"), {}),
        ("a.csv", TEXT.encode("utf-16"), {"options": {"encoding": "UTF-16", "multiLine": True}}),
        (
            "a.csv",
            TEXT.encode("utf-16-le"),
            {"options": {"encoding": "UTF-16LE", "multiLine": True}},
        ),
        ("a.csv", TEXT.encode("utf-16"), {"options": {"encoding": "UTF-16LE", "lineSep": "\n"}}),
        ("a.csv", TEXT.encode("utf-32"), {"options": {"encoding": "UTF-32", "multiLine": True}}),
        ("a.csv", TEXT.encode("latin-1"), {"options": {"encoding": "ISO-8859-1"}}),
        ("a.csv.gz", gzip.compress(TEXT.encode()), {}),
        ("a.csv.bz2", bz2.compress(TEXT.encode()), {}),
        ("a.json", LINES.encode("utf-8-sig"), {"format": "json"}),
        (
            "a.json",
            LINES.encode("utf-16-le"),
            {"format": "json", "options": {"encoding": "UTF-16LE", "lineSep": "\n"}},
        ),
        (
            "a.json",
            f"[{','.join(LINES.splitlines())}]".encode("utf-16"),
            {"format": "json", "options": {"encoding": "UTF-16", "multiLine": True}},
        ),
        (
            "a.json",
            f"[{','.join(LINES.splitlines())}]".encode("utf-16-be"),
            {"format": "json", "options": {"multiLine": True}},
        ),
    ],
)
def test_what_is_let_pass_lands_right(
    land: Land, name: str, data: bytes, source: dict[str, Any]
) -> None:
    """Also the options that an error advises."""
    assert land({f"in/{name}": data}, **source) == ROWS


def test_every_file_of_another_content_is_named(land: Land, home: Home) -> None:
    files = {
        "in/a.csv": TEXT.encode("utf-16"),
        "in/b.csv": gzip.compress(TEXT.encode()),
        "in/c.csv.bz2": TEXT.encode(),
        "in/d.csv": TEXT.encode(),
        "in/e.csv": TEXT.encode("latin-1"),
    }
    found = refusal(SourceFilesError, land, files, options={"encoding": "UTF-8"})
    folder = (home.root / "in").as_posix()
    assert found == (
        "4 of the sources' files can't be read as they are; nothing was published, the old data is "
        "in place:"
        f"\n  - row1: {folder}/a.csv is UTF-16LE: give the source the options encoding: UTF-16 and "
        "multiLine: true"
        f"\n  - row1: {folder}/b.csv is gzip, which its name does not say: name it .gz"
        f"\n  - row1: {folder}/c.csv.bz2 is named .bz2, but is not packed so: name it without .bz2"
        f"\n  - row1: {folder}/e.csv is not UTF-8, from character 18 on: name its own in the "
        "option encoding (such as ISO-8859-1 or windows-1252)"
    )


def test_a_setting_lands_other_content_as_spark_reads_it(land: Land) -> None:
    system = {"checks.source_files": "report"}
    rows = land({"in/a.csv": TEXT.encode("latin-1")}, system=system)
    assert rows == [("1", "Ann", DATE), ("2", "B\ufffd", DATE)]


@pytest.mark.parametrize("name", ["in/_customer.csv", "in/.customer.csv", "in/a.csv._COPYING_"])
@pytest.mark.parametrize("allow_empty", [False, True])
def test_hidden_names_are_refused_even_where_no_rows_are_right(
    land: Land, home: Home, name: str, allow_empty: bool
) -> None:
    assert land({f"in/{DATE}.csv": TEXT.encode()}, f"in/{DATE}.csv") == ROWS
    (home.root / "in" / f"{DATE}.csv").unlink()
    for path in (name, "in", "in/*"):
        found = refusal(
            SourceFilesError, land, {name: TEXT.encode()}, path, allow_empty=allow_empty
        )
        assert f"{(home.root / name).as_posix()}: Spark skips names" in found
        assert "rename it" in found
        assert "allow_empty" not in found
    assert home.rows() == ROWS


@pytest.mark.parametrize("name", ["_DONE", "_MANIFEST", "_manifest.json", "_Control.txt"])
def test_signs_that_a_delivery_is_complete_are_no_rows(land: Land, home: Home, name: str) -> None:
    assert land({f"in/{name}": b"1 file"}, "in", allow_empty=True) == []


def test_hidden_names_that_a_filter_leaves_out_are_not_missed(land: Land, home: Home) -> None:
    files = {"in/_rows.txt": b"1 row"}
    assert land(files, "in", allow_empty=True, options={"pathGlobFilter": "*.csv"}) == []


def test_content_that_a_filter_on_times_may_leave_out_is_only_warned_of(
    land: Land, home: Home
) -> None:
    files = {"in/a.csv": TEXT.encode("latin-1")}
    options = {"header": "true", "modifiedBefore": "2000-01-01T00:00:00"}
    assert land(files, "in", allow_empty=True, options=options) == []


def test_content_that_a_filter_on_times_leaves_in_is_refused(land: Land, home: Home) -> None:
    files = {"in/a.csv": TEXT.encode("latin-1")}
    options = {"modifiedAfter": "2000-01-01T00:00:00"}
    found = refusal(SourceFilesError, land, files, options=options)
    assert "in/a.csv is not UTF-8, from character 18 on" in found


@pytest.mark.parametrize(
    ("form", "good", "bad", "expected"),
    [
        ("csv", TEXT.encode(), gzip.compress(TEXT.encode()), "is gzip, which its name does not"),
        ("json", LINES.encode(), LINES.encode("utf-16"), "is UTF-16LE: "),
        ("json", LINES.encode(), b"{}", "is empty but for {}"),
        ("text", TEXT.encode(), TEXT.encode("latin-1"), "is not UTF-8, from character 18 on"),
    ],
)
def test_files_that_only_spark_lists_are_looked_at_too(
    land: Land,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    good: bytes,
    bad: bytes,
    expected: str,
) -> None:
    monkeypatch.setattr(file_listing, "_MOST_FILES", 2)
    files = {"in/a.x": good, "in/b.x": good, "in/c.x": bad, "in/d.x": good, "in/e.x": bad}
    schema = "value STRING" if form == "text" else SCHEMA
    found = refusal(SourceFilesError, land, files, format=form, schema=schema)
    folder = (home.root / "in").as_posix()
    first, *lines = found.splitlines()
    assert first.startswith("2 of the sources' files can't be read as they are; nothing was")
    for name, line in zip("ce", lines, strict=True):
        assert line.startswith(f"  - row1: {folder}/{name}.x {expected}")
    assert not (home.root / "out").exists()


def test_headers_of_files_that_only_spark_lists(
    land: Land, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_listing, "_MOST_FILES", 2)
    files = {f"in/{name}.csv": TEXT.encode() for name in "abcd"}
    assert land(files, hql="SELECT DISTINCT * FROM row1") == ROWS
    found = refusal(HeaderError, land, {"in/d.csv": b"name,id\nAnn,1\n"})
    assert f"  - {(home.root / 'in/d.csv').as_posix()}: name, id" in found


@pytest.mark.parametrize(
    ("content", "error", "expected"),
    [
        (TEXT.encode("utf-16"), SourceFilesError, "is UTF-16LE: "),
        (b"name,id\nAnn,1\n", HeaderError, "a.csv: name, id"),
    ],
)
def test_a_file_that_is_delivered_again_while_spark_starts(
    land: Land,
    home: Home,
    spark: SparkSession,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
    error: type[FrameworkError],
    expected: str,
) -> None:
    def started() -> SparkSession:
        file = home.root / "in/a.csv"
        file.write_bytes(content)
        os.utime(file, ns=(0, 1))
        return spark

    monkeypatch.setattr(landing, "get_spark", started)
    assert expected in refusal(error, land, {"in/a.csv": TEXT.encode()})


def test_the_first_bytes_are_read_once_for_the_header_too(
    land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> bytes:
        raise AssertionError("read again")

    monkeypatch.setattr(file_heads.FileHeads, "_through_hadoop", fail)
    monkeypatch.setattr(file_heads, "_OPENERS", {})
    packed = gzip.compress(b"id,name\n")
    assert land({"in/a.csv": TEXT.encode(), "in/b.csv.gz": packed}) == ROWS


def test_a_hidden_folder_on_the_way(land: Land, home: Home) -> None:
    files = {"in/_late/a.csv": TEXT.encode()}
    assert "in/_late/a.csv: Spark skips" in refusal(SourceFilesError, land, files, "in")
    # Given itself, Spark reads it.
    assert land({}, "in/_late") == ROWS
    assert land({"in/_late/_b=1/b.csv": TEXT.encode()}, "in/_late/_b=1") == ROWS


def test_what_lies_beside_data_does_not_matter(land: Land) -> None:
    files = {"in/a.csv": TEXT.encode(), "in/_SUCCESS": b"", "in/.a.csv.crc": b"crc\0"}
    assert land({**files, "in/_b.csv": TEXT.encode()}) == ROWS


@pytest.mark.parametrize(
    ("files", "source", "expected"),
    [
        (
            {"in/old/a.csv": TEXT.encode()},
            {"options": {"recursiveFileLookup": "false"}},
            "its files lie in sub-folders",
        ),
        (
            {"in/a.csv": TEXT.encode()},
            {"options": {"pathGlobFilter": "*.{dat,txt}"}},
            "pathGlobFilter leaves out",
        ),
        (
            {"in/a.csv": TEXT.encode()},
            {"options": {"modifiedBefore": "2020-01-01T00:00:00"}},
            "modifiedBefore may leave out its files",
        ),
        (
            {"in/a.csv": TEXT.encode()},
            {"hql": "SELECT * FROM row1 WHERE name = 'Nobody'"},
            "was kept: correct the HQL's filters, or deliver the rows",
        ),
    ],
)
def test_rows_out_of_sight_get_no_advice_to_land_nothing(
    land: Land, files: dict[str, bytes], source: dict[str, Any], expected: str
) -> None:
    found = refusal(EmptyResultError, land, files, **source)
    assert "the result has no rows, nothing was published. " in found
    assert expected in found
    assert "allow_empty" not in found


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"in/a.csv": b""}, "in/a.csv is empty (0 bytes)"),
        ({"in/a.csv": b"\xef\xbb\xbf"}, "in/a.csv is empty (no text but blanks or a byte order"),
        ({"in/a.csv": b"\n \n"}, "in/a.csv is empty (no text but blanks or a byte order mark)"),
        ({"in/a.csv": b"id,name\n"}, "in/a.csv has a header and no records"),
        ({"in/a.csv": b"id,name\n", "in/b.csv": b""}, "in/a.csv, "),
        ({"in/_SUCCESS": b""}, "in has no files"),
        ({}, "in has no files"),
    ],
)
def test_empty_files_are_named_and_may_be_right(
    land: Land, home: Home, files: dict[str, bytes], expected: str
) -> None:
    found = refusal(EmptyResultError, land, files)
    assert f"row1: {home.root.as_posix()}/{expected}" in found
    assert 'if a date without rows is right, put "allow_empty": true' in found
    assert land({}, allow_empty=True) == []


@pytest.mark.parametrize("format", ["csv", "json", "orc"])
@pytest.mark.parametrize("files", [{"in/a": b""}, {"in/a": b"\n"}, {"in/a": b"\xef\xbb\xbf"}, {}])
def test_empty_files_without_a_schema_have_no_columns(
    land: Land, format: str, files: dict[str, bytes]
) -> None:
    if format == "orc" and files.get("in/a"):
        files = {"in/a": b""}
    found = refusal(SourceFilesError, land, files, format=format, schema=None)
    assert "without a schema its columns are unknown: deliver it; or," in found


@pytest.mark.parametrize(
    ("data", "name"),
    [(b"{}\n", "{}"), (b"null\n", "null"), (b"[{}]\n", "{}"), (b"[{}, null]", "null")],
)
def test_json_of_nothing_but_empty_objects(land: Land, data: bytes, name: str) -> None:
    found = refusal(SourceFilesError, land, {"in/a.json": data}, format="json", allow_empty=True)
    assert f"in/a.json is empty but for {name}, a record without fields" in found


@pytest.mark.parametrize(
    ("schema", "error"), [(SCHEMA, EmptyResultError), (None, SourceFilesError)]
)
def test_json_of_an_empty_list_has_no_rows(
    land: Land, schema: str | None, error: type[FrameworkError]
) -> None:
    files = {"in/a.json": b"[]\n"}
    found = refusal(error, land, files, format="json", schema=schema)
    assert "in/a.json is empty (no text but blanks, [] or a byte order mark)" in found
    assert '"allow_empty": true' in found


def test_files_that_are_not_of_their_format(land: Land, tmp_path: Path) -> None:
    found = refusal(SourceFilesError, land, {"in/a.orc": TEXT.encode()}, format="orc")
    assert "in/a.orc is not orc: deliver it again" in found


@pytest.mark.parametrize(
    "folder", ["in [1]", "in{a,b}", "in*", "in?", "in\\d", "50%20 #1", "a=b", "in]", "in[!a]"]
)
@pytest.mark.parametrize("name", ["a.csv", "*.csv", ""])
def test_a_folder_is_read_as_its_name_is_spelled(land: Land, folder: str, name: str) -> None:
    # What the name would stand for as a pattern.
    others = dict.fromkeys(("in 1/a.csv", "ina/a.csv", "inb/a.csv", "in/a.csv"), b"id,name\n9,No\n")
    path = f"{folder}/{name}".rstrip("/").replace("{", "{{").replace("}", "}}")
    assert land({**others, f"{folder}/a.csv": TEXT.encode()}, path) == ROWS


def test_a_colon_in_a_name(land: Land) -> None:
    """With a pattern below it, Hadoop's own search fails."""
    assert land({"in/a:b/a.csv": TEXT.encode()}, "in/a:b") == ROWS


def test_a_pattern_may_hold_characters_of_names(land: Land, home: Home) -> None:
    files = {"in/x[1]a.csv": TEXT.encode(), "in/x1a.csv": b"id,name\n9,No\n"}
    assert land(files, r"in/x\[1\]*.csv") == ROWS
    with pytest.raises(SourceNotFoundError, match=r"belongs to a name, put \\"):
        land({}, "in/y[1].csv")


def test_of_several_documents_multi_line_would_read_the_first_only(land: Land) -> None:
    files, source = (
        {"in/a.json": LINES.encode()},
        {"format": "json", "options": {"multiLine": True}},
    )
    found = refusal(SourceFilesError, land, files, **source)
    assert "in/a.json holds several documents, of which Spark reads the first only" in found
    assert land(files, **source, system={"checks.source_files": "report"}) == ROWS[:1]
