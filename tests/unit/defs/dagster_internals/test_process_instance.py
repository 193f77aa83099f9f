"""The instance of a process, by its option or its variable, and an instance's folder."""

from __future__ import annotations

from pathlib import Path

from dagster import DagsterInstance
from dagster._cli.utils import TMP_DAGSTER_HOME_PREFIX
from dagster_shared.serdes import serialize_value

from orch_dagster.defs.dagster_internals.process_instance import (
    TEMPORARY_PREFIX,
    folder_of,
    instance_folder,
)


def test_the_folder_of_a_servers_option(tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        argv = ["dagster", "api", "grpc", "--instance-ref", serialize_value(instance.get_ref())]
        assert folder_of(instance) == str(tmp_path)
    assert instance_folder({"DAGSTER_HOME": "/x"}, argv) == str(tmp_path)
    assert instance_folder({"DAGSTER_HOME": "/x"}, argv[:3]) == "/x"
    assert instance_folder({"DAGSTER_HOME": "/x"}, argv[:4]) == "/x"
    assert instance_folder({}, argv[:3]) is None


def test_an_instance_in_memory_has_none() -> None:
    with DagsterInstance.ephemeral() as instance:
        assert folder_of(instance) is None


def test_how_dagster_names_a_temporary_one() -> None:
    assert TEMPORARY_PREFIX == TMP_DAGSTER_HOME_PREFIX == ".tmp_dagster_home_"
