"""What the first bytes of a file tell: facts measured with Spark are in tests/spark."""

from __future__ import annotations

import bz2
import gzip
import io
import tarfile
import zipfile

import pytest

from framework.read.first_bytes import (
    HEAD_BYTES,
    Head,
    content_fault,
    has_header_only,
    has_no_records,
    is_blank,
    lands_nulls_only,
)

TEXT = "id,name\n1,Ann\n2,Bö\n"
UTF16 = TEXT.encode("utf-16")
UTF16LE = TEXT.encode("utf-16-le")
LINES = '{"id":1,"name":"Bö"}\n'
ENCODED = {"encoding": "UTF-16", "multiLine": "true"}


def head(data: bytes, name: str = "a.csv") -> Head:
    return Head(f"/in/{name}", len(data), data[:HEAD_BYTES])


def fault(data: bytes, name: str = "a.csv", form: str = "csv", **options: str) -> str | None:
    return content_fault(head(data, name), form, options)


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, TEXT)
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.csv"))
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (TEXT.encode(), {}),
        (TEXT.encode(), {"encoding": "utf8"}),
        (TEXT.encode("utf-8-sig"), {}),
        (TEXT.encode("latin-1"), {"encoding": "ISO-8859-1"}),
        (TEXT.encode("latin-1"), {"charset": "windows-1252"}),
        ("id,name\n1,Ян\n".encode("cp1251"), {"Encoding": "windows-1251"}),
        ("id,name\n1,Ян\n".encode("cp1251"), {"encoding": "x-only-java-knows"}),
        (UTF16, ENCODED),
        (UTF16, {"encoding": "UTF-16LE", "lineSep": "\n"}),
        (UTF16LE, {"encoding": "utf-16le", "multiline": "True"}),
        (TEXT.encode("utf-32"), {"encoding": "UTF-32", "multiLine": "true"}),
        # Damage in a file that is UTF-8 is a finding on what lands, not another encoding.
        (TEXT.encode() * 3 + b"3,M\xfcller\n", {}),
        (b"id,name\n1,A\0n\n", {}),
        (b"ORC,name\n1,Ann\n", {}),
        (b"BZh91,name\n1,Ann\n", {}),
        (b"PAR1_CODE,name\n1,Ann\n", {}),
        (b"", {}),
        # The last character of what is read is cut.
        (b"x" * (HEAD_BYTES - 1) + "ö".encode(), {}),
    ],
)
def test_text_as_its_source_says(data: bytes, options: dict[str, str]) -> None:
    assert fault(data, **options) is None


