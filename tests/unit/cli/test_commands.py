"""The commands that start no Spark, as their user gives them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from dagster import DagsterRunStatus

from orch_dagster.cli.groups import CommandGroup
from orch_dagster.cli.instance import opened_instance
from orch_dagster.cli.main import main
from orch_dagster.cli.planned_runs import DatesAsked, planned_runs
from orch_dagster.control.connect import opened_store
from orch_dagster.control.tables import EXECUTION_LOG
from orch_dagster.defs.partitions import tags_of
from orch_dagster.defs.repository import ControlTables
from orch_dagster.registry.location import load_location
from orch_dagster.settings import load_settings

JOB = "etl_lnd_gels_fpms_t_contract_master"


def orch(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def test_init_is_idempotent_and_names_the_instance(sample: Path) -> None:
    again = orch("init", "--sample")
    assert again.exit_code == 0
    assert "all five tables are there" in again.output
    env = (sample / ".env").read_text(encoding="utf-8")
    assert f"DAGSTER_HOME=${{DAGSTER_HOME:-{(sample / '.orch/dagster').as_posix()}}}" in env
    assert env.count("DAGSTER_HOME=") == 1
    assert (sample / ".orch/dagster/dagster.yaml").is_file()


def test_jobs_params_and_log_as_json(sample: Path) -> None:
    assert sample.is_dir()
    assert [row["job_name"] for row in json.loads(orch("jobs", "--json").output)] == [JOB]
    params = json.loads(orch("params", JOB, "--biz-dt", "2024-05-15", "--json").output)
    assert params["metadata"]["biz_dts"] == ["2024-05-15"]
    assert params["sys_params"] == []
    assert json.loads(orch("log", "--json").output) == []


def test_the_list_of_commands_has_the_sentences_of_the_commands() -> None:
    """They are said beside the modules, as importing these takes a second."""
    assert isinstance(main, CommandGroup)
    said = {name: lazy.help for name, lazy in main.lazy.items()}
    own = {name: lazy.load().get_short_help_str(10_000) for name, lazy in main.lazy.items()}
    assert said == own


@pytest.mark.parametrize("words", [[], ["log"], ["kudu"], ["run"], ["open"]])
@pytest.mark.parametrize("width", [80, 200])
def test_help_is_never_cut(words: list[str], width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    told = orch(*words, "--help")
    assert told.exit_code == 0
    usage, help_ = told.output.split("\n", 1)
    assert usage.startswith("Usage: ")
    assert "..." not in help_
    assert max(map(len, told.output.splitlines())) <= width


def test_ctrl_c_has_the_code_of_shells(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("orch_dagster.cli.registry.loaded", interrupt)
    told = orch("jobs")
    assert (told.exit_code, told.stderr) == (130, "orch: interrupted\n")


def test_a_wrong_command_names_the_nearest() -> None:
    told = orch("jbos")
    assert (told.exit_code, "did you mean jobs?" in told.stderr) == (2, True)
    assert "did you mean rebuild?" in orch("log", "rebuidl").stderr


@pytest.mark.parametrize(
    "name", ["JOB_1001", "job_1001", JOB, JOB.upper(), "gels_fpms", "GELS_FPMS"]
)
def test_a_job_is_named_by_name_id_or_group(sample: Path, name: str) -> None:
    day = "2024-05-15"
    params = json.loads(orch("params", name, "--biz-dt", day, "--json").output)
    assert params["metadata"]["job_name"] == JOB
    assert json.loads(orch("due", name, "--json").stdout)[0]["jobs"] == [JOB]
    assert "remove job_master (job_id=JOB_1001)" in orch("remove", name, "--dry-run").output
    assert (
        "etl_lnd_gels_fpms_t_x" in orch("rename", name, "etl_lnd_gels_fpms_t_x", "--dry-run").output
    )
    # What is named is known, so the date alone is refused.
    assert (
        "not open" in orch("run", name, "--biz-dt", "2024-05-17", "--biz-dt", "2024-05-18").output
    )


@pytest.mark.parametrize(
    "words",
    [
        ["params", "{}", "--biz-dt", "2024-05-15"],
        ["due", "{}"],
        ["recover", "{}"],
        ["check", "{}"],
        ["remove", "{}"],
        ["rename", "{}", "etl_lnd_gels_fpms_t_x"],
        ["run", "{}", "--biz-dt", "2024-05-15"],
    ],
)
@pytest.mark.parametrize(
    ("name", "meant"), [("JOB_101", "JOB_1001"), ("gels_fmps", "gels_fpms"), ("contract", JOB)]
)
def test_a_wrong_name_names_the_nearest(
    sample: Path, words: list[str], name: str, meant: str
) -> None:
    told = orch(*(word.format(name) for word in words))
    assert told.exit_code == 1
    assert told.stderr.startswith(f"orch: no job {name}")
    assert f"did you mean {meant}?" in told.stderr


def test_params_shows_no_secret(sample: Path) -> None:
    row = (
        "  - {{param_key: {}, environment: DEV, key_name: '*', param_value: {}, param_type: {}}}\n"
    )
    rows = [("api.token", "hunter2", "system"), ("spark.x.password", "hunter3", "spark")]
    rows.append(("DB_PASSWORD", "env:DB_PASSWORD", "secret"))
    file = sample / "rows.yaml"
    file.write_text("sys_params:\n" + "".join(row.format(*each) for each in rows))
    assert orch("apply", str(file)).exit_code == 0
    for words in ([], ["--json"]):
        told = orch("params", JOB, "--biz-dt", "2024-05-15", *words)
        assert told.exit_code == 0
        assert "hunter" not in told.output
        assert "******" in told.output
        assert "env:DB_PASSWORD" in told.output


def test_params_of_several_dates_are_those_of_one_run(sample: Path) -> None:
    for day in ("2024-05-16", "2024-05-20"):
        assert orch("open", "gels_fpms", "--biz-dt", day).exit_code == 0
    done = orch("params", JOB, "--from", "2024-05-15", "--to", "2024-05-20", "--json")
    assert json.loads(done.stdout)["metadata"]["biz_dts"] == [
        "2024-05-15", "2024-05-16", "2024-05-20"
    ]  # fmt: skip
    closed = "2024-05-17, 2024-05-18, 2024-05-19"
    assert done.stderr == f"skipped, because they are not open: {closed}\n"
    text = orch("params", JOB, "--biz-dt", "2024-05-16", "--biz-dt", "2024-05-15").stdout
    assert f"{JOB} (JOB_1001) for 2024-05-15, 2024-05-16\n" in text
    assert "window of 2024-05-16 2024-05-16 to 2024-05-16\n" in text
    none = orch("params", JOB, "--from", "2024-05-17", "--to", "2024-05-19")
    assert (none.exit_code, none.stdout) == (1, "")
    assert "biz_dt=2024-05-17 … 2024-05-19; open it with" in none.stderr


def test_open_copies_the_newest_row(sample: Path) -> None:
    assert sample.is_dir()
    assert orch("params", JOB, "--biz-dt", "2024-05-16").exit_code == 1
    assert orch("open", "gels", "fpms", "2024-05-16").exit_code == 0
    params = json.loads(orch("params", JOB, "--biz-dt", "2024-05-16", "--json").output)
    assert params["process_control"][0]["business_keys"] == "contract_no"


def test_a_bad_date_and_an_unknown_job_are_one_line(sample: Path) -> None:
    assert sample.is_dir()
    assert orch("open", "gels", "fpms", "2024-02-30").exit_code == 2
    unknown = orch("params", "nope", "--biz-dt", "2024-05-15")
    assert unknown.exit_code == 1
    assert unknown.output.startswith("orch: no job nope")
    assert len(unknown.output.splitlines()) == 1


def test_a_store_that_was_never_set_up_names_the_command(home: Path) -> None:
    assert home.is_dir()
    told = orch("jobs")
    assert told.exit_code == 1
    assert "orch init" in told.output


def test_due_lists_dates_with_their_reasons(sample: Path) -> None:
    assert sample.is_dir()
    listed = json.loads(orch("due", "--json").stdout)
    assert listed[0] == {
        "group": "gels_fpms",
        "biz_dt": "2024-05-15",
        "reasons": ["not completed"],
        "is_open": True,
        "jobs": [JOB],
        "waiting": [],
        "held_by": None,
    }
    told = orch("due", JOB)
    assert "2024-05-15  not completed" in told.output
    assert "gels_fpms_by_biz_dt: " in told.output
    assert "more business days are not open" in told.output


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--missing"],
        ["--from", "2024-05-15"],
        ["--biz-dt", "2024-05-15", "--due"],
        ["--biz-dt", "2024-05-15", "--biz-dt", "2024-05-16", "--missing"],
        ["--due", "--missing"],
        ["--due", "--from", "2024-05-16", "--to", "2024-05-15"],
    ],
)
def test_run_refuses_options_that_do_not_fit(sample: Path, words: list[str]) -> None:
    assert sample.is_dir()
    assert orch("run", JOB, *words).exit_code == 2


def test_missing_takes_dates_to_reprocess_for_missing_unless_a_run_holds_them(
    sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = sample / "rows.yaml"
    row = "{entity: GELS, source_system: FPMS, biz_dt: 2024-05-%d, reprocess_dt: 2024-05-20}"
    file.write_text(f"process_control:\n  - {row % 14}\n")
    assert orch("apply", str(file)).exit_code == 0
    settings = load_settings()
    location = load_location(settings)
    done = [
        {"id": day, "job_id": "JOB_1001", "biz_dt": f"2024-05-{day}", "status": "Completed"}
        for day in ("14", "15")
    ]
    with opened_store(settings) as store:
        store.upsert(EXECUTION_LOG, done)
    asked = DatesAsked((), "2024-05-14", "2024-05-15", missing=True, due=False)
    group = location.registry.groups["gels_fpms"]
    (run,) = planned_runs(location, JOB, group, asked)
    assert (run.biz_dts, [*run.reprocess]) == (("2024-05-14",), ["2024-05-14"])
    # A run of several dates that goes on holds it.
    job = ControlTables(lambda: location).get_job(JOB)
    with opened_instance(settings) as instance:
        tags = tags_of(["2024-05-13", "2024-05-14"])
        going = instance.create_run_for_job(job, status=DagsterRunStatus.STARTED, tags=tags)
    assert planned_runs(location, JOB, group, asked) == []
    assert f"skipped: 2024-05-14: run {going.run_id} of that date" in capsys.readouterr().err


def test_run_refuses_named_dates_that_are_not_open_before_any_run(sample: Path) -> None:
    days = ["--biz-dt", "2024-05-17", "--biz-dt", "2024-05-15", "--biz-dt", "2024-05-16"]
    told = orch("run", JOB, *days)
    assert (told.exit_code, told.output) == (
        1,
        "orch: not open: 2024-05-16, 2024-05-17; open each, such as with "
        "`orch open gels_fpms --biz-dt 2024-05-16`\n",
    )
    assert not (sample / "logs").exists()
