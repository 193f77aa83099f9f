"""orch plan, apply --prune, rename, remove and export, as they are given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from orch_dagster.cli.main import main
from orch_dagster.control.connect import opened_store
from orch_dagster.control.tables import EXECUTION_LOG, SYS_PARAMS
from orch_dagster.registry.write import read_tables
from orch_dagster.sample.rows import JOB_NAME, sample_rows
from orch_dagster.settings import load_settings

CHILD = {
    "job_id": "JOB_2",
    "job_name": "etl_lnd_gels_fpms_t_child",
    "script_path": "landing.py",
    "context_params": {
        "sources": [
            {"format": "jdbc", "path": "t", "options": {
                "url": "jdbc:x://h/db?password=hunter1", "password": "hunter2"}}
        ],
    },
}  # fmt: skip
EDGE = {
    "dependent_job_id": "JOB_2",
    "dependent_job_name": CHILD["job_name"],
    "parent_job_id": "JOB_1001",
    "parent_job_name": JOB_NAME,
    "dependency_level": 1,
}
SAMPLE = sample_rows()


def orch(*words: str) -> Result:
    return CliRunner().invoke(main, [*words])


def ok(*words: str) -> str:
    done = orch(*words)
    assert done.exit_code == 0, done.output
    return done.output


def exported(*words: str) -> str:
    done = orch("export", *words)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def files(sample: Path) -> Path:
    """A file of the sample's group: its job, and a child; the store has a row for all jobs too."""
    of_all = {**secret("hunter4"), "key_name": "*"}
    with opened_store(load_settings()) as store:
        store.upsert(SYS_PARAMS, [of_all])
    file = sample / "rows.yaml"
    rows = {
        "job_master": [*SAMPLE["job_master"], CHILD],
        "job_dependency": [*SAMPLE["job_dependency"], EDGE],
        "sys_params": [secret("hunter3")],
    }
    file.write_text(yaml.safe_dump(rows))
    ok("apply", str(file))
    return file


def secret(value: str) -> dict[str, Any]:
    keys = {"param_key": "db.password", "environment": "DEV", "key_name": JOB_NAME}
    return {**keys, "param_value": value, "param_type": "script"}


def edited(file: Path, old: str, new: str) -> str:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return str(file)


def test_a_plan_shows_old_and_new_and_what_it_touches(files: Path) -> None:
    before = exported()
    shown = ok("plan", edited(files, "comments: Insurance contracts", "comments: The contracts"))
    assert "change job_master (job_id=JOB_1001)\n" in shown
    assert '    comments: "Insurance contracts of FPMS' in shown
    assert '" -> "The contracts of FPMS' in shown
    assert (
        f"touches {JOB_NAME} (JOB_1001); downstream: etl_lnd_gels_fpms_t_child; "
        f"open dates: 2024-05-15; none of them landed yet" in shown
    )
    assert "Nothing to do" not in shown
    assert exported() == before


def test_apply_shows_old_and_new_and_what_is_unchanged(files: Path) -> None:
    shown = ok("apply", edited(files, "comments: Insurance contracts", "comments: The contracts"))
    assert "change job_master (job_id=JOB_1001)\n" in shown
    assert '" -> "The contracts of FPMS' in shown
    assert "unchanged: " not in shown
    done = orch("apply", str(files))
    assert done.exit_code == 0
    again = done.stdout
    assert again.splitlines()[-1] == "unchanged: the store has these rows already"
    heading, *rows = (line.split() for line in again.splitlines()[:-1])
    assert heading == ["table", "inserted", "changed", "unchanged"]
    assert ["job_master", "0", "0", "2"] in rows


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_standard_input_is_a_file(files: Path, command: str) -> None:
    text = files.read_text().replace("Insurance", "Their")
    runner = CliRunner()
    shown = runner.invoke(main, [command, "-"], input=text)
    assert shown.exit_code == 0, shown.output
    assert "change job_master (job_id=JOB_1001)\n" in shown.output
    refused = runner.invoke(main, [command, "-"], input="job_master: [{job_id: J9}]\n")
    assert refused.exit_code == 1
    assert "<stdin>:1: job_master (job_id=J9)" in refused.output
    assert orch(command, "-", "-").exit_code == 2


def test_apply_shows_no_secret(files: Path) -> None:
    files.write_text(files.read_text().replace("hunter", "fisher"))
    shown = ok("apply", str(files))
    assert "param_value" in shown
    assert "******" in shown
    assert "hunter" not in shown
    assert "fisher" not in shown


def test_landed_dates_are_named(files: Path) -> None:
    with opened_store(load_settings()) as store:
        row = {"id": "1", "job_id": "JOB_1001", "biz_dt": "2024-05-15", "status": "Completed"}
        store.upsert(EXECUTION_LOG, [row])
    shown = ok("plan", edited(files, "Insurance", "Their"))
    assert "landed before this change: 2024-05-15, which stay as they are until run again" in shown