@pytest.mark.parametrize(
    ("data", "options", "expected"),
    [
        (
            UTF16,
            {},
            "is UTF-16LE: give the source the options encoding: UTF-16 and multiLine: true",
        ),
        (
            UTF16LE,
            {},
            "is UTF-16LE: give the source the options encoding: UTF-16LE and multiLine: true",
        ),
        (
            UTF16,
            {"encoding": "UTF-16"},
            "is UTF-16LE: give the source the options encoding: UTF-16",
        ),
        (UTF16LE, ENCODED, "is UTF-16LE: give the source the options encoding: UTF-16LE"),
        (TEXT.encode("utf-32"), {}, "is UTF-32LE: give the source the options encoding: UTF-32"),
        (TEXT.encode(), {"encoding": "UTF-16"}, "is not UTF-16: leave out the option encoding"),
        (
            TEXT.encode("latin-1"),
            {},
            "is not UTF-8, from character 18 on: name its own in the option encoding (such as "
            "ISO-8859-1 or windows-1252)",
        ),
        ("a,b\n1,5 €\n".encode("cp1252"), {}, "is not UTF-8, from character 9 on: name its own in"),
        (TEXT.encode(), {"encoding": "latin1"}, "is UTF-8, the option encoding says latin1: leave"),
        (TEXT.encode("utf-8-sig"), {"encoding": "windows-1252"}, "is UTF-8, the option encoding"),
        (gzip.compress(UTF16), {}, "is gzip, which its name does not say: name it .gz"),
        (bz2.compress(TEXT.encode()), {}, "is bzip2, which its name does not say: name it .bz2"),
        (zipped("a.csv"), {}, "is a zip archive: unpack it"),
        (zipped("xl/workbook.xml"), {}, "is an Excel workbook (.xlsx): deliver it as csv"),
        (tarred(), {}, "is a tar archive: unpack it"),
        (b"PAR1\x15\x00", {}, "is Parquet: give the source the format parquet"),
        (b"ORC\x08\x03", {}, "is ORC: give the source the format orc"),
        (b"Obj\x01\x04", {}, "is Avro: give the source the format avro"),
        (b"%PDF-1.7\n", {}, "is a PDF: deliver it as csv"),
    ],
)
def test_other_content_is_named_with_its_remedy(
    data: bytes, options: dict[str, str], expected: str
) -> None:
    found = fault(data, **options)
    assert found is not None
    assert found.startswith(expected)


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.csv.gz", gzip.compress(TEXT.encode()), None),
        ("a.csv.bz2", bz2.compress(TEXT.encode()), None),
        ("a.csv.gz", TEXT.encode(), "is named .gz, but is not packed so: name it without .gz"),
        ("a.csv.bz2", TEXT.encode(), "is named .bz2, but is not packed so"),
        ("a.csv.deflate", TEXT.encode(), "is named .deflate, but is not packed so"),
        ("a.csv.zst", TEXT.encode(), "is named .zst, but is not packed so"),
        ("a.csv.lz4", TEXT.encode(), "is named .lz4, but is not packed so"),
        ("a.csv.snappy", TEXT.encode(), "is named .snappy, but is not packed so"),
        ("a.csv.lz4", b"\x04\x22\x4d\x18xx", "is LZ4 in a form that Hadoop's codec of .lz4 can't"),
        ("a.csv.lz4", b"\0\0\0\x13\0\0\0\x15", None),
        # Hadoop tells capitals apart, and would read it as it is.
        ("a.csv.GZ", gzip.compress(TEXT.encode()), "is gzip, which its name does not say"),
        ("a.csv.bz2", gzip.compress(TEXT.encode()), "is gzip, which its name does not say"),
        ("a.csv.gz", gzip.compress(UTF16), "is UTF-16LE: give the source"),
        ("a.tar.gz", gzip.compress(tarred()), "holds a tar archive, packed: unpack it"),
        ("a.csv.gz", gzip.compress(TEXT.encode("latin-1")), "is not UTF-8, from character 18"),
        # Broken, which Spark's codec names.
        ("a.csv.gz", gzip.compress(TEXT.encode())[:-10], None),
    ],
)
def test_a_name_that_says_how_a_file_is_packed(
    name: str, data: bytes, expected: str | None
) -> None:
    found = fault(data, name)
    assert found is None if expected is None else found is not None and found.startswith(expected)


@pytest.mark.parametrize(
    ("data", "options", "expected"),
    [
        (LINES.encode(), {}, None),
        (LINES.encode("utf-8-sig"), {}, None),
        (LINES.encode("utf-8-sig"), {"multiLine": "true"}, None),
        (LINES.encode("utf-16"), ENCODED, None),
        (LINES.encode("utf-16-le"), {"encoding": "UTF-16LE", "lineSep": "\n"}, None),
        (LINES.encode("utf-16"), {}, "is UTF-16LE: deliver it in UTF-8; one document, not lines,"),
        (
            LINES.encode("utf-16"),
            {"encoding": "UTF-16LE", "lineSep": "\n"},
            "is UTF-16LE: deliver it in UTF-8",
        ),
        (
            LINES.encode("utf-16-le"),
            {},
            'is UTF-16LE: give the source the options encoding: UTF-16LE and lineSep: "\\n"',
        ),
        (
            LINES.encode("utf-8-sig"),
            {"multiLine": "true", "encoding": "UTF-8"},
            "begins with a byte order mark, which hides its record: leave out encoding",
        ),
    ],
)
def test_json(data: bytes, options: dict[str, str], expected: str | None) -> None:
    found = fault(data, "a.json", "json", **options)
    assert found is None if expected is None else found is not None and found.startswith(expected)


