"""Doctor asks of a machine only for what its jobs need."""

from __future__ import annotations

import pytest

from orch_dagster.cli.machine_checks import has_file_class
from orch_dagster.control.records import SysParam

NAME = "spark.hadoop.fs.file.impl"


@pytest.mark.parametrize(
    ("defaults", "rows", "has_class"),
    [
        ({}, [], False),
        ({NAME: "a.Bare"}, [], True),
        ({}, [SysParam(NAME, "DEV", "*", "a.Bare", "spark")], True),
        # The other jobs need the library still.
        ({}, [SysParam(NAME, "DEV", "gels_fpms", "a.Bare", "spark")], False),
        ({}, [SysParam(NAME, "DEV", "*", "", "spark")], False),
    ],
)
def test_a_class_for_local_files_of_all_jobs_does_without_hadoop_dll(
    defaults: dict[str, str], rows: list[SysParam], has_class: bool
) -> None:
    assert has_file_class(defaults, rows) is has_class
