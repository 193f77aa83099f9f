"""Several business dates in one run: one Spark application, each date with an end of its own."""

from __future__ import annotations

import json
from typing import Any

import dagster as dg
import pytest

from orch_dagster.control.connect import open_store
from orch_dagster.control.tables import PROCESS_CONTROL, Row
from orch_dagster.sample.rows import JOB_NAME
from tests.homes import STORE_URL, Home

KEY = dg.AssetKey(["gels", "fpms", JOB_NAME])


def materialized(home: Home, run_id: str) -> dict[str | None, dict[str, Any]]:
    """Metadata of the run's materializations, by partition."""
    told = home.events(run_id, dg.DagsterEventType.ASSET_MATERIALIZATION)
    events = [event.step_materialization_data.materialization for event in told]
    assert len({event.partition for event in events}) == len(events)
    return {
        event.partition: {name: value.value for name, value in event.metadata.items()}
        for event in events
    }


def process_control(home: Home) -> list[Row]:
    store = open_store(STORE_URL, home.folder)
    rows = store.read(PROCESS_CONTROL)
    store.close()
    return rows


@pytest.mark.spark
def test_a_range_lands_what_is_open_and_names_what_failed(sample_home: Home) -> None:
    sample_home.orch("sample", "GELS", "FPMS", "--from", "2024-05-14", "--to", "2024-05-18")
    for day in (14, 17, 18):
        sample_home.orch("open", "GELS", "FPMS", f"2024-05-{day}")
    extract = sample_home.folder / "data/gels/fpms/2024-05-17/contract.csv"
    content = extract.read_bytes()
    extract.unlink()

    done = sample_home.orch(
        "run", JOB_NAME, "--from", "2024-05-13", "--to", "2024-05-18", "--json", check=False
    )
    assert done.returncode == 1
    assert "skipped, because they are not open: 2024-05-13, 2024-05-16" in done.stderr
    assert (
        f"{JOB_NAME} failed: 1 of 4 dates did not land: 2024-05-17: SourceNotFoundError"
        in done.stderr
    )
    (run,) = json.loads(done.stdout)
    rows = {row["biz_dt"]: row for row in run["execution_log"]}
    assert {
        day: row["status"] for day, row in rows.items() if day != "2024-05-17"
    } == dict.fromkeys(["2024-05-14", "2024-05-15", "2024-05-18"], "Completed")
    assert rows["2024-05-17"]["status"].startswith("Failed: SourceNotFoundError: no such source:")
    assert len({row["spark_app_id"] for row in rows.values()}) == 1
    starts = [rows[f"2024-05-{day}"]["start_time"] for day in (14, 15, 18)]
    assert starts == sorted(set(starts))
    landed = materialized(sample_home, run["run_id"])
    assert {*landed} == {"2024-05-14", "2024-05-15", "2024-05-18"}
    for day, metadata in landed.items():
        assert metadata["path"].endswith(f"/biz_dt={day}")
        assert metadata["dagster/partition_row_count"] > 0

    extract.write_bytes(content)
    rows_again = {"entity": "GELS", "source_system": "FPMS", "reprocess_dt": "2024-05-20"}
    document = {"process_control": [{**rows_again, "biz_dt": "2024-05-14"}]}
    (sample_home.folder / "again.yaml").write_text(json.dumps(document))
    sample_home.here("apply", "again.yaml")
    days = ["--from", "2024-05-14", "--to", "2024-05-18"]
    due = json.loads(sample_home.here("due", JOB_NAME, "--json").stdout)
    assert [(each["biz_dt"], each["reasons"]) for each in due[:2]] == [
        ("2024-05-14", ["reprocess_dt 2024-05-20"]),
        ("2024-05-17", ["not completed"]),
    ]
    # One Spark application, and no daemon clears what is done.
    (second,) = json.loads(sample_home.orch("run", JOB_NAME, "--due", *days, "--json").stdout)
    assert sorted((row["biz_dt"], row["status"]) for row in second["execution_log"]) == [
        ("2024-05-14", "Completed"),
        ("2024-05-17", "Completed"),
    ]
    assert len({row["spark_app_id"] for row in second["execution_log"]}) == 1
    assert {*materialized(sample_home, second["run_id"])} == {"2024-05-14", "2024-05-17"}
    control = {row["biz_dt"]: row for row in process_control(sample_home)}
    assert control["2024-05-14"]["reprocess_dt"] is None
    assert control["2024-05-14"]["process_dt"] == control["2024-05-17"]["process_dt"] is not None
    nothing = sample_home.orch("run", JOB_NAME, *days, "--missing", "--json")
    assert (
        "skipped, because they have completed: 2024-05-14, 2024-05-15, 2024-05-17, 2024-05-18"
        in nothing.stderr
    )
    assert json.loads(nothing.stdout) == []
