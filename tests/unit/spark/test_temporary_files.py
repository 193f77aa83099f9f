"""The folder of Spark's temporary files, which a run on Windows has for itself."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from orch_dagster.spark.command import SubmitCommand
from orch_dagster.spark.temporary_files import with_own_temporary_files

COMMAND = SubmitCommand(("spark-submit.cmd",), {"A": "b"}, {"spark.app.name": "x"}, "x.properties")


def test_each_run_on_windows_has_a_folder_that_is_removed() -> None:
    command, folders = with_own_temporary_files(COMMAND, {}, "win32")
    assert command.env == {"A": "b", "SPARK_LOCAL_DIRS": str(folders[0])}
    assert folders[0].parent == Path(tempfile.gettempdir())
    assert with_own_temporary_files(COMMAND, {}, "win32")[1] != folders


@pytest.mark.parametrize(
    ("properties", "environ", "platform"),
    [
        ({"spark.local.dir": "D:\\spill"}, {}, "win32"),
        ({}, {"SPARK_LOCAL_DIRS": "D:\\spill"}, "win32"),
        ({}, {}, "linux"),
    ],
)
def test_a_folder_of_the_user_stays(
    properties: dict[str, str], environ: dict[str, str], platform: str
) -> None:
    command = SubmitCommand(("spark-submit",), {}, properties, "x.properties")
    assert with_own_temporary_files(command, environ, platform) == (command, [])
