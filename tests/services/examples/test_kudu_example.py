"""The asset of examples/kudu by its page's command, and docs/kudu.md by its own."""

from __future__ import annotations

import shlex
from pathlib import Path

import dagster as dg
import pytest

from orch_dagster.control.connect import open_store
from orch_dagster.control.records import ExecutionLog
from orch_dagster.control.tables import EXECUTION_LOG
from orch_dagster.sample.rows import JOB_NAME
from orch_dagster.settings import REPOSITORY
from orch_dagster.toolchain.jars import KUDU_BINARY, KUDU_JAR_VARIABLE, jars_dir
from tests.commands import commands_of
from tests.homes import Home
from tests.kudu_cluster import CACHE, KuduCluster, kudu_spark_jar, why_no_kudu

PAGE = REPOSITORY / "docs" / "kudu.md"
EXAMPLE = REPOSITORY / "examples" / "kudu" / "README.md"

pytestmark = pytest.mark.kudu


@pytest.mark.spark
def test_assets_of_ones_own(kudu: KuduCluster, checkout: Home, tmp_path: Path) -> None:
    kudu.drop_tables(tmp_path)
    checkout.environ["ORCH_CONTROL_URL"] = f"{kudu.url}?driver=jvm"
    checkout.environ["KUDU_MASTERS"] = ",".join(kudu.masters)
    checkout.environ[KUDU_JAR_VARIABLE] = str(kudu_spark_jar())
    checkout.orch("init", "--sample")
    checkout.environ["DAGSTER_HOME"] = str(checkout.folder / ".orch" / "dagster")

    store = open_store(checkout.environ["ORCH_CONTROL_URL"], checkout.folder)
    ends = ("Failed: no rows", "Completed", "Failed: no file")
    rows = [
        ExecutionLog(str(number), job_name=JOB_NAME, status=status)
        for number, status in enumerate(ends)
    ]
    store.insert_ignore(EXECUTION_LOG, [row.to_row() for row in rows])
    store.close()

    for command in commands_of(EXAMPLE):
        checkout.line(command)

    assert metadata_of(checkout, "open_dates") == {"GELS FPMS": 1}
    # By Spark, in the same Kudu.
    assert metadata_of(checkout, "failures_by_job") == {JOB_NAME: 2}


def metadata_of(home: Home, asset: str) -> dict[str, object]:
    """The metadata of the asset's newest materialization."""
    with dg.DagsterInstance.from_config(home.environ["DAGSTER_HOME"]) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert event is not None
    assert event.asset_materialization is not None
    found = event.asset_materialization.metadata
    return {name: each.value for name, each in found.items() if not name.startswith("dagster")}


@pytest.mark.spark
def test_the_pages_own_commands(kudu: KuduCluster, checkout: Home) -> None:
    # They use Kudu's ordinary ports, so that anything else there is no fault of the page.
    assert why_no_kudu() is None
    for artifact in (KUDU_BINARY.file_name, kudu_spark_jar().name):
        folder = jars_dir(checkout.folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / artifact).symlink_to(CACHE / artifact)
    commands = commands_of(PAGE)
    assert commands[0] == "orch kudu up"
    assert commands[-1] == "orch kudu down"
    try:
        for command in commands:
            if command.startswith("export "):
                name, _, value = shlex.split(command)[1].partition("=")
                checkout.environ[name] = value
            else:
                checkout.line(command)
    finally:
        checkout.orch("kudu", "down")
