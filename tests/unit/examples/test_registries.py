from __future__ import annotations

import pytest

from orch_dagster.control.tables import TABLE_BY_NAME, check_rows
from orch_dagster.registry.context_params import parse_context_params
from tests.registries import EXAMPLES, read_registry

NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/registry.yaml"))


def test_both_examples_are_found() -> None:
    assert {"chain", "prism"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_rows_fit_the_tables(name: str) -> None:
    for table, rows in read_registry(name).items():
        check_rows(TABLE_BY_NAME[table], rows)


@pytest.mark.parametrize("name", NAMES)
def test_jobs_point_at_files_that_exist(name: str) -> None:
    for job in read_registry(name)["job_master"]:
        params = parse_context_params(job["context_params"], job["job_name"])
        assert (EXAMPLES.parent / "jobs" / job["script_path"]).is_file()
        assert (EXAMPLES.parent / "hql" / str(params.hql)).is_file()


@pytest.mark.parametrize("name", NAMES)
def test_parents_are_jobs_of_the_same_file(name: str) -> None:
    registry = read_registry(name)
    names = {job["job_id"]: job["job_name"] for job in registry["job_master"]}

    assert {edge["dependent_job_id"] for edge in registry["job_dependency"]} == set(names)
    for edge in registry["job_dependency"]:
        assert names[edge["dependent_job_id"]] == edge["dependent_job_name"]
        assert {"": "", **names}[edge["parent_job_id"]] == edge["parent_job_name"]


@pytest.mark.parametrize("name", NAMES)
def test_every_source_has_an_open_date(name: str) -> None:
    registry = read_registry(name)
    wanted = {
        (params.entity, params.source_system)
        for job in registry["job_master"]
        for params in [parse_context_params(job["context_params"], job["job_name"])]
    }

    assert wanted == {(row["entity"], row["source_system"]) for row in registry["process_control"]}
