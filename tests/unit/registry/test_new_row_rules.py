"""What apply refuses in given rows, and a stored row keeps with a warning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from orch_dagster.cli.doctor import examine
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_MASTER, PROCESS_CONTROL, SYS_PARAMS
from orch_dagster.registry.apply import ApplyError, apply_files
from orch_dagster.registry.location import load_location
from orch_dagster.settings import load_settings

SOURCE = {"format": "csv", "path": "in/t.csv", "options": {"header": True}}
SINK = {"format": "orc", "path": "out/t", "partition_cols": ["biz_dt"]}


def job(**context: Any) -> dict[str, Any]:
    return {
        "job_id": "J1",
        "job_name": "etl_lnd_a_b_t",
        "script_path": "landing.py",
        "context_params": {"sources": [SOURCE], "sinks": [SINK], **context},
    }


def source(**options: Any) -> dict[str, Any]:
    return {"sources": [{**SOURCE, "options": options}]}


def sink(path: str, **others: Any) -> dict[str, Any]:
    return {"sinks": [{**SINK, "path": path, **others}]}


def applied(home: Path, store: ControlStore, **tables: Any) -> list[str]:
    """Apply rows, and return the warnings."""
    file = home / "rows.yaml"
    file.write_text(yaml.safe_dump(tables), encoding="utf-8")
    return [str(each) for each in apply_files([file], store, load_settings()).warnings]


def refused(home: Path, store: ControlStore, **tables: Any) -> list[str]:
    with pytest.raises(ApplyError) as caught:
        applied(home, store, **tables)
    assert [store.read(table) for table in (JOB_MASTER, PROCESS_CONTROL, SYS_PARAMS)] == [[]] * 3
    return [each.text for each in caught.value.problems]


AMONG = "lies among {}; choose another folder"
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an option of a source": (
        source(headr=True),
        "sources[0].options.headr: is not an option of this format, so Spark ignores it; did you "
        "mean header?",
    ),
    "an option of a sink": (
        {"sinks": [{**SINK, "options": {"compresion": "zlib"}}]},
        "sinks[0].options.compresion: is not an option of this format, so Spark ignores it; did "
        "you mean compression?",
    ),
    ".orch": (
        sink(".orch/t"),
        "sinks[0].path: '.orch/t' " + AMONG.format("what orch keeps in .orch"),
    ),
    "params": (
        sink("params"),
        "sinks[0].path: 'params' " + AMONG.format("the bundles of the runs"),
    ),
    "logs": (
        sink("logs/{biz_dt}", partition_cols=[]),
        "sinks[0].path: 'logs/{biz_dt}' " + AMONG.format("the logs of the runs"),
    ),
    "hql, with dots": (
        sink("x/../hql/t"),
        "sinks[0].path: 'x/../hql/t' " + AMONG.format("the HQL files (ORCH_HQL_DIR)"),
    ),
    "jobs": (
        sink("jobs/t"),
        "sinks[0].path: 'jobs/t' " + AMONG.format("the scripts of the jobs (ORCH_JOBS_DIR)"),
    ),
    "bad records": (
        {"sources": [{**SOURCE, "schema": "a INT", "bad_records": {"path": "logs/bad"}}]},
        "sources[0].bad_records.path: 'logs/bad' " + AMONG.format("the logs of the runs"),
    ),
}


@pytest.fixture(autouse=True)
def own_folders(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The home's own jobs/ and hql/."""
    for name in ("jobs", "hql"):
        (home / name).mkdir()
        monkeypatch.setenv(f"ORCH_{name.upper()}_DIR", str(home / name))
    (home / "jobs" / "landing.py").write_text("", encoding="utf-8")


