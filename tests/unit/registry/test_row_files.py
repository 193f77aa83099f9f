"""Files of rows in the forms that people and programs write: tabs, escapes, aliases, merge keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orch_dagster.registry.row_files import RowFiles, read_files
from orch_dagster.registry.row_loader import MAX_DEPTH, MAX_FILE_BYTES
from tests.growth import assert_linear

MERGED = """\
job_master:
- &first
  job_id: J1
  job_name: j1
  script_path: a.py
- <<: *first
  job_id: J2
  script_path: b.py
"""


def read(tmp_path: Path, text: str | bytes) -> RowFiles:
    """Return the rows of a file with that content."""
    file = tmp_path / "rows.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_files([file])


def problem(tmp_path: Path, text: str | bytes) -> tuple[int | None, str]:
    """Return the line and the text of the one problem of a file."""
    (found,) = read(tmp_path, text).problems
    return found.line, found.text


@pytest.mark.parametrize("key", ["yes", "~", "null", "0x10", "1_0", "true"])
def test_a_table_is_named_as_it_is_spelled(tmp_path: Path, key: str) -> None:
    line, text = problem(tmp_path, f"\n{key}: []\n")
    assert line == 2
    assert text.startswith(f"{key} is not a table to apply; ")


def test_a_column_is_named_as_it_is_spelled(tmp_path: Path) -> None:
    (row,) = read(tmp_path, "job_master:\n- {0x10: a, yes: b, ~: c}\n").tables["job_master"]
    assert row.row == {"0x10": "a", "yes": "b", "~": "c"}
    assert row.line("job_id") == 2


def test_keys_of_context_params_are_as_they_are_spelled(tmp_path: Path) -> None:
    text = "job_master:\n- {job_id: J1, context_params: {1.10: a, no: b}}\n"
    (row,) = read(tmp_path, text).tables["job_master"]
    assert row.row["context_params"] == '{"1.10": "a", "no": "b"}'


@pytest.mark.parametrize(
    "value", ["!!bool maybe", "!!int ''", "!!int abc", "!!float ''", "!!int " + "9" * 5000]
)
def test_a_value_that_does_not_fit_its_tag_has_its_line(tmp_path: Path, value: str) -> None:
    line, text = problem(tmp_path, f"job_master:\n- job_id: J1\n  comments: {value}\n")
    assert line == 3
    assert "a value does not fit its tag !!" in text


@pytest.mark.parametrize("value", ["!!map [a]", "!!set [a]", "!!map a"])
def test_a_tag_of_a_mapping_on_anything_else_has_its_line(tmp_path: Path, value: str) -> None:
    line, text = problem(tmp_path, f"job_master:\n- job_id: J1\n  comments: {value}\n")
    assert line == 3
    assert "expected a mapping node" in text


def test_a_set_is_not_a_mapping_of_tables(tmp_path: Path) -> None:
    assert problem(tmp_path, "!!set {job_master}\n") == (
        None,
        "the top level must be a mapping of table names",
    )


def test_what_a_row_merges_has_the_line_where_it_is_given(tmp_path: Path) -> None:
    first, second = read(tmp_path, MERGED).tables["job_master"]
    assert second.row == {"job_id": "J2", "job_name": "j1", "script_path": "b.py"}
    assert (first.line("script_path"), second.line("script_path")) == (5, 8)
    assert second.line("job_name") == 4


def test_a_mapping_that_merges_may_be_merged_above_it(tmp_path: Path) -> None:
    text = """\
job_master:
- job_id: J1
  context_params: {sources: [&source {<<: {format: csv, path: a}, path: b}]}
- job_id: J2
  context_params: {<<: *source}
