"""Mistakes of a person who writes YAML: all of them are named at once, and nothing is written."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_DEPENDENCY, JOB_MASTER, PROCESS_CONTROL, TABLES
from orch_dagster.registry.apply import ApplyError, apply_files
from orch_dagster.registry.row_files import read_files, reads_as
from orch_dagster.settings import Settings

JOB = """\
job_master:
  - job_id: J1
    job_name: etl_lnd_acme_crm_t_a
    script_path: landing.py
    context_params:
      sources: [{format: csv, path: in.csv, schema: id INT, options: {%s}}]
      sinks: [{format: orc, path: out/a, partition_cols: [biz_dt]}]
"""
DATE = "process_control: [{entity: %s, source_system: %s, biz_dt: 2024-05-15}]\n"


class Person:
    """Writes files and applies them."""

    def __init__(self, folder: Path, store: ControlStore, settings: Settings) -> None:
        self._file = folder / "rows.yaml"
        self._store = store
        self._settings = settings

    def applies(self, text: str) -> list[str]:
        """Apply a file; return the warnings."""
        self._file.write_text(text, encoding="utf-8")
        return [
            each.reason for each in apply_files([self._file], self._store, self._settings).warnings
        ]

    def problems(self, text: str) -> list[tuple[int | None, str]]:
        """Return the line and the text of each problem; check that nothing was written."""
        before = [self._store.read(table) for table in TABLES]
        with pytest.raises(ApplyError) as caught:
            self.applies(text)
        assert [self._store.read(table) for table in TABLES] == before
        return [(each.line, each.text) for each in caught.value.problems]

    def problem(self, text: str) -> str:
        """Return the text of the only problem."""
        ((_, only),) = self.problems(text)
        return only


@pytest.fixture
def person(tmp_path: Path, store: ControlStore, settings: Settings) -> Person:
    return Person(tmp_path, store, settings)


def test_keys_given_twice_are_named_with_all_other_faults(person: Person) -> None:
    found = person.problems(
        "job_master:\n"
        "  - {job_id: J1, job_id: J2, job_name: bad name, script_path: landing.py,\n"
        "     context_params: {entity: A, source_system: B, entity: A}}\n"
        "nope: []\n"
    )
    assert [(line, text.partition(" (")[0][:35]) for line, text in found] == [
        (2, "the key job_id is given twice"),
        (3, "the key entity is given twice"),
        (4, "nope is not a table to apply; those"),
        (2, "job_master"),
    ]
    assert "job_name 'bad name' may hold" in found[-1][1]


def test_each_row_that_is_not_a_mapping_is_named_and_the_others_are_read(person: Person) -> None:
    found = person.problems(
        "process_control:\n  - 2024-05-15\n  -\n  - {entity: A, biz_dt: soon}\n"
    )
    assert [line for line, _ in found] == [2, 3, 4, 4]
    assert found[0][1] == (
        "process_control: must be a list of rows, each a mapping; this one is text"
    )
    assert found[1][1].endswith("this one is empty")


@pytest.mark.parametrize(
    ("spelled", "fault"),
    [
        ("010", "YAML reads 010 as the number 8: put it in quotes, or write 8"),
        ("1_000", "YAML reads 1_000 as the number 1000: put it in quotes, or write 1000"),
        ("0x1F", "YAML reads 0x1F as the number 31: put it in quotes, or write 31"),
        ("1:30", "YAML reads 1:30 as the number 90: put it in quotes, or write 90"),
        ("01.5", "YAML reads 01.5 as the number 1.5: put it in quotes, or write 1.5"),
        (".inf", ".inf is not a number that a row can hold; put it in quotes if it is text"),
        ("-.NaN", None),
        ("-1.5e+3", None),
        ("'010'", None),
        ("2024-05-15", None),
    ],
)
def test_a_number_that_yaml_reads_as_another_is_refused(
    person: Person, spelled: str, fault: str | None
) -> None:
    text = JOB % f"nullValue: {spelled}"
    if fault is None:
        assert person.applies(text) == []
    else:
        assert person.problems(text)[0] == (6, fault)


def test_an_export_has_no_number_that_would_be_refused() -> None:
    assert reads_as("a: 1000", '{"a": 1000}')
    assert not reads_as("a: 1_000", '{"a": 1000}')


@pytest.mark.parametrize("value", ["[a, b]", "{a: b}"])
@pytest.mark.parametrize("column", ["business_keys", "reprocess_dt", "entity"])
def test_a_list_is_no_text(person: Person, column: str, value: str) -> None:
    row = {"entity": "A", "source_system": "B", "biz_dt": "2024-05-15", column: value}
    listed = ", ".join(f"{name}: {text}" for name, text in row.items())
    (_, first), *_ = person.problems(f"process_control: [{{{listed}}}]")
    kind = "a list" if value[0] == "[" else "a mapping"
    text = "a date such as 2024-05-15" if column == "reprocess_dt" else "text"
    assert f"column {column}: {kind} is not {text}" in first
    assert first.endswith("write the names with commas: a,b") == (column == "business_keys")


def test_a_nested_value_is_not_shown_as_it_may_be_a_secret(person: Person) -> None:
    row = "{param_key: X_PASS, environment: DEV, key_name: '*', param_type: secret"
    found = person.problems(f"sys_params: [{row}, param_value: {{v: hunter2}}}}]")
    assert "column param_value: a mapping is not text" in found[0][1]
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("biz_dt", "20240515", "20240515 is not a date such as 2024-05-15"),
        ("business_keys", "7", "7 is not text; put it in quotes"),
        ("business_keys", "yes", "True is not text; put it in quotes"),
    ],
)
def test_a_value_of_another_type_is_named_with_the_remedy(
    person: Person, column: str, value: str, said: str
) -> None:
    person.applies(JOB % "")
    row = {"entity": "ACME", "source_system": "CRM", "biz_dt": "2024-05-15", column: value}
    listed = ", ".join(f"{name}: {text}" for name, text in row.items())
    assert person.problem(f"process_control: [{{{listed}}}]").endswith(f"column {column}: {said}")


def with_edge(parent: str) -> str:
    """Rows of a job, and of its parent."""
    name = "dependent_job_name: etl_lnd_acme_crm_t_a"
    return JOB % "" + f"job_dependency: [{{dependent_job_id: J1, {name}, {parent}}}]\n"


class TestKeys:
    @pytest.mark.parametrize("group", [("acme", "CRM"), ("ACME", "crm")])
    def test_the_right_spelling_is_named(self, person: Person, group: tuple[str, str]) -> None:
        problem = person.problem(JOB % "" + DATE % group)
        assert problem.endswith(
            f"no job of job_master is of entity {group[0]!r} and source_system {group[1]!r}, so "
            "the row opens no date; did you mean 'ACME' and 'CRM'?"
        )

    def test_dates_of_a_group_that_comes_later_are_a_warning(self, person: Person) -> None:
        rows = DATE.replace("[", "[{entity: NEW, source_system: CRM, biz_dt: 2024-05-16}, ")
        (warning,) = person.applies(rows % ("NEW", "CRM"))
        assert warning == (
            "no job of job_master is of entity 'NEW' and source_system 'CRM', so this row and 1 "
            "more open no date"
        )

    @pytest.mark.parametrize("value", ['"J1 "', '" J1"', '"J1\\t"'])
    def test_blanks_around_a_key(self, person: Person, value: str) -> None:
        problem = person.problem((JOB % "").replace("job_id: J1", f"job_id: {value}"))
        assert "key column job_id is " in problem
        assert problem.endswith(": leave the blanks out")

    def test_a_row_that_is_there_keeps_its_key(self, person: Person, store: ControlStore) -> None:
        day = {"entity": "acme ", "source_system": "CRM", "biz_dt": "2024-05-15"}
        store.upsert(PROCESS_CONTROL, [day])
        person.applies(JOB % "")
        assert person.applies(DATE % ("'acme '", "CRM")) == []

    @pytest.mark.parametrize("name", ["ACME_CRM", "acme-crm", "etl_lnd_acme_crm_t_b"])
    def test_a_key_name_is_named_with_the_similar_ones(self, person: Person, name: str) -> None:
        row = "{param_key: retry.max, environment: DEV, key_name: %s, param_value: 1, "
        rows = f"sys_params: [{row % name}param_type: system}}]\n"
        (warning,) = person.applies(JOB % "" + rows)
        assert f"key_name {name} is neither a job_name, a group nor *" in warning
        assert "did you mean " in warning

    @pytest.mark.parametrize(
        ("parent", "hint"),
        [("j1", "did you mean J1?"), ("J7", "apply its row too, or correct the id")],
    )
    def test_a_parent_that_is_not_there(self, person: Person, parent: str, hint: str) -> None:
        problem = person.problem(with_edge(f"parent_job_id: {parent}"))
        assert problem.endswith(f"parent_job_id {parent} is not in job_master; {hint}")

    def test_an_id_that_differs_by_case_alone(self, person: Person) -> None:
        other = "{job_id: j1, job_name: j, script_path: landing.py, context_params: "
        rows = (JOB % "") + f"  - {other}{{entity: A, source_system: B}}}}\n"
        found = [text for _, text in person.problems(rows)]
        assert found[-1].endswith("job_id j1 differs from J1 by its case alone; give another")

    @pytest.mark.parametrize(
        ("parent", "remedy"),
        [("etl_lnd_acme_crm_t_a", "write parent_job_id J1"), ("x", "give parent_job_id too")],
    )
    def test_a_parent_without_an_id(self, person: Person, parent: str, remedy: str) -> None:
        problem = person.problem(with_edge(f"parent_job_name: {parent}"))
        assert problem.endswith(
            f"parent_job_name is {parent}, but parent_job_id is empty; {remedy}"
        )

    def test_a_stored_parent_without_an_id_is_left_alone(
        self, person: Person, store: ControlStore
    ) -> None:
        row = {
            "dependent_job_id": "J1",
            "dependent_job_name": "etl_lnd_acme_crm_t_a",
            "parent_job_id": "",
            "parent_job_name": "ROOT",
        }
        store.upsert(JOB_DEPENDENCY, [row])
        assert person.applies(JOB % "" + f"job_dependency: [{json.dumps(row)}]\n") == []


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "fault"),
        [
            (" in.csv", "' in.csv' has blanks around it"),
            (
                "in/${biz_dt}.csv",
                "'in/${biz_dt}.csv': write {biz_dt} without the $, which would be a part of the "
                "name",
            ),
            (
                "in/{biz_dt:YYYYMMDD}.csv",
                "{biz_dt:YYYYMMDD} is no date but 'YYYYMMDD': write a form of strftime, such as "
                "{biz_dt:%Y%m%d}",
            ),
        ],
    )
    def test_a_path_that_is_not_meant(self, person: Person, path: str, fault: str) -> None:
        rows = (JOB % "").replace("path: in.csv", f'path: "{path}"')
        ((line, text),) = person.problems(rows)
        assert (line, text) == (
            6,
            f"job_master (job_id=J1): context_params: sources[0].path: {fault}",
        )

    @pytest.mark.parametrize("path", ["in/{biz_dt:%Y%m%d}.csv", "in/{{biz_dt:x}}", "in $x/a b"])
    def test_paths_that_are_taken(self, person: Person, path: str) -> None:
        if ":x" in path and sys.platform == "win32":
            pytest.skip("names have no colon there")
        assert person.applies((JOB % "").replace("path: in.csv", f'path: "{path}"')) == []


class TestSchemas:
    @pytest.mark.parametrize(
        ("schema", "faults"),
        [
            ("id INTT", ["column id: 'INTT' is not a type; did you mean INT?"]),
            (
                "id INT,, a",
                [
                    "column 2 is empty",
                    "column a has no type: write a name and a type, such as a STRING",
                ],
            ),
            ("no-1 INT", ["column no-1 holds '-': put the name in backticks, `no-1`"]),
            ("a INT, b INT, a DATE", ["column a is given twice"]),
            ("`a INT", ["column 1 can't be read: '`a INT'"]),
        ],
    )
    def test_what_spark_refuses(self, person: Person, schema: str, faults: list[str]) -> None:
        rows = (JOB % "").replace("schema: id INT", f'schema: "{schema}"')
        found = person.problems(rows)
        place = "job_master (job_id=J1): context_params: sources[0].schema: "
        assert found == [(6, place + fault) for fault in faults]

    @pytest.mark.parametrize(
        "schema",
        [
            "a DECIMAL(10, 2) NOT NULL COMMENT 'x, y', `b-c` ARRAY<STRUCT<x: INT, y: INT>>",
            "a: int, b:timestamp_ntz, größe STRING, A varchar(3)",
            "struct<a:int>",
            # Spark's lexer drops comments, whose commas and quotes say nothing.
            "a INT, -- the key, isn't it\n b STRING /* x, /* y */ */, c/**/INT, d INT--",
            "a INT COMMENT r'C:\\', b STRING COMMENT 'x, y'",
            "/* all */ a INT",
            # By spark.sql.ansi.doubleQuotedIdentifiers.
            '"a b" INT',
        ],
    )
    def test_what_spark_takes(self, person: Person, schema: str) -> None:
        rows = (JOB % "").replace("schema: id INT", f"schema: {json.dumps(schema)}")
        assert person.applies(rows) == []


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "fault"),
        [
            ("header: 'yes'", "header: must be true or false, is 'yes'"),
            ("header: 1", "header: must be true or false, is 1"),
            ("nullValue: NO", "nullValue: must be text, is false: put it in quotes"),
            ("sep: on", "sep: must be text, is true: put it in quotes"),
            ("quote: \"''\"", "quote: must be one character, is \"''\""),
            ("maxColumns: many", "maxColumns: must be a whole number, is 'many'"),
            (
                "mode: FAILFST",
                "mode: must be PERMISSIVE, DROPMALFORMED or FAILFAST, is 'FAILFST'",
            ),
        ],
    )
    def test_a_value_that_spark_refuses_or_misreads(
        self, person: Person, options: str, fault: str
    ) -> None:
        ((line, text),) = person.problems(JOB % options)
        assert (line, text) == (
            6,
            f"job_master (job_id=J1): context_params: sources[0].options.{fault}",
        )

    def test_an_option_that_is_given_twice_by_case(self, person: Person) -> None:
        twice = [text for _, text in person.problems(JOB % "header: true, HEADER: true")]
        fault = "is given twice, as Spark ignores the case of options"
        assert [text.partition("options.")[2] for text in twice] == [
            f"header: {fault}",
            f"HEADER: {fault}",
        ]

    @pytest.mark.parametrize(
        "options",
        [
            "header: yes, multiLine: 'TRUE', QUOTE: '', escape: '\"', maxColumns: '+9'",
            "mode: failfast",
            "nullValue: 0, maxCharsPerColumn: -1, some.other: on",
        ],
    )
    def test_values_that_spark_takes(self, person: Person, options: str) -> None:
        assert person.applies(JOB % options) == []

    def test_a_stored_row_is_only_named(self, person: Person, store: ControlStore) -> None:
        person.applies(JOB % "header: true")
        (row,) = store.read(JOB_MASTER)
        old = str(row["context_params"]).replace("true", '"yes"')
        store.update(JOB_MASTER, [{**row, "context_params": old}])
        other = "job_master: [{job_id: J2, job_name: j2, script_path: landing.py, context_params: "
        assert person.applies(other + "{entity: A, source_system: B}}]") == []

    def test_a_secret_that_no_row_has_is_a_warning(self, person: Person) -> None:
        options = "user: 'env:CRM_USER', password: 'env:CRM_PASSWORD'"
        secret = "{param_key: CRM_USER, environment: PROD, key_name: acme_crm, "
        rows = f"sys_params: [{secret}param_value: 'env:X', param_type: secret}}]\n"
        found = person.applies((JOB % options).replace("csv", "com.example.Format", 1) + rows)
        (warning,) = (each for each in found if "no secret" in each)
        assert warning == (
            "context_params: sources[0].options.password: is env:CRM_PASSWORD, and no secret of "
            "sys_params has that name: add a row of param_type secret whose param_key is "
            "CRM_PASSWORD; until then runs fail"
        )

    @pytest.mark.parametrize("value", ["NaN", "Infinity"])
    def test_a_number_that_json_does_not_have(self, person: Person, value: str) -> None:
        source = f'{{"format": "csv", "path": "a", "options": {{"x.y": {value}}}}}'
        context = f'{{"sources": [{source}]}}'
        head = JOB.partition("    context_params")[0]
        problem = person.problem(f"{head}    context_params: '{context}'\n")
        assert "options.x.y: is " in problem
        assert "which JSON does not have" in problem


@pytest.mark.parametrize("context", ["", "    context_params:\n", "    context_params: ' '\n"])
def test_context_params_that_are_missing(person: Person, context: str) -> None:
    head = JOB.partition("    context_params")[0]
    assert person.problem(head + context).endswith(
        "context_params: is empty; give sources and sinks, or {} for a job without"
    )


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"\xef\xbb\xbf\tjob_master: []", 1, "not usable YAML in UTF-8"),
        ("job_master: []".encode("utf-16"), 1, "save the file as UTF-8"),
        ("job_master: []".encode("utf-16-le"), 1, "save the file as UTF-8"),
        ("job_master:\n- {job_id: é}".encode("latin-1"), 2, "save the file as UTF-8"),
        (b"job_master:\n  - {job_id: a\0b}", 2, "save the file as UTF-8"),
        (b"# nothing\n", None, "the file is empty: "),
    ],
)
def test_a_file_that_can_not_be_read(
    tmp_path: Path, content: bytes, line: int | None, said: str
) -> None:
    file = tmp_path / "rows.yaml"
    file.write_bytes(content)
    (problem,) = read_files([file]).problems
    assert (problem.line, said in problem.text) == (line, True)
