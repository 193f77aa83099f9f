from __future__ import annotations

import pytest

from framework.contract import formats
from framework.contract.formats import FORMATS, Format, format_fault, format_of


@pytest.mark.parametrize("each", FORMATS, ids=lambda each: each.name)
def test_every_name_in_any_case_is_the_format(each: Format) -> None:
    for name in (each.name, *each.classes):
        for spelled in (name, name.upper(), f"{name}.DefaultSource"):
            assert format_of(spelled) is each
        assert format_fault(name) is None


def test_names_are_of_one_format_only() -> None:
    names = [name.lower() for each in FORMATS for name in (each.name, *each.classes)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["com.example.Format", "com.example.a/b c", "org.acme.csv"])
def test_a_class_that_a_jar_brings_is_files(name: str) -> None:
    assert format_fault(name) is None
    found = format_of(name)
    assert (found.name, found.is_staged, found.is_writable) == (name, True, True)
    assert not found.tells_columns


@pytest.mark.parametrize(
    ("name", "near"), [("prquet", "parquet"), ("CVS", "csv"), ("binaryfiles", "binaryFile")]
)
def test_an_unknown_word_is_refused_with_the_nearest(name: str, near: str) -> None:
    assert f"did you mean {near}?" in (format_fault(name) or "")


def test_a_word_like_none_is_refused_with_all_of_them() -> None:
    fault = format_fault("zzz") or ""
    assert "known: avro, bigquery, binaryFile, cobol, csv, " in fault
    assert "named by its class" in fault


def test_tables_are_appended_and_files_staged() -> None:
    assert [each.name for each in FORMATS if each.is_table] == ["kudu", "jdbc"]
    assert all(each.is_staged != each.is_table for each in FORMATS)
    assert (formats.KUDU.table_option, formats.JDBC.table_option) == ("kudu.table", "dbtable")
    assert [each.name for each in FORMATS if each.query_option] == ["jdbc"]
