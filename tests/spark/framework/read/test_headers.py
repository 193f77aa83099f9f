"""The headers of CSV files against the schema, against each other, and columns by name."""

from __future__ import annotations

import bz2
import gzip
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from framework.errors import BadRecordsError, HeaderError, SourceGoneError
from framework.readers import read_csv
from tests.landing_home import Home
from tests.samples import DATE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

SCHEMA = "id INT, gross DECIMAL(9,2), net DECIMAL(9,2)"
SWAPPED = "id,net,gross\n1,80.00,100.00\n"
RIGHT = ("1", "100.00", "80.00")


def source(
    path: str = "in/{biz_dt}.csv", schema: str | None = SCHEMA, **more: Any
) -> dict[str, Any]:
    """A source with a header; its own keys as they are, all else are options."""
    own = {key: more.pop(key) for key in ("columns", "bad_records", "null_tokens") if key in more}
    options = {"header": True, **more}
    return {"format": "csv", "path": path, "options": options, "schema": schema, **own}


def values(home: Home) -> list[tuple[str, ...]]:
    """The landed rows without their date."""
    return [row[:-1] for row in home.rows()]


def put(home: Home, **files: str) -> None:
    """Write CSV files by their names into the folder in."""
    (home.root / "in").mkdir(exist_ok=True)
    for name, text in files.items():
        (home.root / "in" / f"{name}.csv").write_bytes(text.encode())


@pytest.mark.parametrize("more", [{}, {"bad_records": {"limit": 0}}, {"null_tokens": ["", "-"]}])
def test_another_order_is_refused_and_lands_by_name(home: Home, more: dict[str, Any]) -> None:
    home.source(SWAPPED)
    with pytest.raises(HeaderError) as refused:
        home.land(sources=[source(**more)])
    assert str(refused.value).splitlines() == [
        f"{home.root.as_posix()}/in/{DATE}.csv: the header is not the schema's, and cells are read "
        "by place, so values would land under wrong names; nothing was published, the old data is "
        "in place. The headers:",
        f"  - {home.root.as_posix()}/in/{DATE}.csv: id, net, gross",
        "The schema: id, gross, net",
        "Deliver the files again, or correct the schema in the job's context_params; or give the "
        "source `columns: by_name` (each file by its own header) or `columns: by_place` (whatever "
        "the headers say).",
    ]
    assert not (home.root / "out/t").exists()
    home.land(sources=[source(columns="by_name", **more)])
    assert values(home) == [RIGHT]
    home.land(sources=[source(columns="by_place", **more)])
    assert values(home) == [("1", "80.00", "100.00")]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("1,100.00,80.00\n2,1,1\n", id="no header line"),
        pytest.param("id,gross\n1,2\n", id="a column fewer"),
        pytest.param("id,gross,net,tax\n1,2,3,4\n", id="a column more"),
        pytest.param("id,gross,gross\n1,2,3\n", id="a name twice"),
        pytest.param(",,\n1,2,3\n", id="no names"),
        pytest.param("id;gross;net\n1;2;3\n", id="another separator"),
    ],
)
def test_what_is_refused_however_few_columns_are_read(home: Home, text: str) -> None:
    home.source(text)
    for hql in ("SELECT id FROM row1", "SELECT count(*) AS n FROM row1"):
        with pytest.raises(HeaderError) as refused:
            home.land(sources=[source()], hql=hql)
        assert len(refused.value.faults) == 1
        may_be_row = text.startswith(("1,", ",", "id;"))
        assert ("may be a row of a file without a header" in str(refused.value)) is may_be_row


