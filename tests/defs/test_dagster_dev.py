"""The real `dagster dev`: materialize from its page, kill a worker, wait for the sensor's row."""

from __future__ import annotations

import os
import signal
from typing import Any

import psutil
import pytest

from orch_dagster.sample.rows import JOB_NAME as JOB
from tests.dagster_dev import dagster_dev, until
from tests.homes import BIZ_DT, Home


@pytest.mark.spark
def test_materialize_from_the_page_and_survive_the_kill_of_a_worker(sample_home: Home) -> None:
    with dagster_dev(sample_home) as dev:
        first = dev.materialize("gels", "fpms", JOB, biz_dt=BIZ_DT)
        assert dev.end_of(first) == "SUCCESS"
        (row,) = sample_home.log_rows(JOB)
        assert (row["run_id"], row["status"]) == (first, "Completed")

        second = dev.materialize("gels", "fpms", JOB, biz_dt=BIZ_DT)

        def worker() -> int | None:
            run = dev.run(second)
            tags = {tag["key"]: tag["value"] for tag in run["tags"]}
            return int(tags["orch/pid"]) if "orch/pid" in tags else None

        pid = until(worker, 60, "the second run's worker")

        def spark() -> list[psutil.Process] | None:
            tree = psutil.Process(pid).children(recursive=True)
            return tree if "java" in sample_home.process_names() else None

        tree = until(spark, 60, "the second run's JVM")
        os.kill(pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(tree, timeout=10)
        assert alive == []

        def died() -> dict[str, Any] | None:
            found = [row for row in sample_home.log_rows(JOB) if row["run_id"] == second]
            return found[0] if found and found[0]["status"].startswith("Failed") else None

        row = until(died, 60, "the sensor's row")
    # Whichever saw it first: the sensor by the run's own tags, or the code server as its parent.
    assert row["status"].startswith("Failed: ")
    assert row["end_time"] > row["start_time"]
    assert len(sample_home.log_rows(JOB)) == 2