@pytest.mark.parametrize("name", REFUSED)
def test_a_given_row_is_refused_and_a_stored_one_loads_with_a_warning(
    name: str, home: Path, store: ControlStore
) -> None:
    context, fault = REFUSED[name]
    text = f"job_master (job_id=J1): context_params: {fault}"
    assert refused(home, store, job_master=[job(**context)]) == [text]
    row = job(**context)
    store.upsert(JOB_MASTER, [{**row, "context_params": json.dumps(row["context_params"])}])
    registry = load_location(load_settings()).registry
    assert [(str(each), each.is_warning) for each in registry.findings] == [(text, True)]
    assert list(registry.jobs) == ["etl_lnd_a_b_t"]
    assert [c.state for c in examine(load_settings()) if c.text == text] == ["warning"]


def test_a_sink_out_of_the_data_root_by_dots_names_the_path_to_write(
    home: Path, store: ControlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCH_DATA_ROOT", str(home / "data"))
    (fault,) = refused(home, store, job_master=[job(**sink("../out/t"))])
    meant = (home / "out" / "t").as_posix()
    assert fault.endswith(
        f"'../out/t' leads out of the data root {(home / 'data').as_posix()}; if that is meant, "
        f"write {meant!r}"
    )
    assert applied(home, store, job_master=[job(**sink(meant))]) == []


@pytest.mark.parametrize("path", ["out/../t", "logs2/t", "out/logs/t", "out/{biz_dt}/../{biz_dt}"])
def test_a_folder_of_its_own_is_taken(path: str, home: Path, store: ControlStore) -> None:
    assert applied(home, store, job_master=[job(**sink(path))]) == []


def test_hql_files_beside_the_data_fence_nothing(
    home: Path, store: ControlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCH_HQL_DIR", str(home))
    assert applied(home, store, job_master=[job()]) == []


def test_an_option_that_may_be_right_is_a_warning(home: Path, store: ControlStore) -> None:
    (warning,) = applied(home, store, job_master=[job(**source(header=True, skipRows=1))])
    assert warning.endswith(
        "sources[0].options.skipRows: is not an option of this format, so Spark ignores it"
    )


DAY = {"entity": "A", "source_system": "B", "biz_dt": "2024-05-15"}


def test_a_window_upside_down_is_refused_and_named_where_it_is(
    home: Path, store: ControlStore
) -> None:
    upside_down = {**DAY, "start_dt": "2024-05-16", "end_dt": "2024-05-15"}
    fault = (
        "process_control (entity=A, source_system=B, biz_dt=2024-05-15): start_dt 2024-05-16 is "
        "after end_dt 2024-05-15"
    )
    assert refused(home, store, process_control=[upside_down]) == [fault]
    store.upsert(PROCESS_CONTROL, [upside_down])
    named = [(c.state, c.text) for c in examine(load_settings()) if "start_dt" in c.text]
    assert named == [("warning", f"{fault}; a run of a job that reads the window refuses the date")]
    # The other half of the window is in the store.
    with pytest.raises(ApplyError, match="start_dt 2024-05-16 is after end_dt 2024-05-14"):
        applied(home, store, process_control=[{**DAY, "end_dt": "2024-05-14"}])
    applied(home, store, process_control=[{**DAY, "end_dt": "2024-05-16"}])


def test_an_environment_that_the_store_does_not_know_is_named_once(
    home: Path, store: ControlStore
) -> None:
    def rows(*environments: str) -> list[dict[str, str]]:
        return [
            {"param_key": f"spark.k{number}", "environment": name, "key_name": "*",
             "param_value": "1", "param_type": "spark"}
            for number, name in enumerate(environments)
        ]  # fmt: skip

    assert applied(home, store, sys_params=rows("DEV", "dev", "dev")) == [
        f"{home / 'rows.yaml'}:7: sys_params (param_key=spark.k1, environment=dev, key_name=*): "
        "environment 'dev' is new, as in 1 more row: without effect here, where ORCH_ENV is "
        "DEV; did you mean DEV?"
    ]
    assert applied(home, store, sys_params=rows("DEV", "dev", "PROD")) == [
        f"{home / 'rows.yaml'}:12: sys_params (param_key=spark.k2, environment=PROD, key_name=*): "
        "environment 'PROD' is new: without effect here, where ORCH_ENV is DEV"
    ]
    assert applied(home, store, sys_params=rows("DEV", "dev", "PROD")) == []