@pytest.mark.parametrize(
    ("text", "options"),
    [
        pytest.param("ID, Gross ,NET\n1,100,80\n", {}, id="case and blanks"),
        pytest.param('"id","gross","net"\r\n1,100,80\r\n', {}, id="quotes"),
        pytest.param("\ufeffid,gross,net\n1,100,80\n", {}, id="byte order mark"),
        pytest.param("\ufeff\"id\",gross,net\n1,100,80\n", {"multiLine": True}, id="mark, quotes"),
        pytest.param("\n  \nid,gross,net\n1,100,80\n", {}, id="empty lines first"),
        pytest.param("# a\n#b\n\nid,gross,net\n1,100,80\n", {"comment": "#"}, id="comments"),
        pytest.param("id||gross||net\n1||100||80\n", {"sep": "||"}, id="a long separator"),
        pytest.param("id\tgross\tnet\n1\t100\t80\n", {"DELIMITER": "\\t"}, id="a tab"),
        pytest.param("id,gross,net,\n1,100,80,\n", {}, id="a separator at the end"),
        pytest.param("id,gross,net\r1,100,80\r", {}, id="lines of old Macs"),
        pytest.param("id,gross,net;1,100,80;", {"lineSep": ";"}, id="lines by a sign"),
        pytest.param("'id','gro''ss','net'\n1,100,80\n", {"quote": "'", "escape": "'"},
                     id="another quote"),
        pytest.param("#" * 9000 + "\nid,gross,net\n1,100,80\n", {"comment": "#"}, id="far down"),
        pytest.param("id,gross,net", {}, id="a header alone"),
    ],
)  # fmt: skip
def test_headers_that_are_the_schema(home: Home, text: str, options: dict[str, Any]) -> None:
    schema = SCHEMA if "gro''ss" not in text else SCHEMA.replace("gross", "`gro'ss`")
    home.source(text)
    home.land(sources=[source(schema=schema, **options)], allow_empty=True)
    assert values(home) == ([RIGHT] if "100" in text else [])


@pytest.mark.parametrize("encoding", ["utf-16", "windows-1252"])
@pytest.mark.parametrize("order", ["größe,name", "name,größe"])
def test_headers_in_other_encodings(home: Home, encoding: str, order: str) -> None:
    home.source(f"{order}\nŽ,Ž\n", encoding=encoding)
    given = source(schema="name STRING, `größe` STRING", encoding=encoding, multiLine=True)
    if order == "name,größe":
        home.land(sources=[given])
        return
    with pytest.raises(HeaderError, match="größe, name\nThe schema: name, größe"):
        home.land(sources=[given])


def test_a_header_over_two_lines(home: Home) -> None:
    home.source('"id","two\nlines"\n1,a\n')
    schema = "id INT, `two\nlines` STRING"
    home.land(sources=[source(schema=schema, multiLine=True)], hql="SELECT id FROM row1")
    assert values(home) == [("1",)]


def test_names_that_differ_in_case_only(home: Home) -> None:
    home.source("ID,gross,net\n1,100,80\n")
    home.spark.conf.set("spark.sql.caseSensitive", "true")
    try:
        with pytest.raises(HeaderError, match="ID, gross, net"):
            home.land(sources=[source()])
    finally:
        home.spark.conf.unset("spark.sql.caseSensitive")


def test_enforce_schema_is_left_to_spark(home: Home) -> None:
    home.source(SWAPPED)
    home.land(sources=[source(enforceSchema=True)])
    assert values(home) == [("1", "80.00", "100.00")]


@pytest.mark.parametrize("schema", [SCHEMA, None])
@pytest.mark.parametrize("columns", [None, "by_name", "by_place"])
def test_files_whose_headers_differ(home: Home, schema: str | None, columns: str | None) -> None:
    """Without a schema too, where Spark would take the first file's header for all."""
    put(home, a="id,gross,net\n1,100,80\n", b="id,net,gross\n2,80,100\n", c=SWAPPED, empty="\n")
    given = source("in/*.csv", schema, columns=columns)
    amounts = [f"CAST(CAST({name} AS DECIMAL) AS INT) AS {name}" for name in ("gross", "net")]
    hql = f"SELECT id, {', '.join(amounts)} FROM row1"
    if columns is None:
        with pytest.raises(HeaderError) as refused:
            home.land(sources=[given], hql=hql)
        faults = refused.value.faults
        base = home.root.as_posix()
        assert faults[-1] == f"{base}/in/b.csv and 1 more: id, net, gross"
        assert faults[:-1] == (() if schema else (f"{base}/in/a.csv: id, gross, net",))
        return
    home.land(sources=[given], hql=hql)
    right = [("1", "100", "80"), ("1", "100", "80"), ("2", "100", "80")]
    if columns == "by_name":
        assert values(home) == right
    else:
        # Without a schema it is not said which file's header Spark takes.
        assert values(home) != right


