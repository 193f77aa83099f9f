"""orch apply names the file and the line of each finding."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from orch_dagster.cli.main import main
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_MASTER, Row, Table
from orch_dagster.registry.apply import ApplyError, apply_files
from orch_dagster.registry.row_files import read_files
from orch_dagster.settings import Settings

ROWS = """\
# The first line.
job_master:
  - job_id: J1
    job_name: etl_lnd_acme_crm_t_a
    script_path: ../escape.py
    context_params:
      sources:
        - {format: csv, path: in.csv}
        - format: csv
          path: "a/{when}"
          options:
            kudu.table: [1]
      sinks: [{format: orc,
               path: "out/*", partition_cols: [biz_dt]}]
  - job_id: J2
    job_name: bad name
    script_path: landing.py
    context_params: |
      {
        "entity": "E",
        "source_system": "S",
        "timeout_minutes": -1,
        "sources": [
          {"format": "csv"}
        ]
      }
  - {job_id: J3, job_name: j3, script_path: landing.py, context_params: '{"x": 1}'}
job_dependency:
  - {dependent_job_id: J9, dependent_job_name: j9}
process_control:
  - entity: ACME
    source_system: CRM
    biz_dt: 2024-13-45
  - entity: ACME
    colour: red
nope: []
"""


def lines(store: ControlStore, settings: Settings, *files: Path) -> list[tuple[int | None, str]]:
    """Return the line and the text of each problem of the last file."""
    with pytest.raises(ApplyError) as caught:
        apply_files(files, store, settings)
    return [
        (each.line, each.text) for each in caught.value.problems if each.file in (files[-1], None)
    ]


def test_each_finding_has_the_line_that_it_is_about(
    tmp_path: Path, store: ControlStore, settings: Settings
) -> None:
    file = tmp_path / "rows.yaml"
    file.write_text(ROWS, encoding="utf-8")
    found = lines(store, settings, file)
    assert [
        (line, text.replace("job_master (job_id=", "(").partition(";")[0][:58])
        for line, text in found
    ] == [
        (36, "nope is not a table to apply"),
        (33, "process_control (entity=ACME, source_system=CRM, biz_dt=20"),
        (35, "process_control (entity=ACME, source_system=None, biz_dt=N"),
        (34, "process_control (entity=ACME, source_system=None, biz_dt=N"),
        (34, "process_control (entity=ACME, source_system=None, biz_dt=N"),
        (5, "(J1): script_path ../escape.py lies outside " + str(settings.jobs_dir)[:14]),
        (12, "(J1): context_params: sources[1].options.kudu.table: must "),
        (10, "(J1): context_params: sources[1].path: unknown placeholder"),
        (14, "(J1): context_params: sinks[0].path: can't hold any of * ?"),
        (16, "(J2): job_name 'bad name' may hold only letters, digits an"),
        (24, "(J2): context_params: sources[0].path: is missing"),
        (22, "(J2): context_params: timeout_minutes: must be a number ab"),
        (27, "(J3): context_params: x: is not a key"),
        (27, "(J3): context_params: entity: is missing: give it, or name"),
        (27, "(J3): context_params: source_system: is missing: give it, "),
        (29, "job_dependency (dependent_job_id=J9, dependent_job_name=j9"),
    ]
    assert store.read(JOB_MASTER) == []


def test_the_text_of_the_error_begins_each_line_with_the_place(
    tmp_path: Path, store: ControlStore, settings: Settings
) -> None:
    file = tmp_path / "rows.yaml"
    file.write_text(ROWS, encoding="utf-8")
    with pytest.raises(ApplyError) as caught:
        apply_files([file], store, settings)
    _, first, *_, last = str(caught.value).splitlines()
    assert first.startswith(f"  {file}:36: nope is not a table to apply")
    assert last.startswith(f"  {file}:29: job_dependency (dependent_job_id=J9")


def test_a_finding_about_a_row_of_the_store_has_its_table_and_key_alone(
    tmp_path: Path, store: ControlStore, settings: Settings
) -> None:
    good = {"script_path": "landing.py", "context_params": {"entity": "A", "source_system": "B"}}
    file = tmp_path / "one.json"
    job = {"job_id": "1", "job_name": "acme_erp", **good}
    file.write_text(json.dumps({"job_master": [job]}), encoding="utf-8")
    apply_files([file], store, settings)
    theirs = {"entity": "ACME", "source_system": "ERP"}
    other = {"job_id": "2", "job_name": "two", **good, "context_params": theirs}
    second = tmp_path / "two.json"
    second.write_text(json.dumps({"job_master": [other]}, indent=1), encoding="utf-8")
    ((line, text),) = lines(store, settings, second)
    assert (line, text.partition(":")[0]) == (None, "job_master (job_id=1)")


def test_a_cycle_is_named_at_a_row_of_it(
    tmp_path: Path, store: ControlStore, settings: Settings
) -> None:
    file = tmp_path / "rows.yaml"
    context = "{entity: A, source_system: B}"
    jobs = "".join(
        f"  - {{job_id: '{n}', job_name: j{n}, script_path: landing.py, "
        f"context_params: {context}}}\n"
        for n in (1, 2)
    )
    edges = "".join(
        f"  - {{dependent_job_id: '{a}', dependent_job_name: j{a}, parent_job_id: '{b}'}}\n"
        for a, b in ((1, 2), (2, 1))
    )
    file.write_text(f"job_master:\n{jobs}job_dependency:\n{edges}", encoding="utf-8")
    found = lines(store, settings, file)
    assert [line for line, text in found if "a cycle: " in text] == [5, 6]


def test_warnings_have_their_lines(tmp_path: Path, store: ControlStore, settings: Settings) -> None:
    file = tmp_path / "rows.yaml"
    file.write_text(
        "job_master:\n"
        "  - job_id: '1'\n    job_name: j1\n    script_path: landing.py\n"
        "    context_params: {entity: A, source_system: B}\n"
        "job_dependency:\n"
        "  - {dependent_job_id: '1', dependent_job_name: j1, dependency_level: 3}\n",
        encoding="utf-8",
    )
    (warning,) = apply_files([file], store, settings).warnings
    assert str(warning).startswith(f"{file}:7: job_dependency (dependent_job_id=1, ")


def test_json_of_what_is_refused(tmp_path: Path, store: ControlStore, home: Path) -> None:
    file = tmp_path / "rows.yaml"
    file.write_text("process_control:\n  - {entity: A, source_system: B, biz_dt: soon}\n")
    done = CliRunner().invoke(main, ["apply", "--json", str(file)])
    assert done.exit_code == 1
    assert json.loads(done.stdout) == [
        {
            "file": str(file),
            "line": 2,
            "text": "process_control (entity=A, source_system=B, biz_dt=soon): column biz_dt: "
            "'soon' is not a date such as 2024-05-15",
        }
    ]
    assert f"{file}:2: process_control" in done.stderr


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("", 2),
        ("comments", 4),
        ("context_params", 5),
        ("context_params.sinks[0].path", 6),
        ("context_params.sinks[7].path", 6),
        ("context_params.none.x", 5),
        ("nothing", 2),
    ],
)
def test_a_place_that_is_not_there_has_the_line_around_it(
    tmp_path: Path, place: str, line: int
) -> None:
    file = tmp_path / "rows.yaml"
    file.write_text(
        "job_master:\n  - <<: {job_id: '1'}\n    job_name: x\n    comments: c\n"
        "    context_params:\n      sinks: [{path: x}]\n",
        encoding="utf-8",
    )
    (row,) = read_files([file]).tables["job_master"]
    assert (row.row["job_id"], row.line(place)) == ("1", line)


def test_yaml_that_is_broken_has_its_line(tmp_path: Path) -> None:
    file = tmp_path / "rows.yaml"
    file.write_text("job_master:\n  - {job_id: '1'\n", encoding="utf-8")
    (problem,) = read_files([file]).problems
    assert str(problem).startswith(f"{file}:3: not usable YAML")


def test_many_findings_take_no_longer_each(
    tmp_path: Path, store: ControlStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_text = Table.key_text
    asked: list[Row] = []

    def counted(table: Table, row: Row) -> str:
        asked.append(row)
        return key_text(table, row)

    monkeypatch.setattr(Table, "key_text", counted)
    row = "- {{job_id: J{0}, job_name: j{0}, script_path: nosuch.py, context_params: x}}\n"
    file = tmp_path / "rows.yaml"
    file.write_text("job_master:\n" + "".join(map(row.format, range(300))), encoding="utf-8")

    found = lines(store, settings, file)

    assert [line for line, _ in found] == [2 + n for n in range(300) for _ in range(2)]
    assert len(asked) < 20 * 300
