"""SparkSubmitClient in a user's own code location, with Dagster's own instance and executors.

There are no control tables, and the spark-submit is a script without a JVM.

Without postponed annotations: Dagster looks at the types of an op's parameters itself.
"""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from orch_dagster.settings import REPOSITORY, Settings
from orch_dagster.spark_submit import SparkSubmitClient
from tests.plain_spark import plain_spark

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the script is started by its first line")

SCRIPT = """
import sys
from dagster_pipes import open_dagster_pipes
import framework

with open_dagster_pipes() as pipes:
    metadata = {"words": " ".join(sys.argv[1:]), "extra": pipes.get_extra("from")}
    if pipes.is_asset_step:
        pipes.report_asset_materialization(metadata=metadata)
    else:
        pipes.report_custom_message(metadata)
"""

LOCATION = """
from pathlib import Path

import dagster as dg
from orch_dagster.spark_submit import SparkSubmitClient


@dg.asset(
    partitions_def=dg.DailyPartitionsDefinition("2024-05-01"),
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def numbers(context: dg.AssetExecutionContext, spark_submit: SparkSubmitClient):
    return spark_submit.run(
        context=context,
        script=str(Path(__file__).with_name("numbers_job.py")),
        arguments=["--year", "2024", *context.partition_keys],
        extras={"from": "an asset"},
    ).get_materialize_result()


defs = dg.Definitions([numbers], resources={"spark_submit": SparkSubmitClient()})
"""


@pytest.fixture
def project(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a project that has a code location and a script, and a Spark for it."""
    monkeypatch.setenv("ORCH_SPARK_HOME", str(plain_spark(tmp_path / "spark")))
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "location.py").write_text(LOCATION, encoding="utf-8")
    (folder / "numbers_job.py").write_text(SCRIPT, encoding="utf-8")
    return folder


def test_an_asset_of_several_dates_in_a_process_of_its_own(
    project: Path, settings: Settings, tmp_path: Path
) -> None:
    dagster_home = tmp_path / "dagster"
    dagster_home.mkdir()
    words = ["asset", "materialize", "-f", "location.py", "--select", "numbers"]
    done = subprocess.run(
        [sys.executable, "-m", "dagster", *words, "--partition-range", "2024-05-02...2024-05-04"],
        cwd=project,
        env={**os.environ, "DAGSTER_HOME": str(dagster_home), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        records = instance.fetch_materializations(dg.AssetKey("numbers"), limit=10).records
        (run_id,) = {record.run_id for record in records}
        started = dg.DagsterEventType.STEP_WORKER_STARTED
        assert len(instance.all_logs(run_id, of_type=started)) == 1
    dates = ["2024-05-02", "2024-05-03", "2024-05-04"]
    assert sorted(str(record.partition_key) for record in records) == dates
    for record in records:
        assert record.asset_materialization is not None
        metadata = record.asset_materialization.metadata
        assert {name: value.value for name, value in metadata.items()} == {
            "words": f"--year 2024 {' '.join(dates)}",
            "extra": "an asset",
        }
    # What it kept is in ORCH_HOME.
    assert sorted(path.name for path in project.iterdir() if path.suffix == ".py") == [
        "location.py",
        "numbers_job.py",
    ]
    (run_folder,) = settings.params_dir.iterdir()
    assert run_folder.name == run_id
    assert [*run_folder.iterdir()] == []


def test_an_op_in_this_process(project: Path) -> None:
    taken: list[dict[str, object]] = []

    @dg.op
    def count(context: dg.OpExecutionContext, spark_submit: SparkSubmitClient) -> None:
        done = spark_submit.run(
            context=context, script=str(project / "numbers_job.py"), extras={"from": "an op"}
        )
        taken.extend(done.get_custom_messages())
        assert not done.get_results()

    @dg.job(resource_defs={"spark_submit": SparkSubmitClient()})
    def counting() -> None:
        count()

    assert counting.execute_in_process().success
    assert taken == [{"words": "", "extra": "an op"}]
