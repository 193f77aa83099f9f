from __future__ import annotations

from orch_dagster.control.tables import TABLE_BY_NAME, check_rows
from orch_dagster.registry.context_params import parse_context_params
from orch_dagster.sample.rows import sample_rows
from orch_dagster.settings import REPOSITORY


def test_rows_fit_the_tables() -> None:
    rows = sample_rows()

    for name, of_table in rows.items():
        check_rows(TABLE_BY_NAME[name], of_table)
    assert {name: len(of_table) for name, of_table in rows.items()} == {
        "job_master": 1,
        "process_control": 1,
        "job_dependency": 1,
    }


def test_job_points_at_files_that_exist() -> None:
    (job,) = sample_rows()["job_master"]
    params = parse_context_params(str(job["context_params"]), str(job["job_name"]))

    assert (REPOSITORY / "jobs" / str(job["script_path"])).is_file()
    assert (REPOSITORY / "hql" / str(params.hql)).is_file()
    assert (params.entity, params.source_system) == ("GELS", "FPMS")
    assert len(params.sources) == 2
    assert params.sinks[0].partition_cols == ("biz_dt",)
