"""An asset of a user's own that runs a script by a real spark-submit.

Without postponed annotations: Dagster looks at the types of an asset's parameters itself.
"""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orch_dagster.settings import Settings
from orch_dagster.spark_submit import SparkSubmitClient, SubmitOptions

SCRIPT = """
import os, sys
from dagster_pipes import open_dagster_pipes
from framework.session import get_spark

with open_dagster_pipes() as pipes:
    spark = get_spark()
    print("the secret is", os.environ["TOKEN"])
    pipes.log.info("landed with " + os.environ["TOKEN"])
    pipes.report_asset_materialization(metadata={
        "rows": spark.range(int(sys.argv[1])).count(),
        "partitions": int(spark.conf.get("spark.sql.shuffle.partitions")),
        "for": pipes.get_extra("for"),
        "mode": os.environ["MODE"],
    })
    spark.stop()
    if pipes.get_extra("for") == "nobody":
        raise ValueError("nobody wants it: " + os.environ["TOKEN"])
"""
TOKEN = "hunter2-hunter2"


@pytest.mark.spark
def test_an_asset_of_ones_own(
    settings: Settings, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One run that goes well and one that fails: what each leaves in Dagster and in the output."""
    script = tmp_path / "count.py"
    script.write_text(SCRIPT, encoding="utf-8")

    @dg.asset
    def numbers(
        context: dg.AssetExecutionContext, spark_submit: SparkSubmitClient
    ) -> dg.MaterializeResult[Any]:
        return spark_submit.run(
            context=context,
            script=str(script),
            arguments=["1000"],
            options=SubmitOptions(
                properties={"spark.sql.shuffle.partitions": "3"},
                variables={"MODE": "test"},
                secrets={"TOKEN": TOKEN},
            ),
            extras={"for": context.run.tags["for"]},
        ).get_materialize_result()

    def run(name: str) -> dg.ExecuteInProcessResult:
        client = SparkSubmitClient(
            properties={"spark.master": "local[1]", "spark.ui.enabled": "false"}, timeout_minutes=2
        )
        return dg.materialize(
            [numbers],
            resources={"spark_submit": client},
            tags={"for": name},
            instance=instance,
            raise_on_error=False,
        )

    with dg.DagsterInstance.ephemeral() as instance:
        landed = run("people")
        assert landed.success
        (event,) = landed.asset_materializations_for_node("numbers")
        metadata = {name: value.value for name, value in event.metadata.items()}
        app_id = str(metadata.pop("spark_app_id"))
        assert app_id.startswith("local-")
        assert metadata == {"rows": 1000, "partitions": 3, "for": "people", "mode": "test"}

        failed = run("nobody")
        assert not failed.success
        failure = failed.failure_data_for_node("numbers")
        assert failure is not None
        assert failure.user_failure_data is not None
        message = failure.user_failure_data.description
        assert message == "ValueError: nobody wants it: ****** (count.py:18)"

        logged = [
            str(entry.user_message)
            for run_id in (landed.run_id, failed.run_id)
            for entry in instance.all_logs(run_id)
        ]
    assert any("landed with ******" in line for line in logged)
    output = capfd.readouterr().err
    assert output.count("the secret is ******") == 2
    for text in (output, *logged):
        assert TOKEN not in text
    # Neither a properties file with the secret nor a message file is left.
    left = [file for file in settings.home.rglob("*") if file.is_file()]
    suffixes = {file.suffix for file in left if file.name != "log4j2.properties"}
    assert not suffixes & {".properties", ".jsonl"}
    assert not [file for file in left if TOKEN.encode() in file.read_bytes()]
