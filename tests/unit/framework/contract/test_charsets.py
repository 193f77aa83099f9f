"""Names of character sets: what Java has not is refused by apply and by a run, wherever it is."""

from __future__ import annotations

from typing import Any

import pytest

from framework.contract.charsets import charset_faults
from tests.both_sides import faults_of_apply, faults_of_run

SOURCE: dict[str, Any] = {"format": "csv", "path": "in"}
SINK: dict[str, Any] = {"format": "orc", "path": "out", "partition_cols": ["biz_dt"]}


def both(source: dict[str, Any], sink: dict[str, Any]) -> tuple[str, ...]:
    context = {"sources": [source], "sinks": [sink]}
    faults = faults_of_apply(context, "/data")
    assert faults == faults_of_run(context, "/data", None)
    return faults


@pytest.mark.parametrize("option", ["encoding", "charset", "Encoding"])
@pytest.mark.parametrize("form", ["csv", "json", "text"])
@pytest.mark.parametrize("is_sink", [False, True])
def test_an_unknown_one_is_refused_in_one_sentence(form: str, option: str, is_sink: bool) -> None:
    named = {"format": form, "options": {option: "UTF-99"}}
    faults = both(SOURCE, SINK | named) if is_sink else both(SOURCE | named, SINK)
    place = "sinks" if is_sink else "sources"
    assert faults == (
        f"{place}[0].options.{option}: names no character set of Java: 'UTF-99'; did you mean "
        "UTF-8?",
    )


@pytest.mark.parametrize(
    "name", ["UTF-8", "utf8", "GB18030", "gbk", "Cp1252", "windows-31j", "IBM1047", "x-MacThai"]
)
def test_names_that_java_knows_are_taken(name: str) -> None:
    assert both(SOURCE | {"options": {"encoding": name}}, SINK) == ()


@pytest.mark.parametrize(
    "name", ["", " UTF-8", "UTF 8", "utf-8-sig", "latin-1", "rot13", "hex", "x-", "x-a b", "true"]
)
def test_names_that_only_python_knows_or_nobody_are_not(name: str) -> None:
    ((option, fault),) = charset_faults({"encoding": name})
    assert option == "encoding"
    assert fault.startswith(f"names no character set of Java: {name!r}; ")


def test_what_a_variable_names_is_left_to_the_run() -> None:
    assert charset_faults({"encoding": "env:ENCODING"}) == []


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"encoding": "GB18030"}, 'GB18030 needs lineSep: "\\n", or multiLine: true'),
        ({"encoding": "UTF-16"}, "UTF-16 is read with multiLine: true only"),
        ({"encoding": "UTF-16", "lineSep": "\n"}, "UTF-16 is read with multiLine: true only"),
        ({"encoding": "UTF-16LE", "lineSep": "\n"}, None),
        ({"encoding": "GB18030", "lineSep": "\n"}, None),
        ({"encoding": "GB18030", "multiLine": True}, None),
        ({"charset": "utf8"}, None),
    ],
)
def test_json_in_lines_needs_to_know_their_ends(options: dict[str, Any], fault: str | None) -> None:
    faults = both(SOURCE | {"format": "json", "options": options}, SINK)
    assert len(faults) == (fault is not None)
    assert all(fault is not None and fault in each for each in faults)
