"""orch export: what apply reads back is what was there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from framework.contract.secret_names import KEY_PATTERNS
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_MASTER, TABLE_BY_NAME, Row, row_problems
from orch_dagster.registry.apply import apply_files
from orch_dagster.registry.export import ExportError, export_rows, literal_secrets, to_yaml
from orch_dagster.registry.row_files import read_files
from orch_dagster.registry.write import read_tables
from orch_dagster.sample.rows import sample_rows
from orch_dagster.settings import REPOSITORY, Settings

# Text that a store keeps, with what YAML is particular about.
_SPECIAL = st.sampled_from(
    ["", " ", "null", "~", "no", "010", "1.10", "12:30", "2024-05-15", "<<", "=", "*", "&a", "!x",
     "#c", "a: b", "- a", "'", '"', "\\", "\t", "a\n", "\na", "a\n\n", " a\n b", "a \nb", "\r\n",
     "\x85", "\u2028", "\ufeff", "\x01", "😀", "{}", "[1]", "|", ">", "%", "@", "`", "?"]
)  # fmt: skip
TEXT = st.one_of(
    _SPECIAL, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=8,
)
CONTEXT = st.one_of(
    st.none(),
    TEXT,
    st.builds(
        lambda value, indent, is_ascii, separators: json.dumps(
            value, indent=indent, ensure_ascii=is_ascii, separators=separators
        ),
        st.dictionaries(st.one_of(TEXT, st.just("param_value")), JSON, max_size=3),
        st.sampled_from([None, None, 2]),
        st.booleans(),
        st.sampled_from([None, (",", ":")]),
    ),
)


def row_of(name: str, **columns: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Row]]:
    table = TABLE_BY_NAME[name]
    values = {column: columns.get(column, TEXT) for column in table.names}
    return st.lists(st.fixed_dictionaries(values), max_size=2, unique_by=table.key_text)


@examples(deadline=None)
@given(
    masters=row_of("job_master", context_params=CONTEXT, comments=st.one_of(st.none(), TEXT)),
    edges=row_of("job_dependency", dependency_level=st.one_of(st.none(), st.integers(0, 9))),
    params=row_of("sys_params", param_value=st.one_of(st.none(), TEXT)),
)
def test_any_rows_are_read_back_as_they_are(
    tmp_path_factory: pytest.TempPathFactory,
    masters: list[Row],
    edges: list[Row],
    params: list[Row],
) -> None:
    rows = {"job_master": masters, "job_dependency": edges, "sys_params": params}
    file = tmp_path_factory.getbasetemp() / "export.yaml"
    file.write_bytes(to_yaml(export_rows(rows, None, with_dates=False)).encode())

    read = read_files([file])

    assert read.problems == []
    assert read.rows() == rows
    for name, each in rows.items():
        for row in each:
            assert [*row_problems(TABLE_BY_NAME[name], row)] == []


@pytest.mark.parametrize("example", ["chain", "prism", "execution_log_history", "sample"])
def test_an_example_in_another_home_is_the_same_registry(
    example: str, tmp_path: Path, store: ControlStore, settings: Settings
) -> None:
    if example == "sample":
        for name, rows in sample_rows().items():
            store.upsert(TABLE_BY_NAME[name], rows)
    else:
        apply_files([*(REPOSITORY / "examples" / example).glob("*.yaml")], store, settings)
    stored = read_tables(store)
    file = tmp_path / "export.yaml"
    file.write_text(to_yaml(export_rows(stored, None, with_dates=True)), encoding="utf-8")
    assert all(not change.rows for change in apply_files([file], store, settings).changes)

    for name, rows in stored.items():
        table = TABLE_BY_NAME[name]
        store.delete(table, [{key: row[key] for key in table.keys} for row in rows])
    apply_files([file], store, settings)
    assert read_tables(store) == stored


def test_json_can_be_read_by_people() -> None:
    lines = '{\n  "entity": "E",\n  "hql": "a.hql"\n}'
    rows = {"job_master": [
        {"job_id": "1", "context_params": lines},
        {"job_id": "2", "context_params": '{"entity": "E", "sources": [{"format": "csv"}]}'},
        # YAML would lose its spelling.
        {"job_id": "3", "context_params": '{"entity":"E"}'},
    ]}  # fmt: skip
    assert to_yaml(rows) == (
        "job_master:\n"
        "  - job_id: '1'\n"
        "    context_params: |-\n"
        "      {\n"
        '        "entity": "E",\n'
        '        "hql": "a.hql"\n'
        "      }\n"
        "  - job_id: '2'\n"
        "    context_params:\n"
        "      entity: E\n"
        "      sources:\n"
        "        - format: csv\n"
        "  - job_id: '3'\n"
        '    context_params: \'{"entity":"E"}\'\n'
    )


def test_a_group_has_what_belongs_to_its_jobs() -> None:
    def job(job_id: str, name: str) -> Row:
        return {"job_id": job_id, "job_name": name, "context_params": "{"}

    def setting(key_name: str) -> Row:
        return {"param_key": "k", "environment": "PROD", "key_name": key_name}

    def edge(job_id: str) -> Row:
        return {"dependent_job_id": job_id, "dependent_job_name": "n", "parent_job_id": "2"}

    day = {"source_system": "CRM", "biz_dt": "2024-05-15", "run_id": "r", "last_update_ts": None}
    stored = {
        "job_master": [job("1", "etl_lnd_acme_crm_t_a"), job("2", "etl_lnd_acme_erp_t_a")],
        "job_dependency": [edge("1"), edge("2")],
        "sys_params": [*map(setting, ["*", "acme_crm", "acme_erp", "etl_lnd_acme_crm_t_a"])],
        "process_control": [{**day, "entity": "ACME"}, {**day, "entity": "OTHER"}],
    }
    rows = yaml.safe_load(to_yaml(export_rows(stored, {"acme_crm"}, with_dates=True)))
    assert [row["job_id"] for row in rows[JOB_MASTER.name]] == ["1"]
    assert [row["dependent_job_id"] for row in rows["job_dependency"]] == ["1"]
    assert [row["key_name"] for row in rows["sys_params"]] == ["acme_crm", "etl_lnd_acme_crm_t_a"]
    assert [(row["entity"], "run_id" in row) for row in rows["process_control"]] == [
        ("ACME", False)
    ]
    assert "process_control" not in export_rows(stored, None, with_dates=False)


def test_a_secret_that_somebody_wrote_by_sql_is_not_exported() -> None:
    def param(key: str, value: str | None, kind: str = "secret", name: str = "*") -> Row:
        keys = {"param_key": key, "environment": "PROD", "key_name": name}
        return {**keys, "param_value": value, "param_type": kind}

    rows = [param("A", "hunter2"), param("B", "env:B"), param("C", None), param("D", "file:d")]
    stored = {"job_master": [], "job_dependency": [], "sys_params": rows}
    with pytest.raises(ExportError) as caught:
        export_rows(stored, None, with_dates=False)
    said = str(caught.value)
    for key, is_named in {"A": True, "B": False, "C": True, "D": False}.items():
        assert (f"(param_key={key}, environment=PROD, key_name=*)" in said) == is_named
    assert "hunter2" not in said
    # Of another group than the wanted ones, they are not exported anyway.
    assert export_rows(stored, {"acme_crm"}, with_dates=False)["sys_params"] == []


def test_secrets_by_their_key_are_named_as_they_stay_where_they_were_written() -> None:
    context = {
        "sources": [{"options": {"password": "hunter2", "user": "u", "token": "env:T"}}],
        "sinks": [{"options": {"url": "jdbc:x://h?password=hunter2"}}, {}],
    }
    rows: dict[str, list[Row]] = {
        "job_master": [
            {"job_id": "1", "context_params": json.dumps(context)},
            # What has no options is for doctor to name.
            *(
                {"job_id": text, "context_params": text}
                for text in ("{", "[]", "", '{"sinks": [1]}')
            ),
        ],
        "job_dependency": [],
        "sys_params": [
            {
                "param_key": "spark.x.password",
                "environment": "E",
                "key_name": "*",
                "param_value": "hunter2",
                "param_type": "spark",
            },
            {
                "param_key": "spark.y",
                "environment": "E",
                "key_name": "*",
                "param_value": "y",
                "param_type": "spark",
            },
        ],
    }
    assert literal_secrets(rows, KEY_PATTERNS) == [
        "sys_params (param_key=spark.x.password, environment=E, key_name=*)",
        "job_master (job_id=1): sources[0].options.password",
        "job_master (job_id=1): sinks[0].options.url",
    ]