def test_text_has_no_option_to_name_an_encoding() -> None:
    assert fault(UTF16, "a.txt", "text", encoding="UTF-16") == (
        "is UTF-16LE: Spark reads text in no other encoding, so deliver it in UTF-8"
    )
    assert (fault(TEXT.encode("latin-1"), "a.txt", "text") or "").endswith("deliver it in UTF-8")


def test_formats_with_columns() -> None:
    assert fault(b"PAR1\x15", "a", "parquet") is None
    assert fault(b"ORC\x08", "a", "org.apache.spark.sql.hive.orc") is None
    assert fault(TEXT.encode(), "a", "orc") == "is not orc: deliver it again"
    assert fault(gzip.compress(b"x"), "a", "parquet") == "is not parquet: it is gzip: name it .gz"
    assert fault(UTF16, "a", "excel") is None


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a", b"", True),
        ("a", b"\xef\xbb\xbf", True),
        ("a", b"\xff\xfe", True),
        ("a", b"\n \r\n\t", True),
        ("a.gz", gzip.compress(b"\n"), True),
        ("a.gz", gzip.compress(b"") + gzip.compress(b"id\n1\n"), False),
        ("a.bz2", bz2.compress(b"") + bz2.compress(b"id\n1\n"), False),
        ("a", b"id\n", False),
        ("a", b" " * (HEAD_BYTES + 1), False),
        ("a.zst", b"\x28\xb5\x2f\xfd", False),
    ],
)
def test_blank(name: str, data: bytes, expected: bool) -> None:
    assert is_blank(head(data, name)) is expected


def test_a_header_and_records_of_nothing() -> None:
    assert has_header_only(head(b"id,name\r\n\n"), "csv", {"header": "true"})
    assert not has_header_only(head(b"id,name\n"), "csv", {})
    for mark in (b"\xef\xbb\xbf", b"\xff\xfe"):
        assert not has_header_only(head(mark), "csv", {"header": "true"})
    packed = gzip.compress(b"id\n") + gzip.compress(b"1\n")
    assert not has_header_only(head(packed, "a.gz"), "csv", {"header": "true"})
    assert not has_header_only(head(b"id\n1\n"), "csv", {"header": "true"})
    assert lands_nulls_only(head(b"{}\n{}\n"), "json", {}) == "{}, a record without fields"
    assert lands_nulls_only(head(b"\xef\xbb\xbf"), "json", {"multiLine": "true"})
    assert lands_nulls_only(head(b"\xef\xbb\xbf"), "json", {}) is None
    assert lands_nulls_only(head(b'{"id": 1}'), "json", {}) is None
    assert lands_nulls_only(head(b"{}"), "csv", {}) is None
    nulls = "null, a record without fields"
    for data in (b"null\n", b"\xef\xbb\xbfnull\r\nnull", b"[{}, null]", b"[null]\n[{}, null]\n"):
        assert lands_nulls_only(head(data), "json", {}) == nulls
    for data in (
        b"[]",
        b'[{}, {"id": 1}]',
        b"nullnothing",
        b'{"id": null}',
        b"{",
        b"[{}]," * 9_000 + b"1",
    ):
        assert lands_nulls_only(head(data), "json", {}) is None


def test_json_without_records() -> None:
    for data in (b"[]", b"\xef\xbb\xbf[ ]\n", b"[]\n[]\n", b" \n", b""):
        assert has_no_records(head(data), "json")
    assert not has_no_records(head(b"[]"), "csv")
    for data in (b"[{}]", b"[[]]", b"[", b"{}"):
        assert not has_no_records(head(data), "json")