def test_by_name_finds_columns_among_others_and_keeps_bad_records(home: Home) -> None:
    put(
        home,
        a="tax,id,gross,net\n5,1,100,80\n5,NA,x,80\n",
        b="net,ID,note,gross\n80,2,hello,100\n80,3\n-,4,,NA\n",
    )
    given = source(
        "in", columns="by_name", bad_records={"limit": 2}, null_tokens=["NA", "-"], schema=SCHEMA
    )
    landed = home.land(sources=[given])
    assert (landed.rejected_rows, landed.rows_read) == (2, 5)
    assert values(home) == [RIGHT, ("2", "100.00", "80.00"), ("4", "None", "None")]
    rows = home.rows("out/t/_rejected/job", "json")
    assert [(row[0].rpartition("/")[2], row[1]) for row in rows] == [
        ("a.csv", "5,NA,x,80"), ("b.csv", "80,3"),
    ]  # fmt: skip
    with pytest.raises(BadRecordsError):
        home.land(sources=[{**given, "bad_records": {"limit": 1}}])


def test_by_name_with_signs_that_are_encoded_in_several_ways(home: Home) -> None:
    odd = ("a@1+(2),b&$;'!~.csv", "ö %41#.csv")
    for name, text in zip(odd, (SWAPPED, "gross,id,net\n100.00,2,80.00\n"), strict=True):
        (home.root / "in").mkdir(exist_ok=True)
        (home.root / "in" / name).write_text(text)
    home.land(sources=[source("in", columns="by_name")])
    assert values(home) == [RIGHT, ("2", *RIGHT[1:])]


def test_by_name_refuses_what_it_can_not_find(home: Home) -> None:
    put(home, a="id,gross,gross\n1,2,3\n", b="id,gross,net\n1,2,3\n")
    with pytest.raises(HeaderError, match=r"a.csv: id, gross, gross \(lacks net; has twice gross"):
        home.land(sources=[source("in", columns="by_name")])


@pytest.mark.parametrize("columns", [None, "by_name"])
def test_columns_of_folders_are_in_no_header(home: Home, columns: str | None) -> None:
    """With compressed files, and signs that a URL encodes."""
    header = "id,gross,net" if columns is None else "net,id,gross"
    row = "1,100,80" if columns is None else "80,1,100"
    files = {
        "day=2024-05-01/branch=01/a b%41.csv": f"{header}\n{row}\n".encode(),
        "day=2024-05-02/branch=02/b#.csv.gz": gzip.compress(f"{header}\n{row}\n".encode()),
        # Read through Hadoop, as Python has no opener for it.
        "day=2024-05-02/branch=02/d.csv.deflate": zlib.compress(f"{header}\n{row}\n".encode()),
        "day=2024-05-03/branch=02/c.csv.bz2": bz2.compress(b"id,gross,net\n1,100,80\n1,NA,-\n"),
    }
    for name, data in files.items():
        file = home.root / "in" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    schema = f"{SCHEMA}, day DATE, branch STRING"
    given = source("in", schema, columns=columns, null_tokens=["NA", "-"])
    home.land(sources=[{**given, "bad_records": {"limit": 0}}], keys="id,day,gross")
    assert values(home) == [
        ("1", "100.00", "80.00", "2024-05-01", "01"), ("1", "100.00", "80.00", "2024-05-02", "02"),
        ("1", "100.00", "80.00", "2024-05-02", "02"),
        ("1", "100.00", "80.00", "2024-05-03", "02"), ("1", "None", "None", "2024-05-03", "02"),
    ]  # fmt: skip
    swapped = b"id,gross,what\n1,100,80\n"
    folder = home.root / "in/day=2024-05-02/branch=02"
    (folder / "b#.csv.gz").write_bytes(gzip.compress(swapped))
    (folder / "d.csv.deflate").write_bytes(zlib.compress(swapped))
    with pytest.raises(HeaderError, match=r"b#\.csv\.gz and 1 more: id, gross, what"):
        home.land(sources=[given])