"""
    first, second = read(tmp_path, text).tables["job_master"]
    source = {"format": "csv", "path": "b"}
    assert json.loads(str(first.row["context_params"])) == {"sources": [source]}
    assert json.loads(str(second.row["context_params"])) == source


def test_a_key_that_is_given_twice_beside_a_merge_is_refused(tmp_path: Path) -> None:
    line, text = problem(tmp_path, MERGED + "  script_path: c.py\n")
    assert line == 9
    assert "the key script_path is given twice" in text


def test_a_param_value_keeps_its_digits_where_a_number_has_an_alias(tmp_path: Path) -> None:
    text = "sys_params:\n- {param_key: k, comments: &n 010, param_value: *n}\n"
    (row,) = read(tmp_path, text).tables["sys_params"]
    assert row.row == {"param_key": "k", "comments": 8, "param_value": "010"}


def test_json_may_be_indented_by_tabs_and_escape_characters_beyond_16_bits(tmp_path: Path) -> None:
    rows = {"job_master": [{"job_id": "J1", "comments": "\N{GRINNING FACE}\t\u00e9"}]}
    text = json.dumps(rows, indent="\t")
    assert "\\ud83d\\ude00\\t" in text
    (row,) = read(tmp_path, text).tables["job_master"]
    assert row.row == rows["job_master"][0]
    assert row.line("comments") == 5


def test_json_with_tabs_in_a_block_keeps_its_lines(tmp_path: Path) -> None:
    text = 'job_master:\n- job_id: J1\n  context_params: |\n    {\n    \t"hql":\n    \t"x"}\n'
    (row,) = read(tmp_path, text).tables["job_master"]
    assert row.line("context_params.hql") == 5


def test_an_option_whose_name_begins_like_another_has_its_own_line(tmp_path: Path) -> None:
    text = "job_master:\n- context_params:\n    kudu: x\n    kudu.table: y\n"
    (row,) = read(tmp_path, text).tables["job_master"]
    assert row.line("context_params.kudu.table") == 4


@pytest.mark.parametrize(
    "text", [b"\xef\xbb\xbf# a\r\nx: \xe9\r\n", b"# a\nx: \x07\n"], ids=["latin-1", "control"]
)
def test_what_is_not_text_has_its_line(tmp_path: Path, text: bytes) -> None:
    line, said = problem(tmp_path, text)
    assert line == 2
    assert said.startswith("not usable YAML in UTF-8: ")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_what_powershell_wrote_is_told(tmp_path: Path, encoding: str) -> None:
    _, said = problem(tmp_path, "\ufeffx: 1\r\n".encode(encoding))
    assert "it is UTF-16, as PowerShell 5 writes by `>`: save the file as UTF-8" in said


def bomb(levels: int, value: str = "x") -> str:
    """A value of 10 to the power of the levels, by aliases."""
    lines = [f"a0: &a0 {value}"]
    for n in range(1, levels + 1):
        lines.append(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        f"{bomb(9)}\njob_master: [{{job_id: J1, context_params: *a9}}]\n",
        f"{bomb(40)}\n",
        # Each mapping merges ten of the one before.
        "\n".join(
            [
                f"a0: &a0 {{{', '.join(f'k{n}: v' for n in range(99))}}}",
                *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 9)),
            ]
        ),
        f"job_master: [&r {{comments: {'x' * 60_000}}}{', *r' * 5_000}]\n",
    ],
    ids=["values", "deep values", "merges", "rows"],
)
def test_aliases_that_stand_for_too_much_are_refused(tmp_path: Path, text: str) -> None:
    line, said = problem(tmp_path, text)
    assert "the aliases stand for more than 16777216 characters" in said
    assert line is not None


def test_aliases_for_a_template_are_taken(tmp_path: Path) -> None:
    context = json.dumps({"comments": "x" * 2_000})
    rows = "".join(f"- {{job_id: J{n}, context_params: *c}}\n" for n in range(1_000))
    found = read(tmp_path, f"job_master:\n- {{job_id: J, context_params: &c {context}}}\n{rows}")
    assert found.problems == []
    assert {row.row["context_params"] for row in found.tables["job_master"]} == {context}


@pytest.mark.parametrize(
    "value",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        "\n" + "".join("  " * n + "-\n" for n in range(4, 300)),
        "\n    " + "? " * 100_000,
        "".join(f"&a{n} [" for n in range(20_000)),
        "&a [*a]",
        "&a {<<: *a}",
        "&a {? *a : x}",
    ],
    ids=["lists", "mappings", "blocks", "keys", "anchors", "itself", "merges itself", "own key"],
)
def test_what_is_too_deep_has_its_line(tmp_path: Path, value: str) -> None:
    line, said = problem(tmp_path, f"job_master:\n- job_id: J1\n  context_params: {value}")
    assert f"deeper than {MAX_DEPTH} levels" in said or "contains itself" in said
    assert line is not None
    assert line >= 3


def test_aliases_do_not_nest_deeper_than_the_text_may(tmp_path: Path) -> None:
    chain = "\n".join(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 5_000))
    _, said = problem(tmp_path, f"a0: &a0 [x]\n{chain}")
    assert f"deeper than {MAX_DEPTH} levels" in said


@pytest.mark.parametrize(
    "value", ["0x" + "f" * 5_000, "1" + ":1" * 50_000, "1" + ":1" * 50_000 + ".5", "1" * 500]
)
def test_a_number_that_no_column_can_hold_has_its_line(tmp_path: Path, value: str) -> None:
    line, said = problem(tmp_path, f"job_master:\n- {{job_id: J1,\n   comments: {value}}}\n")
    assert line == 3
    assert "a number of " in said


@pytest.mark.parametrize("value", ["!!binary aGVsbG8=", "!!set {a}", "[!!binary aGVsbG8=]"])
def test_what_only_yaml_has_is_refused_within_json(tmp_path: Path, value: str) -> None:
    text = f"job_master:\n- {{job_id: J1, context_params: {{a: {value}}}}}\n"
    _, said = problem(tmp_path, text)
    assert "which JSON does not have" in said


def test_a_table_may_be_spelled_with_escapes(tmp_path: Path) -> None:
    _, said = problem(tmp_path, '"\\ud83d\\ude00": []\n')
    assert said.startswith("\N{GRINNING FACE} is not a table to apply")


@pytest.mark.parametrize(
    "text",
    [
        "job_master: *{}", "{}: []", "job_master: [{{{}: a, {}: b}}]", "job_master: !{} []",
        "job_master: [{{a: !!int {}}}]", "job_master: [{{a: !!bool {}}}]", "&{} a: &{} b",
    ],
)  # fmt: skip
def test_a_text_of_any_length_is_shown_by_its_beginning(tmp_path: Path, text: str) -> None:
    _, said = problem(tmp_path, text.format(*["x" * 300_000] * 2))
    assert len(said) <= 2_000
    assert "xxxxx" in said


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "rows.yaml"
    with file.open("wb") as opened:
        opened.truncate(1 << 40)
    (found,) = read_files([file]).problems
    assert found.text == f"larger than {MAX_FILE_BYTES} bytes; write several files"


def _many_faults(size: int) -> str:
    """A block of JSON in which everything has a line."""
    lines = ",\n".join(f'      "k{n}": {n}' for n in range(size))
    return f"job_master:\n- job_id: J1\n  context_params: |\n    {{\n{lines}\n    }}\n"


def _many_columns(size: int) -> str:
    return "job_master:\n- job_id: J1\n" + "".join(f"  k{n}: {n}\n" for n in range(size))


@pytest.mark.parametrize(
    ("text", "place"),
    [(_many_faults, "context_params.k{}"), (_many_columns, "k{}")],
    ids=["json", "columns"],
)
def test_the_lines_of_many_places_take_time_by_their_number(
    tmp_path: Path, text: Callable[[int], str], place: str
) -> None:
    def work(size: int) -> Callable[[], object]:
        (row,) = read(tmp_path, text(size)).tables["job_master"]
        return lambda: [row.line(place.format(n)) for n in range(size)]

    assert_linear(work, 250)
