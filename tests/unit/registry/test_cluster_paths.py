"""Jobs whose files are on this machine and whose executors are not: at apply, doctor, submit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from orch_dagster.bundle.secrets import Secrets
from orch_dagster.cli.doctor import examine
from orch_dagster.control.records import SysParam
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import SYS_PARAMS, Row
from orch_dagster.registry.apply import ApplyError, apply_files
from orch_dagster.settings import Settings
from orch_dagster.spark.job_submit import JobSubmit, prepare_job
from orch_dagster.toolchain.errors import SubmitRefusedError
from orch_dagster.toolchain.this_host import own_hosts
from tests.bundles import job_bundle

ORC = {"format": "orc", "path": "out/t", "partition_cols": ["biz_dt"]}
CSV = {"format": "csv", "path": "hdfs://nn/in/{biz_dt}.csv"}
REMEDY = "name it in the sys_param paths.shared (param_type system)"


def job(name: str = "job_1", *, sink: dict[str, Any] = ORC, group: str = "CRM") -> Row:
    context = {"entity": "ACME", "source_system": group, "sources": [CSV], "sinks": [sink]}
    row = {"job_id": name[4:], "job_name": name, "script_path": "landing.py"}
    return {**row, "context_params": context}


def param(
    value: str,
    key_name: str = "*",
    environment: str = "DEV",
    key: str = "spark.master",
) -> Row:
    row = {"param_key": key, "environment": environment, "key_name": key_name}
    kind = "spark" if key.startswith("spark.") else "system"
    return {**row, "param_value": value, "param_type": kind}


class Desk:
    """Applies rows, and shows what is wrong with them."""

    def __init__(self, folder: Path, store: ControlStore, settings: Settings) -> None:
        self.folder, self.store, self.settings = folder, store, settings

    def apply(self, *rows: Row) -> None:
        file = self.folder / "rows.yaml"
        tables = {
            "job_master": [row for row in rows if "job_id" in row],
            "sys_params": [row for row in rows if "param_key" in row],
        }
        file.write_text(yaml.safe_dump({name: each for name, each in tables.items() if each}))
        apply_files([file], self.store, self.settings)

    def refused(self, *rows: Row) -> list[str]:
        with pytest.raises(ApplyError) as caught:
            self.apply(*rows)
        return [each.text for each in caught.value.problems]


@pytest.fixture
def desk(tmp_path: Path, store: ControlStore, settings: Settings) -> Desk:
    return Desk(tmp_path, store, settings)


def test_apply_names_table_key_environment_and_both_values(desk: Desk) -> None:
    """Whichever row comes first, the job's or the master's."""
    sink = Path(desk.settings.base_dir) / "out" / "t"
    (text,) = desk.refused(job(), param("yarn"))
    assert text.startswith(
        "job_master (job_id=1): context_params: sinks[0].path is 'out/t', which is "
        f"{sink}: on this machine alone, while spark.master is 'yarn' "
        "(sys_params param_key=spark.master, environment=DEV, key_name=*), whose executors are on "
        "others."
    )
    assert REMEDY in text
    desk.apply(job())
    (text,) = desk.refused(param("yarn", "acme_crm"))
    assert text.startswith(
        "sys_params (param_key=spark.master, environment=DEV, key_name=acme_crm): spark.master is "
        "'yarn', whose executors are on other machines, while files of jobs are on this machine "
        f"alone: job_1: sinks[0].path is 'out/t', which is {sink}. "
    )
    # Another row, that changes nothing of it, is not refused for what the store holds.
    desk.store.upsert(SYS_PARAMS, [param("yarn")])
    desk.apply(param("2g", key="spark.driver.memory"))


def test_thousands_of_jobs_are_one_sentence(desk: Desk) -> None:
    for number in range(10, 32):
        desk.apply(job(f"job_{number}", sink={**ORC, "path": f"out/t{number}"}))
    (text,) = desk.refused(param("spark://spark1:7077"))
    assert text.count("sinks[0].path") == 10
    assert "and 12 more" in text


@pytest.mark.parametrize(
    ("rows", "is_right"),
    [
        ([param("local[2]")], True),
        ([param("spark://127.0.0.1:7077")], True),
        ([param(f"spark://{min(own_hosts())}:7077")], True),
        ([param("yarn"), param("local[2]", "acme_crm")], True),
        ([param("local[2]"), param("yarn", "job_1")], False),
        ([param("yarn"), param("/", key="paths.shared")], True),
        ([param("yarn"), param("/", "acme_erp", key="paths.shared")], False),
        ([param("yarn"), param("/mnt/nfs", key="paths.shared")], False),
        # The data root of another environment is not known here.
        ([param("yarn", environment="PROD")], True),
    ],
)
def test_the_narrowest_rows_of_the_environment_decide(
    desk: Desk, rows: list[Row], is_right: bool
) -> None:
    if is_right:
        desk.apply(job(), *rows)
    else:
        assert "sinks[0].path is 'out/t'" in desk.refused(job(), *rows)[0]


def test_a_path_that_is_local_wherever_the_data_root_is(desk: Desk) -> None:
    drive = "C:/" if os.name == "nt" else ""
    local = job(sink={**ORC, "path": f"file:///{drive}data/t"})
    (text,) = desk.refused(local, param("yarn", environment="PROD"))
    assert "environment=PROD" in text
    desk.apply(
        local,
        param("yarn", environment="PROD"),
        param("/data", environment="PROD", key="paths.shared"),
    )


def test_a_data_root_that_all_nodes_reach_is_right(desk: Desk) -> None:
    desk.settings = desk.settings.model_copy(update={"data_root": "hdfs://nn/data"})
    desk.apply(job(), param("yarn"))


def test_the_master_of_spark_defaults_counts(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spark-defaults.conf").write_text("spark.master yarn\n")
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    (text,) = desk.refused(job())
    assert "spark.master is 'yarn' (spark-defaults.conf)" in text
    desk.apply(job(), param("local[*]"))


def test_doctor_names_what_the_store_holds(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.apply(job())
    desk.store.upsert(SYS_PARAMS, [param("yarn")])
    found = [
        each
        for each in examine(desk.settings)
        if each.name == "Registry" and "whose executors are on others" in each.text
    ]
    assert [each.state for each in found] == ["missing"]
    assert REMEDY in found[0].text


@pytest.mark.parametrize("mode", ["client", "cluster"])
@pytest.mark.parametrize("shared", ["", "/mnt/nfs", "/"])
def test_a_submit_is_refused_before_spark_starts(
    settings: Settings, mode: str, shared: str
) -> None:
    params = [
        SysParam("spark.master", "DEV", "*", "yarn", "spark"),
        SysParam("spark.submit.deployMode", "DEV", "*", mode, "spark"),
        SysParam("paths.shared", "DEV", "*", shared, "system"),
    ]
    bundle = job_bundle({"sources": [CSV], "sinks": [ORC]}, params)
    home = settings.home
    submit = JobSubmit(
        bundle, Secrets(), home / "p.json", home / "p.properties", log_file=home / "job.log"
    )
    if shared == "/":
        assert prepare_job(submit, settings, {}, os.environ).master == "yarn"
        return
    with pytest.raises(SubmitRefusedError, match=r"'yarn' are on other machines") as caught:
        prepare_job(submit, settings, {}, os.environ)
    location = Path(settings.base_dir) / "out" / "t"
    assert f"sinks[0].path is 'out/t', which is {location}" in str(caught.value)
    assert REMEDY in str(caught.value)