def test_exit_codes(files: Path) -> None:
    assert "Nothing to do." in ok("plan", "--detailed-exitcode", str(files))
    edited(files, "Insurance", "Their")
    assert orch("plan", str(files)).exit_code == 0
    assert orch("plan", "--detailed-exitcode", str(files)).exit_code == 2
    edited(files, "script_path: landing.py", "script_path: nope.py")
    refused = orch("plan", "--detailed-exitcode", str(files))
    assert refused.exit_code == 1
    assert refused.output == orch("apply", str(files)).output
    assert f"{files}:" in refused.output
    assert "script_path nope.py is not a file" in refused.output
    as_json = orch("plan", "--json", str(files))
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout)[0]["file"] == str(files)


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_a_plan_shows_no_secret(files: Path, words: list[str]) -> None:
    text = files.read_text()
    for number in "123":
        text = text.replace(f"hunter{number}", f"fisher{number}")
    files.write_text(text)
    shown = ok("plan", str(files), *words)
    for place in ("options.url", "options.password", "param_value"):
        assert place in shown
    assert "jdbc:x://h/db?password=******" in shown
    assert "hunter" not in shown
    assert "fisher" not in shown


def test_a_plan_as_json(files: Path) -> None:
    edited(files, f"dependent_job_name: {CHILD['job_name']}", "dependent_job_name: new")
    edited(files, f"job_name: {CHILD['job_name']}", "job_name: etl_lnd_gels_fpms_t_new")
    edited(files, "dependent_job_name: new", "dependent_job_name: etl_lnd_gels_fpms_t_new")
    plan = json.loads(ok("plan", str(files), "--json"))
    assert [(each["action"], each["table"]) for each in plan["changes"]] == [
        ("change", "job_master"),
        ("change", "job_dependency"),
    ]
    assert plan["changes"][0]["values"] == [
        {
            "place": "job_name",
            "old": '"etl_lnd_gels_fpms_t_child"',
            "new": '"etl_lnd_gels_fpms_t_new"',
        }
    ]
    assert [(job["job_id"], job["open_dates"]) for job in plan["touched"]] == [
        ("JOB_2", ["2024-05-15"])
    ]
    assert plan["only_in_store"] == []


def test_prune_shows_first_and_then_removes(files: Path) -> None:
    rows = {name: SAMPLE[name] for name in ("job_master", "job_dependency")}
    files.write_text(yaml.safe_dump(rows))
    shown = ok("plan", str(files))
    assert "only in the store: job_master (job_id=JOB_2)" in shown
    assert "Those rows stay; `--prune` removes them." in shown
    assert "only in the store" not in ok("plan", "--prune", str(files))

    done = ok("apply", "--prune", str(files))
    assert "remove job_master (job_id=JOB_2)" in done
    assert "note: sys_params: rows of these groups that only the store has stay" in done
    assert "JOB_2" not in exported()
    # That of *, and the secret of JOB_1001, as no file names sys_params.
    with opened_store(load_settings()) as store:
        assert len(store.read(SYS_PARAMS)) == 2


def test_rename(files: Path) -> None:
    before = exported()
    shown = ok("rename", JOB_NAME, "etl_lnd_gels_fpms_t_new", "--dry-run")
    assert exported() == before
    assert f'    job_name: "{JOB_NAME}" -> "etl_lnd_gels_fpms_t_new"' in shown
    assert f"the history of {JOB_NAME} stays under its name" in shown
    assert ok("rename", "JOB_1001", "etl_lnd_gels_fpms_t_new") == shown
    names = yaml.safe_load(exported())
    assert names["job_master"][0]["job_name"] == "etl_lnd_gels_fpms_t_new"
    assert names["job_dependency"][1]["parent_job_name"] == "etl_lnd_gels_fpms_t_new"
    assert {row["key_name"] for row in names["sys_params"]} == {"*", "etl_lnd_gels_fpms_t_new"}
    assert "Nothing to do." in ok("rename", JOB_NAME, "etl_lnd_gels_fpms_t_new")
    assert orch("rename", "nope", "x").output.startswith("orch: no job nope: neither a job_name")


def test_remove(files: Path) -> None:
    refused = orch("remove", JOB_NAME)
    assert refused.exit_code == 1
    assert "can't be removed, as etl_lnd_gels_fpms_t_child (JOB_2) waits for it" in refused.output
    shown = ok("remove", "JOB_2", JOB_NAME, "--dry-run")
    assert "open dates that stay in process_control: 2024-05-15" in shown
    assert "remove" in ok("remove", "JOB_2", JOB_NAME, "--json")
    with opened_store(load_settings()) as store:
        rows = read_tables(store)
    assert [len(rows[name]) for name in ("job_master", "job_dependency")] == [0, 0]
    assert (len(rows["sys_params"]), len(rows["process_control"])) == (1, 1)


def test_export(files: Path, tmp_path: Path) -> None:
    file = tmp_path / "gels.yaml"
    assert exported("GELS_FPMS", "--dates", "--output", str(file)) == f"Wrote {file}.\n"
    rows = yaml.safe_load(file.read_text())
    assert [*rows] == ["job_master", "job_dependency", "sys_params", "process_control"]
    assert [row["key_name"] for row in rows["sys_params"]] == [JOB_NAME]
    assert "Nothing to do." in ok("plan", "--prune", str(file))
    warned = orch("export").stderr
    for place in ("options.url", "options.password"):
        assert f"(job_id=JOB_2): sources[0].{place} is a secret" in warned
    assert "hunter" not in warned
    unknown = orch("export", "acme_crm")
    assert (unknown.exit_code, "no group acme_crm" in unknown.output) == (1, True)