DOCUMENT = '{\n  "id": 1,\n  "name": "Bö"\n}\n'


@pytest.mark.parametrize(
    ("data", "options", "remedy"),
    [
        (LINES.encode() * 2, {}, "leave out the option"),
        ((LINES * 2).encode("utf-8-sig"), {}, "leave out the option"),
        (b"\n" + LINES.encode() * 9_000, {}, "leave out the option"),
        ((DOCUMENT * 2).encode(), {}, "deliver them as one array"),
        (b'[{"id": 1}]\n[{"id": 2}]', {}, "leave out the option"),
        (LINES.encode() + b"garbage", {}, "leave out the option"),
        ((LINES * 2).encode("utf-16"), {"encoding": "UTF-16"}, "deliver them as one array"),
    ],
)
def test_documents_after_the_first_that_multi_line_would_not_read(
    data: bytes, options: dict[str, str], remedy: str
) -> None:
    found = fault(data, "a.json", "json", multiLine="true", **options)
    assert (found or "").startswith(
        f"holds several documents, of which Spark reads the first only by multiLine: {remedy}"
    )
    assert fault(data, "a.json", "json", **options, lineSep="\n") != found


@pytest.mark.parametrize(
    "data",
    [
        LINES.encode(),
        DOCUMENT.encode("utf-8-sig") + b" \n\r\n",
        b'[{"id": 1},\n {"id": 2}]\n',
        b'[{"id": 1},\n' * 20_000,
        b"[" * 60_000,
        b'{"id": ' + b"9" * 5_000 + b"}\n",
        b"{'id': 1}\n{'id': 2}\n",
    ],
)
def test_one_document_by_multi_line(data: bytes) -> None:
    """Or what is no JSON by the standard, which is left to Spark's options."""
    assert fault(data, "a.json", "json", multiLine="true") is None


@pytest.mark.parametrize(
    ("text", "encoding", "named"),
    [
        ("编号,姓名\n1,张伟\n2,王芳\n3,北京市海淀区\n", "GB18030", "GB18030"),
        ("編號,姓名\n1,張偉\n2,王芳\n3,臺北市\n", "Big5", "Big5"),
        ("番号,名前\n1,山田太郎\n2,さとう はなこ\n3,東京のひと\n", "Shift_JIS", "Shift_JIS"),
        ("番号,名前\n1,山田太郎\n2,さとう はなこ\n3,東京のひと\n", "EUC-JP", "EUC-JP"),
        ("번호,이름\n1,김철수\n2,이영희\n3,서울특별시\n", "EUC-KR", "EUC-KR"),
        ("номер,имя\n1,Иван Петров\n2,Анна\n", "windows-1251", "windows-1251"),
        ("номер,имя\n1,Иван Петров\n2,Анна\n", "KOI8-R", "by its language"),
        ("id,name\n1,Zoë – größe\n", "windows-1252", "(such as windows-1252)"),
        ("id,name\n1,Zoë\n2,größe\n", "ISO-8859-1", "(such as ISO-8859-1 or windows-1252)"),
    ],
)
def test_the_encoding_that_a_text_is_likely_in_is_named(
    text: str, encoding: str, named: str
) -> None:
    data = text.encode(encoding)
    told = fault(data) or ""
    assert "is not UTF-8, from character " in told
    assert named in told.partition("(")[1] + told.partition("(")[2]
    assert "lineSep" not in told
    assert told + ' and lineSep: "\\n"' == fault(data, "a.json", "json")


@pytest.mark.parametrize("encoding", ["GB18030", "EUC-JP", "Big5"])
def test_utf8_is_told_from_what_it_is_not_in(encoding: str) -> None:
    data = "id,name\n1,Ян\n2,Zoë\n顧\n".encode()
    assert fault(data, encoding=encoding) == (
        f"is UTF-8, the option encoding says {encoding}: leave it out"
    )
    # By chance it is text in this one too.
    assert fault(data, encoding="Shift_JIS") is None
