"""What apply makes of YAML, and what it refuses: everything said, nothing written."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
import yaml

from orch_dagster.cli.doctor import examine
from orch_dagster.control.connect import open_store
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import (
    JOB_DEPENDENCY,
    JOB_MASTER,
    PROCESS_CONTROL,
    SYS_PARAMS,
    TABLES,
)
from orch_dagster.errors import PermanentStoreError
from orch_dagster.registry.apply import ApplyError, apply_files
from orch_dagster.settings import REPOSITORY, Settings

CONTEXT = {"entity": "ACME", "source_system": "CRM"}
DAY = {"entity": "ACME", "source_system": "CRM", "biz_dt": "2024-05-15"}


def job(job_id: str, **columns: object) -> dict[str, object]:
    name = f"job_{job_id}"
    row = {"job_id": job_id, "job_name": name, "script_path": "landing.py"}
    return {**row, "context_params": CONTEXT, **columns}


def edge(child: str, parent: str, **columns: object) -> dict[str, object]:
    names = {"dependent_job_id": child, "dependent_job_name": f"job_{child}"}
    return {**names, "parent_job_id": parent, **columns}


class Desk:
    """Writes YAML files and applies them."""

    def __init__(self, folder: Path, store: ControlStore, settings: Settings) -> None:
        self.folder = folder
        self.store = store
        self._settings = settings

    def file(self, content: object) -> Path:
        path = self.folder / f"{len(list(self.folder.glob('*.yaml')))}.yaml"
        text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
        path.write_text(text, encoding="utf-8")
        return path

    def apply(self, *contents: object) -> dict[str, tuple[int, int, int]]:
        done = apply_files([self.file(content) for content in contents], self.store, self._settings)
        return {
            change.table.name: (len(change.inserted), len(change.changed), change.unchanged)
            for change in done.changes
        }

    def problems(self, *contents: object) -> list[str]:
        """What is said; that nothing was written is checked."""
        before = [self.store.read(table) for table in TABLES]
        with pytest.raises(ApplyError) as caught:
            self.apply(*contents)
        assert [self.store.read(table) for table in TABLES] == before
        assert str(caught.value).splitlines()[0] == "nothing was applied:"
        return [each.text for each in caught.value.problems]


@pytest.fixture
def desk(tmp_path: Path, store: ControlStore, settings: Settings) -> Desk:
    return Desk(tmp_path, store, settings)


class TestValues:
    def test_a_mapping_becomes_json(self, desk: Desk) -> None:
        desk.apply({"job_master": [job("1", comments="é")]})

        (row,) = desk.store.read(JOB_MASTER)
        assert json.loads(str(row["context_params"])) == CONTEXT
        assert row["comments"] == "é"

    def test_json_text_stays_as_it_is(self, desk: Desk) -> None:
        text = '{ "entity":"ACME",\n  "source_system": "CRM" }\n'
        desk.apply({"job_master": [job("1", context_params=text)]})

        assert [row["context_params"] for row in desk.store.read(JOB_MASTER)] == [text]

    @pytest.mark.parametrize("spelling", ["2024-05-15", '"2024-05-15"', "'2024-05-15'"])
    def test_dates_in_any_quotes(self, desk: Desk, spelling: str) -> None:
        desk.apply(
            f"process_control: [{{entity: A, source_system: B, biz_dt: {spelling}, "
            f"end_dt: {spelling}}}]"
        )

        (row,) = desk.store.read(PROCESS_CONTROL)
        assert (row["biz_dt"], row["end_dt"]) == ("2024-05-15", "2024-05-15")

    @pytest.mark.parametrize(
        ("spelling", "value"),
        [
            ("true", "true"),
            ("no", "no"),
            ("010", "010"),
            ("1.10", "1.10"),
            ("12:30", "12:30"),
            ("''", ""),
            ("", None),
        ],
    )
    def test_values_of_params_are_what_was_written(
        self, desk: Desk, spelling: str, value: str | None
    ) -> None:
        row = f"{{param_key: k, environment: DEV, key_name: '*', param_value: {spelling}}}"
        desk.apply(f"sys_params: [{row}]")

        assert [row["param_value"] for row in desk.store.read(SYS_PARAMS)] == [value]

    @pytest.mark.parametrize("parent", ['""', "null", ""])
    def test_a_root_in_any_spelling(self, desk: Desk, parent: str) -> None:
        rows = f"[{{dependent_job_id: '1', dependent_job_name: job_1, parent_job_id: {parent}}}]"
        desk.apply({"job_master": [job("1")]}, f"job_dependency: {rows}")

        assert [row["parent_job_id"] for row in desk.store.read(JOB_DEPENDENCY)] == [""]


class TestCounts:
    def test_of_several_files(self, desk: Desk) -> None:
        assert desk.apply(
            {"job_dependency": [edge("2", "1")], "job_master": [job("1")]},
            {"job_master": [job("2")], "process_control": [DAY]},
        ) == {"job_master": (2, 0, 0), "process_control": (1, 0, 0), "job_dependency": (1, 0, 0)}

    def test_columns_that_are_not_given_stay(self, desk: Desk) -> None:
        desk.apply({"process_control": [{**DAY, "end_dt": "2024-05-15", "business_keys": "a"}]})

        assert desk.apply({"process_control": [{**DAY, "business_keys": "b"}]}) == {
            "process_control": (0, 1, 0)
        }
        (row,) = desk.store.read(PROCESS_CONTROL)
        assert (row["end_dt"], row["business_keys"]) == ("2024-05-15", "b")
        assert desk.apply({"process_control": [DAY]}) == {"process_control": (0, 0, 1)}

    def test_part_of_a_job_is_enough_to_change_it(self, desk: Desk) -> None:
        desk.apply({"job_master": [job("1")]})

        assert desk.apply({"job_master": [{"job_id": "1", "comments": "new"}]}) == {
            "job_master": (0, 1, 0)
        }

    @pytest.mark.parametrize("example", ["chain", "prism"])
    def test_the_examples_twice(
        self, example: str, desk: Desk, store: ControlStore, settings: Settings
    ) -> None:
        files = [REPOSITORY / "examples" / example / "registry.yaml"]
        first = apply_files(files, store, settings)
        again = apply_files(files, store, settings)

        assert first.warnings == ()
        assert sum(len(change.inserted) for change in first.changes) > 0
        assert [len(change.inserted) + len(change.changed) for change in again.changes] == [
            0 for _ in first.changes
        ]
        assert [change.unchanged for change in again.changes] == [
            len(change.inserted) for change in first.changes
        ]

    def test_no_rows(self, desk: Desk) -> None:
        assert desk.apply({"job_master": []}) == {"job_master": (0, 0, 0)}
        assert desk.apply({}) == {}


class TestProblems:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("a: [", "not usable YAML in UTF-8"),
            ("job_master: []\njob_master: []", "the key job_master is given twice"),
            (
                "sys_params: [{param_key: a.b, environment: DEV, key_name: '*', param_type: x, "
                "param_key: a.c}]",
                "the key param_key is given twice",
            ),
            ("job_master: [!!int soon]", "not usable YAML in UTF-8"),
            ("job_master: [{context_params: &a [*a]}]", "a value contains itself"),
            ("- job_master", "the top level must be a mapping of table names"),
            ("", "the top level must be a mapping of table names"),
            ("job_master: {}", "must be a list of rows"),
            ("job_master:", "must be a list of rows"),
            ("job_master: [1]", "must be a list of rows"),
            ("execution_log: []", "execution_log is not a table to apply"),
            ("jobmaster: []", "jobmaster is not a table to apply; those are job_master"),
            ("1: []", "1 is not a table to apply"),
        ],
    )
    def test_of_a_files_form_name_the_file(
        self, desk: Desk, settings: Settings, text: str, said: str
    ) -> None:
        file = desk.file(text)
        with pytest.raises(ApplyError) as caught:
            apply_files([file], desk.store, settings)
        (problem,) = caught.value.problems
        assert (problem.file, said in problem.text) == (file, True)

    def test_a_key_given_twice(self, desk: Desk) -> None:
        problems = desk.problems({"job_master": [job("1")]}, {"job_master": [job("1")]})
        assert problems == ["job_master (job_id=1): the key is given twice"]

    def test_an_unknown_column_and_a_missing_key(self, desk: Desk) -> None:
        problems = desk.problems({"process_control": [{"entity": "A", "colour": "red"}]})

        assert len(problems) == 3
        assert "unknown column colour" in problems[0]
        assert "key column source_system is missing or null" in problems[1]
        assert "key column biz_dt is missing or null" in problems[2]

    def test_of_many_unknown_columns_and_keys_a_few_are_named(self, desk: Desk) -> None:
        many = {f"colour{number}": "red" for number in range(5_000)}
        problems = desk.problems({"job_master": [{**job("1"), **many}]})
        assert len(problems) == 11
        assert problems[-1].endswith(": 4,990 more unknown columns")
        context = {**CONTEXT, **dict.fromkeys([*many][:2_000], "red")}
        problems = desk.problems({"job_master": [job("1", context_params=context)]})
        assert len(problems) == 11
        assert problems[-1].endswith("context_params: 1,990 more: are not keys")

    def test_of_many_paths_that_lie_within_each_other_a_hundred_are_named(self, desk: Desk) -> None:
        sink = {"format": "orc", "path": "o/t", "partition_cols": ["biz_dt"]}
        context = {**CONTEXT, "sources": [{"format": "csv", "path": "x"}], "sinks": [sink] * 700}
        problems = desk.problems({"job_master": [job("1", context_params=context)]})
        assert len([each for each in problems if "one would replace the other" in each]) == 100
        assert problems[-1].endswith("more of the paths lie within each other than are named here")

    @pytest.mark.parametrize("key", ["", " ", "\t"])
    def test_an_empty_key(self, desk: Desk, key: str) -> None:
        problems = desk.problems({"sys_params": [setting(key, "1"), setting("retry.max", "1")]})
        assert any("key column param_key is empty" in each for each in problems)

    @pytest.mark.parametrize("value", [123, 1.5, True])
    @pytest.mark.parametrize("column", ["job_id", "job_name", "script_path", "context_params"])
    def test_a_number_where_text_belongs(self, desk: Desk, column: str, value: object) -> None:
        problems = desk.problems({"job_master": [{**job("1"), column: value}, job("2")]})

        assert any(f"column {column}: {value!r} is not text" in problem for problem in problems)

    def test_rows_without_their_ids(self, desk: Desk) -> None:
        problems = desk.problems(
            {
                "job_master": [{"job_name": "x"}, job("1")],
                "job_dependency": [{"parent_job_id": "1"}, edge("1", "", dependency_level="top")],
            }
        )

        told = "\n".join(problems)
        assert "key column job_id is missing or null" in told
        assert "key column dependent_job_id is missing or null" in told
        assert "dependency_level: 'top' is not a whole number" in told

    def test_all_of_all_files_at_once(self, desk: Desk) -> None:
        problems = desk.problems(
            {"job_master": [job("1", script_path="../x.py"), job("2", context_params="{")]},
            "nope: []",
            {"process_control": [{**DAY, "biz_dt": "soon"}], "job_dependency": [edge("3", "1")]},
        )

        told = "\n".join(problems)
        for word in ("../x.py", "not JSON", "nope is not", "'soon' is not a date", "3 is not in"):
            assert word in told
        assert len(problems) == len(set(problems)) == 5

    def test_a_cycle_with_rows_that_are_there(self, desk: Desk) -> None:
        desk.apply({"job_master": [job("1"), job("2")], "job_dependency": [edge("2", "1")]})

        problems = desk.problems({"job_dependency": [edge("1", "2")]})
        assert any("1 waits for 2 waits for 1" in problem for problem in problems)

    def test_a_row_that_would_break_another_job(self, desk: Desk) -> None:
        desk.apply({"job_master": [job("1"), job("2", job_name="acme_erp")]})

        # Its source would take the name of job 2.
        theirs = {"entity": "ACME", "source_system": "ERP"}
        (problem,) = desk.problems({"job_master": [job("3", context_params=theirs)]})
        assert problem.startswith("job_master (job_id=2): job_name acme_erp is the name of a group")

    def test_a_new_name_that_the_children_do_not_know(self, desk: Desk) -> None:
        desk.apply(
            {
                "job_master": [job("1"), job("2")],
                "job_dependency": [edge("2", "1", parent_job_name="job_1")],
            }
        )

        (problem,) = desk.problems({"job_master": [job("1", job_name="renamed")]})
        assert "parent_job_name is job_1, but job_master calls 1 renamed; give the row" in problem

    def test_what_was_wrong_before_stops_nobody(self, desk: Desk) -> None:
        desk.store.upsert(JOB_MASTER, [{"job_id": "old", "job_name": "bad name"}])

        assert desk.apply({"job_master": [job("1")]}) == {"job_master": (1, 0, 0)}

    def test_warnings_stop_nothing(
        self, desk: Desk, store: ControlStore, settings: Settings
    ) -> None:
        rows = {"job_master": [job("1")], "job_dependency": [edge("1", "", dependency_level=3)]}
        done = apply_files([desk.file(rows)], store, settings)

        assert [finding.reason for finding in done.warnings] == [
            "dependency_level is 3, but the graph gives 0"
        ]
        assert len(store.read(JOB_DEPENDENCY)) == 1


def test_a_second_parent_that_an_older_table_refuses_leaves_everything(
    tmp_path: Path, settings: Settings
) -> None:
    file = settings.state_dir / "control.db"
    file.parent.mkdir()
    with sqlite3.connect(file) as older:
        older.execute(
            "CREATE TABLE job_dependency (dependent_job_id TEXT, dependent_job_name TEXT, "
            "parent_job_id TEXT, parent_job_name TEXT, dependency_level BIGINT, "
            "PRIMARY KEY (dependent_job_id, dependent_job_name))"
        )
    older.close()
    store = open_store(settings.control_url, settings.home)
    store.ensure_tables()
    desk = Desk(tmp_path, store, settings)
    jobs = [job("1"), job("2"), job("3")]
    rows = {"job_master": jobs, "job_dependency": [edge("3", "1"), edge("3", "2")]}

    with pytest.raises(PermanentStoreError, match="allows one parent a job"):
        desk.apply({**rows, "process_control": [DAY]})
    assert [store.read(table) for table in TABLES] == [[], [], [], [], []]
    store.close()


def test_before_init(tmp_path: Path, settings: Settings) -> None:
    store = open_store(settings.control_url, settings.home)
    desk = Desk(tmp_path, store, settings)

    with pytest.raises(PermanentStoreError, match="orch init"):
        desk.apply({"job_master": [job("1")]})
    store.close()


def setting(key: str, value: str | None, **columns: object) -> dict[str, object]:
    row = {"param_key": key, "environment": "DEV", "key_name": "*", "param_value": value}
    return {**row, "param_type": "system", **columns}


class TestSettings:
    def test_every_value_that_a_run_would_refuse_is_named(self, desk: Desk) -> None:
        rows = [
            setting("retry.max", "many"),
            setting("retry.delay", None),
            setting("checks.blocking", "maybe"),
            setting("schedule.timezone", "Mars/X"),
            setting("schedule.offset", "1"),
        ]
        said = [text.partition("): ")[2] for text in desk.problems({"sys_params": rows})]
        assert sorted(said) == [
            "param_value: '' is not seconds, from 0 to 99999",
            "param_value: 'Mars/X' is not a time zone such as Europe/Berlin",
            "param_value: 'many' is not a whole number from 0 to 99",
            "param_value: 'maybe' is not true or false",
        ]

    def test_a_key_that_is_misspelled_is_refused_with_the_nearest(self, desk: Desk) -> None:
        (problem,) = desk.problems({"sys_params": [setting("retry.maxx", "3")]})
        assert problem == (
            "sys_params (param_key=retry.maxx, environment=DEV, key_name=*): retry.maxx is not a "
            "setting of param_type system: did you mean retry.max?"
        )

    def test_a_key_of_a_script_is_applied_with_a_warning(
        self, desk: Desk, store: ControlStore, settings: Settings
    ) -> None:
        file = desk.file({"sys_params": [setting("api.page", "3")]})
        (warning,) = apply_files([file], store, settings).warnings
        assert "api.page is not a setting of param_type system" in str(warning)
        assert len(store.read(SYS_PARAMS)) == 1

    @pytest.mark.parametrize(
        ("given", "meant"), [("System", "system"), ("sytem", "system"), (" Secret", "secret")]
    )
    def test_a_param_type_that_is_misspelled_is_refused(
        self, desk: Desk, given: str, meant: str
    ) -> None:
        (problem,) = desk.problems(
            {"sys_params": [{**setting("retry.max", "3"), "param_type": given}]}
        )
        assert problem.endswith(
            f"key_name=*): param_type {given!r} has no effect; did you mean {meant}?"
        )

    @pytest.mark.parametrize(
        ("given", "hint"),
        [("script", "did you mean secret?"), ("x", "known: spark, system, secret")],
    )
    def test_a_param_type_that_a_script_may_read_is_a_warning(
        self, desk: Desk, store: ControlStore, settings: Settings, given: str, hint: str
    ) -> None:
        file = desk.file({"sys_params": [{**setting("a.b", "3"), "param_type": given}]})
        (warning,) = apply_files([file], store, settings).warnings
        assert str(warning).endswith(f"param_type {given!r} has no effect; {hint}")

    def test_a_row_is_judged_with_the_columns_that_are_there(
        self, desk: Desk, store: ControlStore
    ) -> None:
        store.upsert(SYS_PARAMS, [setting("retry.max", "1")])
        given = setting("retry.max", "many")
        del given["param_type"]
        (problem,) = desk.problems({"sys_params": [given]})
        assert "'many' is not a whole number" in problem

    def test_what_is_there_already_and_not_given_stops_nothing(
        self, desk: Desk, store: ControlStore
    ) -> None:
        store.upsert(SYS_PARAMS, [setting("retry.max", "many"), setting("retry.maxx", "1")])
        assert desk.apply({"sys_params": [setting("retry.delay", "5")]}) == {
            "sys_params": (1, 0, 0)
        }

    def test_other_types_are_no_settings(self, desk: Desk) -> None:
        rows = [setting("spark.retry.max", "many", param_type="spark")]
        assert desk.apply({"sys_params": rows}) == {"sys_params": (1, 0, 0)}


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("executor.memory", "does not begin with 'spark.'"),
        ("spark.executor memory", "has a space or an equals sign in its name"),
        ("spark.master", "is '1g': set it to local"),
        ("spark.submit.deployMode", "is '1g': set it to client or cluster"),
    ],
)
def test_a_spark_property_that_no_run_could_use_is_refused(
    tmp_path: Path, store: ControlStore, settings: Settings, key: str, reason: str
) -> None:
    row = {"param_key": key, "environment": "DEV", "key_name": "*", "param_type": "spark"}
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump({"sys_params": [{**row, "param_value": "1g"}]}))
    with pytest.raises(ApplyError, match=reason):
        apply_files([file], store, settings)
    assert store.read(SYS_PARAMS) == []
    store.upsert(SYS_PARAMS, [{**row, "param_value": "1g"}])
    (check,) = [each for each in examine(settings) if key in each.text]
    assert check.state == "missing"
