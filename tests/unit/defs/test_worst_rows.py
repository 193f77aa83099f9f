"""No content of any table stops the location: it loads, lists, ticks, and runs a good job."""

from __future__ import annotations

import json
import re
import sqlite3
from datetime import datetime, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner

from orch_dagster.bundle.fetch import fetch_bundle
from orch_dagster.cli.main import main
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import (
    EXECUTION_LOG,
    JOB_DEPENDENCY,
    JOB_MASTER,
    PROCESS_CONTROL,
    TABLES,
)
from orch_dagster.defs.schedule.cursor import WAITING_SENSOR
from orch_dagster.defs.schedule.open_dates_sensor import OPEN_DATES_SENSOR
from orch_dagster.defs.schedule.reprocess_sensor import REPROCESS_SENSOR
from orch_dagster.errors import NotReadyError
from orch_dagster.registry.location import load_location
from orch_dagster.settings import Settings
from tests.bad_rows import loosen, put_worst
from tests.code_location import Located
from tests.played_runs import Played

DAY = "2024-05-15"
TICK = datetime(2024, 5, 17, 6, tzinfo=timezone.utc)


@pytest.fixture
def worst(located: Located, store: ControlStore, settings: Settings) -> Path:
    """The store of two good jobs, and each column's worst values in each table."""
    assert located is not None
    good = {table: store.read(table) for table in TABLES}
    control_db = settings.state_dir / "control.db"
    loosen(control_db)
    for table in TABLES:
        store.upsert(table, good[table])
        assert [*put_worst(control_db, table)]
    return control_db


def run_sql(control_db: Path, *statements: str) -> None:
    with sqlite3.connect(control_db) as connection:
        for statement in statements:
            connection.execute(statement)


def test_the_location_loads_lists_ticks_and_runs(
    worst: Path, store: ControlStore, settings: Settings, played: type[Played]
) -> None:
    dagster = played()
    registry = dagster.location.location.registry
    assert {"job_1", "job_2"} <= {*registry.jobs}
    # Named at load: all but the tables that it does not read.
    named = {(each.table, each.place) for each in registry.findings}
    for table in TABLES:
        if table is not EXECUTION_LOG and table.name != "sys_params":
            columns = {bad.problems[0][0] for bad in store.bad_rows(table)}
            assert {(table.name, column) for column in columns} <= named
    assert {"job_1", "job_2", "gels_fpms"} <= {job.name for job in dagster.location.get_all_jobs()}
    assert dagster.location.get_assets_defs_by_key()
    for schedule in dagster.location.get_all_schedules():
        dagster.tick(schedule.name, TICK)
    for sensor in (OPEN_DATES_SENSOR, REPROCESS_SENSOR, WAITING_SENSOR):
        dagster.sense(sensor)
    spec = registry.jobs["job_1"]
    bundle = fetch_bundle(store, spec, run_id="r", wanted=[DAY], environment=settings.env)
    assert bundle.biz_dts == (DAY,)
    dagster.run(dagster.start("job_1", DAY), job_1="completed")
    (row,) = store.read(EXECUTION_LOG, {"job_id": "J1"})
    assert row["status"] == "Completed"
    # And again from the snapshot, while the tables are away.
    store.close()
    run_sql(worst, *(f"DROP TABLE {table.name}" for table in TABLES))
    snapshot = load_location(settings)
    assert snapshot.notice is not None
    assert snapshot.registry.findings == registry.findings