def test_readers_of_scripts_compare_headers_too(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOB_BASE_DIR", str(tmp_path))
    (tmp_path / "a.csv").write_text(SWAPPED)
    with pytest.raises(HeaderError):
        read_csv(spark, "a.csv", schema=SCHEMA, options={"header": "true"})
    options = {"header": "true", "enforceSchema": "true"}
    assert read_csv(spark, "a.csv", schema=SCHEMA, options=options).count() == 1
    as_it_is: dict[str, Any] = {**options, "header": True}
    assert read_csv(spark, "a.csv", schema=SCHEMA, options=as_it_is).count() == 1


def test_a_file_that_goes_before_its_header_is_read(home: Home) -> None:
    from framework.read.headers import check_headers
    from framework.read.opened_files import OpenedFiles
    from framework.storage.file_heads import FileHeads

    # Spark lists the files of folders that are columns.
    files = [home.root / "in" / f"day={day}" / "a.csv" for day in (1, 2)]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_text(SWAPPED)
    options = {"header": "true"}
    rows = home.spark.read.schema(SCHEMA).csv((home.root / "in").as_uri())
    files[1].unlink()
    opened = OpenedFiles(rows, (home.root / "in").as_posix(), options)
    with pytest.raises(SourceGoneError, match=r"day=2/a\.csv"):
        check_headers(opened, FileHeads(home.spark, options), has_schema=True)


UNUSUAL = [
    ("id,name\n1,a\n", {}),
    ('"id","na me"\n"1","a"\n', {"multiLine": True}),
    ('"id","na\nme"\n"1","a\nb"\n', {"multiLine": True}),
    ('"id","na""me"\r\n"1","a"\r\n', {"multiLine": True, "escape": '"'}),
    (" id , name \n1 , a\n", {"ignoreLeadingWhiteSpace": True, "ignoreTrailingWhiteSpace": True}),
    (" id , name \n1 , a\n", {"multiLine": True}),
    ("\n \nid,name\n1,a\n", {"multiLine": True}),
    ("\n \nid,name\n1,a\n", {}),
    ("#c\nid,name\n1,a\n", {"comment": "#"}),
    ("#c\nid,name\n1,a\n", {"comment": "#", "multiLine": True}),
    ("id,ID,x\n1,a,\n", {}),
    ("id,,x,\n1,a,b,c\n", {}),
    ("id,none\n1,none\n", {"nullValue": "none"}),
    ("\ufeffid;n\u00e4me\n1;a\n", {"sep": ";"}),
    ("\ufeffid,name\n1,a\n", {"multiLine": True}),
    ("id,_corrupt_record\n1,a,b\n", {}),
    ("id,name\n1\n2,b,c\n", {"mode": "PERMISSIVE"}),
    ("id,name\n1,2\n", {"inferSchema": True}),
    ("id,name\n", {}),
    ("id", {"multiLine": True}),
    ("1,a\n", {"header": False}),
]


@pytest.mark.parametrize(("text", "options"), UNUSUAL)
def test_without_a_schema_the_columns_are_those_that_spark_finds(
    home: Home, text: str, options: dict[str, Any]
) -> None:
    """In a file, and in two that have the same header."""
    given = {"header": True, **options}
    put(home, a=text)
    for _ in range(2):
        spark_s = home.spark.read.options(**given).csv(f"{home.root}/in")
        ours = read_csv(home.spark, "in", options=given)
        assert ours.schema == spark_s.schema
        assert sorted(ours.collect(), key=str) == sorted(spark_s.collect(), key=str)
        put(home, b=text)


def test_no_job_looks_for_the_columns_of_headers_that_agree(home: Home) -> None:
    put(home, a='"id","name"\n1,a\n', b='"id","name"\n2,b\n', c="")
    context = home.spark.sparkContext
    context.setJobGroup("columns", "columns")
    try:
        rows = read_csv(home.spark, "in", options={"header": "true", "multiLine": "true"})
        jobs = context.statusTracker().getJobIdsForGroup("columns")
    finally:
        context.setLocalProperty("spark.jobGroup.id", None)
    assert (rows.columns, list(jobs)) == (["id", "name"], [])
    assert sorted(map(tuple, rows.collect())) == [("1", "a"), ("2", "b")]
