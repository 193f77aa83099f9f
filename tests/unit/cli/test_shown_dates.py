"""Dates that the commands open are partitions in Dagster at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orch_dagster.cli.instance import opened_instance
from orch_dagster.cli.main import main
from orch_dagster.cli.planned_runs import DatesAsked, planned_runs
from orch_dagster.control.connect import opened_store
from orch_dagster.control.tables import EXECUTION_LOG, PROCESS_CONTROL
from orch_dagster.errors import TransientStoreError
from orch_dagster.registry.location import load_location
from orch_dagster.settings import load_settings

JOB = "etl_lnd_gels_fpms_t_contract_master"
KEY = {"entity": "GELS", "source_system": "FPMS"}


def orch(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def shown() -> Sequence[str]:
    with opened_instance(load_settings()) as instance:
        return instance.get_dynamic_partitions("gels_fpms_biz_dt")


def test_init_open_and_apply_show_dates_in_order(sample: Path) -> None:
    assert shown() == ["2024-05-15"]
    for day in ("2024-05-17", "2024-05-14"):
        assert orch("open", "gels", "fpms", day).exit_code == 0
    assert shown() == ["2024-05-14", "2024-05-15", "2024-05-17"]
    file = sample / "dates.yaml"
    file.write_text(json.dumps({"process_control": [{**KEY, "biz_dt": "2008-01-02"}]}))
    assert orch("apply", str(file)).exit_code == 0
    assert shown() == ["2008-01-02", "2024-05-14", "2024-05-15", "2024-05-17"]

    # Written past the commands, until one of them looks at the group.
    with opened_store(load_settings()) as store:
        store.delete(PROCESS_CONTROL, [{**KEY, "biz_dt": "2024-05-14"}])
    assert orch("open", "gels", "fpms", "2024-05-17").exit_code == 0
    assert shown() == ["2008-01-02", "2024-05-15", "2024-05-17"]


def test_run_refuses_a_date_that_is_not_open_before_a_run_is_made(sample: Path) -> None:
    refused = orch("run", JOB, "--biz-dt", "2024-05-18")
    assert refused.exit_code == 1
    assert refused.stderr == (
        "orch: the business date is not open: process_control has no row entity=GELS, "
        "source_system=FPMS, biz_dt=2024-05-18; open it with "
        "`orch open gels_fpms --biz-dt 2024-05-18`\n"
    )
    settings = load_settings()
    with opened_store(settings) as store, opened_instance(settings) as instance:
        assert store.read(EXECUTION_LOG) == []
        assert instance.get_runs() == []
    assert sample.is_dir()


def test_an_instance_that_cannot_be_opened_is_warned_of(
    sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = sample / "no folder"
    file.touch()
    monkeypatch.setenv("DAGSTER_HOME", str(file))
    opened = orch("open", "gels", "fpms", "2024-05-17")
    assert opened.exit_code == 0
    assert "Opened entity=GELS" in opened.stdout
    assert opened.stderr.startswith("warning: Dagster does not show these dates yet, as")
    assert f"{file} can't be written" in opened.stderr


def test_a_home_without_an_instance_stays_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    settings = load_settings()
    with opened_store(settings) as store:
        store.ensure_tables()
    file = home / "dates.yaml"
    file.write_text(json.dumps({"process_control": [{**KEY, "biz_dt": "2024-05-15"}]}))
    assert orch("apply", str(file)).exit_code == 0
    assert not settings.dagster_home.exists()


def test_a_run_is_made_while_the_store_does_not_answer(
    sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails by itself, with its retries, and leaves its row."""
    location = load_location(load_settings())
    group = location.registry.groups["gels_fpms"]

    def away(*_: object, **__: object) -> None:
        raise TransientStoreError("no answer", store="sqlite", table=None)

    monkeypatch.setattr("orch_dagster.cli.planned_runs.dates_to_run", away)
    one = DatesAsked(("2024-05-15",), None, None, missing=False, due=False)
    (planned,) = planned_runs(location, JOB, group, one)
    assert planned.biz_dts == ("2024-05-15",)
    several = DatesAsked((), "2024-05-15", "2024-05-16", missing=False, due=False)
    with pytest.raises(TransientStoreError, match="no answer"):
        planned_runs(location, JOB, group, several)
    assert sample.is_dir()