@pytest.mark.usefixtures("worst")
def test_commands_go_on_and_doctor_names_every_row(
    store: ControlStore, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(settings.dagster_home))
    settings.dagster_home.mkdir(parents=True)

    def orch(*words: str) -> str:
        result = CliRunner().invoke(main, list(words), catch_exceptions=False)
        assert result.exit_code == 0, (words, result.output)
        return result.output

    assert {"job_1", "job_2"} <= {row["job_name"] for row in json.loads(orch("jobs", "--json"))}
    assert orch("log", "--limit", "1000")
    assert DAY in orch("due", "gels_fpms")
    assert "job_1" in orch("export")
    assert orch("open", "GELS", "FPMS", "2024-05-16")
    assert "job_1" in orch("params", "job_1", "--biz-dt", DAY)

    said = CliRunner().invoke(main, ["doctor", "--json"], catch_exceptions=False).stdout
    texts = [check["text"] for check in json.loads(said)]
    bad = [row for table in TABLES for row in store.bad_rows(table)]
    named = {handle for text in texts for handle in re.findall(r"--set-aside (\w{8})", text)}
    assert named == {row.handle for row in bad}
    # The command that it names removes a row.
    assert "would remove" in orch("remove", "--set-aside", bad[0].handle, "--dry-run")
    orch("remove", *(word for row in bad for word in ("--set-aside", row.handle)))
    assert [row for table in TABLES for row in store.bad_rows(table)] == []


def test_a_job_does_not_run_without_one_of_its_rows(
    located: Located, store: ControlStore, settings: Settings
) -> None:
    """A parent that can't be read is still one, and so is a setting of the job's own."""
    control_db = settings.state_dir / "control.db"
    columns = "(dependent_job_id, dependent_job_name, parent_job_id, parent_job_name)"
    run_sql(control_db, f"INSERT INTO job_dependency {columns} VALUES ('J2', 'job_2', 'J1', X'FF')")
    registry = located().location.registry
    assert [*registry.jobs] == ["job_1"]
    (finding,) = registry.findings
    assert (finding.job_id, finding.place) == ("J2", "parent_job_name")
    spec = registry.jobs["job_1"]

    def bundle() -> object:
        return fetch_bundle(store, spec, run_id="", wanted=[DAY], environment="DEV")

    row = "INSERT INTO sys_params VALUES ('spark.a', 'DEV', '{}', X'FF', 'spark')"
    run_sql(control_db, row.format("*"))
    assert bundle()
    run_sql(control_db, row.format("gels_fpms"))
    with pytest.raises(NotReadyError, match=r"key_name=gels_fpms\): set aside.*without its setti"):
        bundle()
    run_sql(control_db, "DELETE FROM sys_params", "UPDATE process_control SET end_dt = 'soon'")
    with pytest.raises(NotReadyError, match=r"biz_dt=2024-05-15\): set aside, as column end_dt"):
        bundle()


def test_a_parent_that_is_set_aside_quarantines_its_children(
    located: Located, store: ControlStore, settings: Settings
) -> None:
    store.upsert(
        JOB_DEPENDENCY,
        [{"dependent_job_id": "J2", "dependent_job_name": "job_2", "parent_job_id": "J1",
          "parent_job_name": "job_1"}],
    )  # fmt: skip
    run_sql(
        settings.state_dir / "control.db",
        "UPDATE job_master SET comments = X'FF' WHERE job_id = 'J1'",
    )
    registry = located().location.registry
    assert not registry.jobs
    assert [(each.job_id, each.reason.partition(";")[0]) for each in registry.findings] == [
        ("J1", "set aside, as column comments: a binary value of 1 bytes is not text"),
        ("J2", "waits for J1, which is quarantined"),
    ]


def test_a_date_that_is_set_aside_is_not_opened_again(
    located: Located, settings: Settings, store: ControlStore
) -> None:
    assert located is not None
    run_sql(settings.state_dir / "control.db", "UPDATE process_control SET start_dt = '2023-02-29'")
    result = CliRunner().invoke(main, ["open", "GELS", "FPMS", DAY], catch_exceptions=False)
    (row,) = store.bad_rows(PROCESS_CONTROL)
    assert result.exit_code == 1
    assert f"orch remove --set-aside {row.handle}" in result.stderr
    assert store.read(JOB_MASTER)
