"""Several business dates in one run: one Spark application, each date with an end of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
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
    counts = {day: row["row_count"] for day, row in rows.items() if row["row_count"]}
    assert sorted(counts) == ["2024-05-14", "2024-05-15", "2024-05-18"]
    assert_each_is_told(done.stderr, counts)
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
    assert_is_queued(sample_home, days)


def assert_each_is_told(stderr: str, counts: Mapping[str, int]) -> None:
    """Each date is told once, as it ends."""
    told = stderr.splitlines()
    assert f"{JOB_NAME}: 4 dates from 2024-05-14 to 2024-05-18 in 1 run" in told
    ends = [line for line in told if line.endswith(" of 4 dates)")]
    assert [line.rpartition(" (")[2] for line in ends] == [f"{n} of 4 dates)" for n in range(1, 5)]
    for day, count in counts.items():
        assert any(f"{JOB_NAME} {day} landed {count:,} rows in " in line for line in ends)
    assert any(f"{JOB_NAME} 2024-05-17 failed: SourceNotFoundError" in line for line in ends)
    assert " rows in /" not in stderr
    assert told[-1] == "3 of 4 dates landed"


def assert_is_queued(home: Home, days: list[str]) -> None:
    """A detached run waits for a daemon, which is not there."""
    done = home.orch("run", "gels_fpms", *days, "--detach", "--json")
    (queued,) = json.loads(done.stdout)
    assert queued["status"] == "QUEUED"
    assert f"queued run {queued['run_id'][:8]} of gels_fpms for 2024-05-14, " in done.stderr
    assert "warning: no daemon of " in done.stderr
    with dg.DagsterInstance.from_config(home.environ["DAGSTER_HOME"]) as instance:
        run = instance.get_run_by_id(queued["run_id"])
        assert run is not None
        assert run.status is dg.DagsterRunStatus.QUEUED
        assert run.remote_job_origin is not None
