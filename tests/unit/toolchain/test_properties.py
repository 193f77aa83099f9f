from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orch_dagster.toolchain.properties import format_properties, parse_properties

text = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(text.filter(bool), text.map(str.strip)))
def test_what_is_written_is_read_back(properties: dict[str, str]) -> None:
    written = format_properties(properties)
    assert written.isascii()
    assert parse_properties(written) == properties


def test_reads_the_forms_of_spark_defaults() -> None:
    assert parse_properties(
        "# comment\n! too\n\nspark.master\t spark://h:7077\r\nspark.a = 1 \nspark.b:2\n"
        "spark.path C\\:\\\\x\nspark.long a,\\\n    b\nspark.empty\nspark.u \\u00e9\\ud83d\\ude00\n"
    ) == {
        "spark.master": "spark://h:7077",
        "spark.a": "1",
        "spark.b": "2",
        "spark.path": "C:\\x",
        "spark.long": "a,b",
        "spark.empty": "",
        "spark.u": "é😀",
    }
