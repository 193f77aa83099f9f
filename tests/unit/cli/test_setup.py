"""init, apply, open, log and doctor, as their user gives them."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from framework.contract.spark_defaults import SPARK_DEFAULTS
from orch_dagster.cli import setup
from orch_dagster.cli.main import main
from orch_dagster.control.connect import open_store
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import (
    EXECUTION_LOG,
    JOB_MASTER,
    PROCESS_CONTROL,
    SYS_PARAMS,
    TABLES,
)
from orch_dagster.settings import REPOSITORY, load_settings

JOB = "etl_lnd_gels_fpms_t_contract_master"


def orch(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def orch_json(*words: str) -> Any:
    result = orch(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def there(sample: Path) -> Any:
    store = open_store(load_settings().control_url, sample)
    yield store
    store.close()


class TestInit:
    def test_says_what_it_created(self, home: Path) -> None:
        said = orch("init").stdout

        for table in TABLES:
            assert f"created table {table.name}" in said
        assert not (home / "data").exists()
        # Before any job names the group.
        assert orch("sample", "gels_fpms", "--biz-dt", "2024-05-15").exit_code == 0
        assert (home / "data").exists()

    @pytest.mark.parametrize(
        ("words", "at_terminal", "is_built"),
        [
            ((), True, True),
            (("--no-accelerate",), True, False),
            ((), False, False),
            (("--accelerate",), False, True),
        ],
    )
    def test_the_archive_is_built_beside_it_at_a_terminal(
        self,
        home: Path,
        monkeypatch: pytest.MonkeyPatch,
        words: tuple[str, ...],
        *,
        at_terminal: bool,
        is_built: bool,
    ) -> None:
        builds: list[Path] = []
        # A real one: tests/runs/wheel/test_project.py.
        monkeypatch.setattr(setup, "build_beside", lambda settings: builds.append(settings.home))
        terminal = SimpleNamespace(isatty=lambda: at_terminal)
        monkeypatch.setattr(setup, "sys", SimpleNamespace(stdout=terminal))

        said = orch("init", *words).stdout

        assert builds == ([home] if is_built else [])
        assert ("`orch accelerate`" in said) == (not is_built)

    def test_the_sample(self, there: ControlStore, sample: Path) -> None:
        assert [row["job_id"] for row in there.read(JOB_MASTER)] == ["JOB_1001"]
        assert [row["biz_dt"] for row in there.read(PROCESS_CONTROL)] == ["2024-05-15"]
        assert there.read(SYS_PARAMS) == []
        assert len(list((sample / "data").rglob("*.csv"))) == 2

    def test_the_sample_a_second_time_leaves_what_was_changed(
        self, there: ControlStore, sample: Path
    ) -> None:
        there.upsert(JOB_MASTER, [{"job_id": "JOB_1001", "comments": "mine"}])
        before = {path: path.read_bytes() for path in (sample / "data").rglob("*.csv")}
        rows = [there.read(table) for table in TABLES]

        assert orch("init", "--sample").exit_code == 0
        assert [there.read(table) for table in TABLES] == rows
        assert {path: path.read_bytes() for path in before} == before

    def test_a_word_of_the_users_in_env_stays(self, home: Path) -> None:
        (home / ".env").write_text("MY=1\nDAGSTER_HOME=/elsewhere")
        for _ in range(2):
            assert orch("init").exit_code == 0

        assert (home / ".env").read_text(encoding="utf-8").splitlines() == [
            "MY=1",
            "DAGSTER_HOME=/elsewhere",
            f"ORCH_HOME=${{ORCH_HOME:-{home.as_posix()}}}",
        ]

    def test_dagster_yaml_is_the_repositorys_until_it_is_changed(self, home: Path) -> None:
        orch("init")
        config = home / ".orch" / "dagster" / "dagster.yaml"
        assert config.read_text() == (REPOSITORY / "dagster.yaml").read_text()
        config.write_text("telemetry: {enabled: false}\n")
        orch("init")
        assert config.read_text() == "telemetry: {enabled: false}\n"


class TestApply:
    def test_counts_as_json_and_warnings_on_stderr(self, sample: Path, tmp_path: Path) -> None:
        file = tmp_path / "rows.yaml"
        root = f"{{dependent_job_id: JOB_1001, dependent_job_name: {JOB}, dependency_level: 4}}"
        file.write_text(f"job_dependency: [{root}]")

        assert f"warning: {file}:1: job_dependency" in orch("apply", str(file)).stderr
        assert orch_json("apply", str(file)) == [
            {"table": "job_dependency", "inserted": 0, "changed": 0, "left": 1}
        ]

    def test_two_files_at_once(self, sample: Path) -> None:
        files = [
            str(REPOSITORY / "examples" / name / "registry.yaml") for name in ("chain", "prism")
        ]
        counts = {row["table"]: row for row in orch_json("apply", *files)}

        assert counts["job_master"]["inserted"] > 3
        waits = {row["job_id"]: row["waits_for"] for row in orch_json("jobs")}
        assert waits["JOB_2002"] == "JOB_2001"
        assert list(waits).index("JOB_2001") < list(waits).index("JOB_2002")


class TestOpen:
    def test_twice_is_once(self, there: ControlStore) -> None:
        assert "Opened" in orch("open", "GELS", "FPMS", "2024-05-16").stdout
        there.update(
            PROCESS_CONTROL,
            [{"entity": "GELS", "source_system": "FPMS", "biz_dt": "2024-05-16", "run_id": "r"}],
        )
        assert "is open" in orch("open", "GELS", "FPMS", "2024-05-16").stdout

        (row,) = there.read(PROCESS_CONTROL, {"biz_dt": "2024-05-16"})
        assert (row["run_id"], row["start_dt"], row["end_dt"]) == ("r", "2024-05-16", "2024-05-16")

    def test_a_group_that_has_no_date_yet(self, there: ControlStore) -> None:
        # Its row is quarantined, as it has no script.
        there.upsert(JOB_MASTER, [{"job_id": "J9", "job_name": "etl_lnd_new_one_t_a"}])
        assert orch("open", "new", "one", "2024-05-16").exit_code == 0

        (row,) = there.read(PROCESS_CONTROL, {"entity": "NEW", "source_system": "ONE"})
        assert row["business_keys"] is None

    def test_an_unknown_group(self, there: ControlStore) -> None:
        told = orch("open", "gels", "fmps", "2024-05-16")
        assert (told.exit_code, "did you mean gels_fpms?" in told.stderr) == (1, True)
        assert len(there.read(PROCESS_CONTROL)) == 1


class TestLog:
    @pytest.fixture(autouse=True)
    def _rows(self, there: ControlStore) -> None:
        there.upsert(
            EXECUTION_LOG,
            [
                {
                    "id": f"{n}_x",
                    "job_name": "odd" if n % 2 else "even",
                    "biz_dt": f"2024-05-{15 + n // 2}",
                    "status": "Failed: [bold]no[/bold]",
                    "start_time": datetime(2024, 5, 20, n, tzinfo=timezone.utc),
                }
                for n in range(5)
            ],
        )

    def test_newest_first(self) -> None:
        rows = orch_json("log")
        assert [row["id"] for row in rows] == ["4_x", "3_x", "2_x", "1_x", "0_x"]
        assert rows[0]["start_time"] == "2024-05-20T04:00:00Z"

    def test_of_a_job_a_date_and_no_more_than(self) -> None:
        assert [r["id"] for r in orch_json("log", "--job", "odd")] == ["3_x", "1_x"]
        assert [r["id"] for r in orch_json("log", "--biz-dt", "2024-05-15")] == ["1_x", "0_x"]
        assert [r["id"] for r in orch_json("log", "--limit", "2")] == ["4_x", "3_x"]
        assert orch_json("log", "--job", "odd", "--biz-dt", "2024-05-17") == []

    def test_of_a_job_under_its_older_names_too(self, there: ControlStore) -> None:
        there.upsert(JOB_MASTER, [{"job_id": "J9", "job_name": "odd"}])
        there.upsert(
            EXECUTION_LOG,
            [{"id": "9_x", "job_id": "J9", "job_name": "old"}, {"id": "1_x", "job_id": "J9"}],
        )
        for job in ("odd", "J9"):
            ids = [row["id"] for row in orch_json("log", "--job", job)]
            # The last never started.
            assert ids == ["3_x", "1_x", "9_x"]
        assert [row["id"] for row in orch_json("log", "--job", "old", "--limit", "1")] == ["9_x"]

    def test_for_people_as_it_was_written(self) -> None:
        said = orch("log").stdout
        assert "    [bold]no[/bold]\n" in said
        assert "2024-05-20 04:00:00" in said


class TestDoctor:
    def states(self, result: Result) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for check in json.loads(result.stdout):
            found.setdefault(check["name"], []).append((check["state"], check["text"]))
        return found

    def test_before_init(self, home: Path) -> None:
        result = orch("doctor", "--json")
        found = self.states(result)

        assert result.exit_code == 1
        for name in ("Control store", "Registry"):
            ((state, text),) = found[name]
            assert state == "missing"
            assert "orch init" in text

    def test_what_is_there(self, sample: Path) -> None:
        found = self.states(orch("doctor", "--json"))

        assert found["Control store"][0][0] == "ok"
        assert found["Registry"] == [("ok", "valid jobs: 1")]

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
    def test_what_other_users_may_see(self, sample: Path) -> None:
        (sample / "logs").mkdir()
        (sample / "logs").chmod(0o755)
        database = sample / ".orch" / "control.db"
        database.chmod(0o640)
        rights = self.states(orch("doctor", "--json"))["Rights"]

        assert [state for state, _ in rights] == ["warning", "warning"]
        assert rights[0][1].endswith(
            f"(mode 755), which holds what only its owner should see: chmod 700 {sample / 'logs'}"
        )
        assert rights[1][1].endswith(f"chmod 600 {database}")
        (sample / "logs").chmod(0o700)
        database.chmod(0o600)
        ((state, text),) = self.states(orch("doctor", "--json"))["Rights"]
        assert (state, "are private" in text) == ("ok", True)

    def test_the_defaults_of_spark_and_who_replaces_them(
        self, there: ControlStore, sample: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        zone, ansi = "spark.sql.session.timeZone", "spark.sql.ansi.enabled"
        for key_name, value in (("*", "Asia/Tokyo"), ("gels_fpms", "Asia/Seoul")):
            row = {"key_name": key_name, "param_key": zone, "param_value": value}
            there.upsert(SYS_PARAMS, [{**row, "environment": "DEV", "param_type": "spark"}])
        (sample / "spark-defaults.conf").write_text(f"{ansi} false\n")
        monkeypatch.setenv("SPARK_CONF_DIR", str(sample))
        lines = self.states(orch("doctor", "--json"))["Spark default"]

        assert {state for state, _ in lines} == {"ok"}
        of_property = {text.partition(" is ")[0]: text for _, text in lines}
        assert of_property.keys() == {each.name for each in SPARK_DEFAULTS}
        assert of_property[zone] == (
            f"{zone} is UTC, the default of every run; "
            "by sys_params Asia/Seoul for gels_fpms, Asia/Tokyo for *"
        )
        assert of_property[ansi] == f"{ansi} is false, spark-defaults.conf"

    def test_every_finding(self, there: ControlStore) -> None:
        there.upsert(
            JOB_MASTER,
            [{"job_id": "B1", "job_name": "bad name"}, {"job_id": "B2", "context_params": "{"}],
        )
        result = orch("doctor", "--json")

        findings = [text for state, text in self.states(result)["Registry"] if state == "missing"]
        assert result.exit_code == 1
        assert sum("job_id=B1" in text for text in findings) >= 2
        assert any("job_id=B2" in text and "not JSON" in text for text in findings)
        plain = orch("doctor").stdout
        assert all(text in plain for text in findings)

    def test_secrets_that_are_not_there(
        self, there: ControlStore, sample: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("A_SECRET", "hunter2")
        (sample / "there").write_text("hunter2\n")
        of_all = {"environment": "DEV", "key_name": "*", "param_type": "secret"}
        values = {"A": "env:A_SECRET", "B": "file:there", "C": "env:NOPE", "D": "file:nope"}
        rows = [{**of_all, "param_key": key, "param_value": value} for key, value in values.items()]
        there.upsert(SYS_PARAMS, rows)
        result = orch("doctor", "--json")

        found = {
            text.partition("param_key=")[2][:1]: (state, text.partition("): ")[2])
            for state, text in self.states(result)["Registry"]
            if "param_key=" in text
        }
        assert found.keys() == {"C", "D"}
        assert {state for state, _ in found.values()} == {"warning"}
        assert "the environment variable NOPE is not set" in found["C"][1]
        assert "nope can't be read" in found["D"][1]

    def test_an_environment_that_differs_by_case_alone(
        self, there: ControlStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = {"environment": "PROD", "key_name": "*", "param_key": "retry.max"}
        there.upsert(SYS_PARAMS, [{**row, "param_value": "1", "param_type": "system"}])
        for name, is_named in (("prod ", True), ("PROD", False), ("TEST", False)):
            monkeypatch.setenv("ORCH_ENV", name)
            found = [text for _, text in self.states(orch("doctor", "--json"))["Registry"]]
            named = f"ORCH_ENV is {name!r}, for which sys_params has no row; did you mean PROD?"
            assert (named in found) is is_named

    def test_a_cron_of_the_environment(
        self, there: ControlStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ORCH_SCHEDULE_CRON", "60 2 * * *")
        result = orch("doctor", "--json")
        assert result.exit_code == 1
        ((state, text),) = self.states(result)["Schedules"]
        assert state == "missing"
        assert text.startswith("ORCH_SCHEDULE_CRON: '60 2 * * *' is not a cron schedule")

    def test_sys_params_that_a_run_would_refuse_and_keys_that_nobody_reads(
        self, there: ControlStore
    ) -> None:
        of_all = {"environment": "DEV", "key_name": "*"}
        values = {
            "retry.max": ("many", "system"),
            "retry.maxx": ("3", "system"),
            "api.page": ("3", "system"),
            "schedule.cron": ("at two", "system"),
            "schema.drift": ("refuse", "system"),
            "schedule.offset": ("2", "System"),
            "DB_PASSWORD": ("hunter2", "secret"),
        }
        there.upsert(
            SYS_PARAMS,
            [
                {**of_all, "param_key": key, "param_value": value, "param_type": type_}
                for key, (value, type_) in values.items()
            ],
        )
        result = orch("doctor", "--json")

        assert result.exit_code == 1
        assert "hunter2" not in result.stdout
        found = {
            text.partition("param_key=")[2].partition(",")[0]: (state, text.partition("): ")[2])
            for state, text in self.states(result)["Registry"]
            if "param_key=" in text
        }
        assert {key: state for key, (state, _) in found.items()} == {
            "retry.max": "missing",
            "retry.maxx": "warning",
            "api.page": "warning",
            "schedule.cron": "warning",
            "schedule.offset": "warning",
            "DB_PASSWORD": "missing",
        }
        assert found["retry.max"][1] == "param_value: 'many' is not a whole number from 0 to 99"
        assert found["retry.maxx"][1].endswith("did you mean retry.max?")
        assert "'at two' is not a cron schedule" in found["schedule.cron"][1]
        assert found["schedule.offset"][1] == (
            "param_type 'System' has no effect; did you mean system?"
        )

    def test_java_that_is_not_there(self, sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("JAVA_HOME", str(sample / "no-java"))
        result = orch("doctor", "--json")

        ((state, text),) = self.states(result)["Java"]
        assert (result.exit_code, state) == (1, "missing")
        assert "no-java" in text
