"""The options of Spark's data sources, held against those in Spark's own classes."""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from framework.contract.formats import FORMATS, format_of
from framework.contract.spark_options import SPARK_OPTIONS, unknown_options

# The companion objects in which Spark declares its options; they hold values of others too.
CLASSES = {
    "csv": "CSVOptions",
    "json": "JSONOptions",
    "text": "TextOptions",
    "orc": "OrcOptions",
    "parquet": "ParquetOptions",
    "jdbc": "JDBCOptions",
}
OF_ALL_FILES = ("FileSourceOptions", "FileIndexOptions")
CODECS = "none uncompressed snappy gzip lzo brotli lz4 lz4raw lz4_raw zstd zlib"


def _texts(data: bytes) -> Iterator[str]:
    """Yield the string constants of a class."""
    constants: dict[int, str] = {}
    used: list[int] = []
    (count,) = struct.unpack_from(">H", data, 8)
    at, number = 10, 1
    while number < count:
        tag = data[at]
        if tag == 1:
            (length,) = struct.unpack_from(">H", data, at + 1)
            constants[number] = data[at + 3 : at + 3 + length].decode("utf-8", "replace")
            at += 3 + length
        else:
            if tag == 8:
                used += struct.unpack_from(">H", data, at + 1)
            at += {7: 3, 8: 3, 16: 3, 19: 3, 20: 3, 15: 4, 5: 9, 6: 9}.get(tag, 5)
            number += tag in (5, 6)
        number += 1
    yield from (constants[each] for each in used)


@pytest.fixture(scope="module")
def declared() -> dict[str, set[str]]:
    """The options that each class of the installed Spark declares."""
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    found: dict[str, set[str]] = {}
    for module in ("catalyst", "sql"):
        (jar,) = (Path(spec.origin).parent / "jars").glob(f"spark-{module}_2.12-*.jar")
        with zipfile.ZipFile(jar) as classes:
            for name in classes.namelist():
                of_class = re.fullmatch(r".*/(\w+Options)\$\.class", name)
                if of_class and of_class[1] in (*CLASSES.values(), *OF_ALL_FILES):
                    words = {text for text in _texts(classes.read(name)) if text.isidentifier()}
                    found.setdefault(of_class[1], set()).update(words)
    return found


@pytest.mark.parametrize("form", CLASSES)
def test_each_option_of_spark_is_known(form: str, declared: dict[str, set[str]]) -> None:
    names = declared[CLASSES[form]] - {*CODECS.split(), *CODECS.upper().split()}
    assert len(names) >= 2
    if form != "jdbc":
        names |= {name for each in OF_ALL_FILES for name in declared[each]}
    assert {name.lower() for name in names} <= {name.lower() for name in SPARK_OPTIONS[form]}
    assert list(unknown_options(form, names)) == []


def test_every_format_in_the_table_has_a_name() -> None:
    assert {format_of(form).name for form in SPARK_OPTIONS} == {*SPARK_OPTIONS}
    assert {*SPARK_OPTIONS} <= {each.name for each in FORMATS}


@pytest.mark.parametrize(
    ("form", "name", "nearest"),
    [
        ("csv", "headr", "header"),
        ("csv", "Infer_Schema", "inferSchema"),
        ("CSV", "delimeter", "delimiter"),
        ("org.apache.spark.sql.execution.datasources.csv.CSVFileFormat", "nullvalues", "nullValue"),
        ("json", "multiLines", "multiLine"),
        ("parquet", "compresion", "compression"),
        ("orc", " compression", "compression"),
        ("kudu", "kudu.masters", "kudu.master"),
        ("kudu", "table", "kudu.table"),
    ],
)
def test_a_misspelled_option_names_the_one_that_is_meant(
    form: str, name: str, nearest: str
) -> None:
    (found,) = unknown_options(form, [name])
    assert (found.name, found.nearest, found.is_misspelled) == (name, nearest, True)


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("csv", "timeFormat"),
        ("csv", "skipRows"),
        ("text", "header"),
        ("kudu", "kudu.requestTimeoutMs"),
        ("jdbc", "fetch_size"),
    ],
)
def test_what_another_version_may_have_is_no_misspelling(form: str, name: str) -> None:
    (found,) = unknown_options(form, [name])
    assert not found.is_misspelled


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("csv", "HEADER"),
        ("orc", "orc.bloom.filter.columns"),
        ("parquet", "parquet.block.sizes"),
        ("jdbc", "sslmode"),
        ("jdbc", "ApplicationName"),
        ("com.example.Format", "headr"),
        ("delta", "headr"),
        ("avro", "avroSchem"),
    ],
)
def test_what_spark_or_a_connector_reads_is_not_named(form: str, name: str) -> None:
    assert list(unknown_options(form, [name])) == []
