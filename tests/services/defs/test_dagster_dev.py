"""The real `dagster dev`: backfill from its page, kill a worker, wait for the sensor's row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from orch_dagster.control.connect import open_store
from orch_dagster.control.tables import PROCESS_CONTROL
from orch_dagster.sample.rows import JOB_NAME as JOB
from tests.dagster_dev import Dev, dagster_dev, until
from tests.homes import BIZ_DT, STORE_URL, Home, new_home


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, Dev]]:
    """A home with the sample for three dates, served; a run lands up to two of them.

    There is a closed date between the first two.
    """
    home = new_home(tmp_path_factory.mktemp("dev") / "home")
    home.environ["ORCH_DATES_PER_RUN"] = "2"
    home.orch("init", "--sample")
    home.orch("sample", "GELS", "FPMS", "--from", BIZ_DT, "--to", "2024-05-18")
    for day in ("2024-05-17", "2024-05-18"):
        home.orch("open", "GELS", "FPMS", day)
    with dagster_dev(home) as dev:
        yield home, dev


def test_a_date_that_others_open_shows_within_30_seconds(served: tuple[Home, Dev]) -> None:
    home, dev = served
    assert dev.partitions("gels", "fpms", JOB) == [BIZ_DT, "2024-05-17", "2024-05-18"]
    store = open_store(STORE_URL, home.folder)
    row = {"entity": "GELS", "source_system": "FPMS", "biz_dt": "2008-01-02"}
    store.upsert(PROCESS_CONTROL, [row])

    def first(day: str) -> bool | None:
        return dev.partitions("gels", "fpms", JOB)[0] == day or None

    until(lambda: first("2008-01-02"), 30, "the old date before the others")
    store.delete(PROCESS_CONTROL, [row])
    store.close()
    until(lambda: first(BIZ_DT), 30, "the partitions without it")


@pytest.mark.spark
def test_a_backfill_from_the_page_is_a_run_for_so_many_dates(served: tuple[Home, Dev]) -> None:
    home, dev = served
    dates = [BIZ_DT, "2024-05-17", "2024-05-18"]
    runs = dev.runs_of_backfill(dev.backfill("gels", "fpms", JOB, biz_dts=dates))

    assert [run["status"] for run in runs] == ["SUCCESS", "SUCCESS"]
    rows = {row["biz_dt"]: row for row in home.log_rows(JOB)}
    assert {day: row["status"] for day, row in rows.items()} == dict.fromkeys(dates, "Completed")
    assert len({row["spark_app_id"] for row in rows.values()}) == 2
    assert rows[BIZ_DT]["run_id"] == rows["2024-05-17"]["run_id"]


@pytest.mark.spark
def test_a_detached_run_is_launched_by_the_daemon(served: tuple[Home, Dev]) -> None:
    home, _ = served
    done = home.orch("run", JOB, "--biz-dt", BIZ_DT, "--detach", "--json")
    assert "no daemon" not in done.stderr
    (queued,) = json.loads(done.stdout)

    def ended() -> dict[str, Any] | None:
        rows = [row for row in home.log_rows(JOB) if row["run_id"] == queued["run_id"]]
        return rows[0] if rows and rows[0]["end_time"] else None

    row = until(ended, 300, "the end of the run")
    assert (row["biz_dt"], row["status"]) == (BIZ_DT, "Completed")
    assert row["row_count"] > 0


@pytest.mark.spark
def test_a_run_of_the_command_is_executed_again_from_its_page(served: tuple[Home, Dev]) -> None:
    home, dev = served
    run = json.loads(home.orch("run", JOB, "--biz-dt", BIZ_DT, "--json").stdout)

    again = dev.re_execute(run["run_id"])

    assert dev.end_of(again) == "SUCCESS"
    rows = {row["run_id"]: row for row in home.log_rows(JOB)}
    first, second = rows[run["run_id"]], rows[again]
    assert (second["biz_dt"], second["row_count"]) == (BIZ_DT, first["row_count"])


@pytest.mark.spark
def test_a_run_of_the_page_whose_worker_is_killed_leaves_its_row_and_no_process(
    served: tuple[Home, Dev],
) -> None:
    home, dev = served
    before = len(home.log_rows(JOB))
    killed = dev.materialize("gels", "fpms", JOB, biz_dt=BIZ_DT)
    worker = dev.worker_of(killed)

    def spark() -> list[psutil.Process] | None:
        tree = worker.children(recursive=True)
        return tree if "java" in home.process_names() else None

    tree = until(spark, 180, "the run's JVM")
    worker.kill()
    _, alive = psutil.wait_procs(tree, timeout=180)
    assert alive == []

    def died() -> dict[str, Any] | None:
        found = [row for row in home.log_rows(JOB) if row["run_id"] == killed]
        return found[0] if found and found[0]["status"].startswith("Failed") else None

    row = until(died, 180, "the sensor's row")
    # Whichever saw it first: the sensor by the run's own tags, or the code server as its parent.
    assert row["status"].startswith("Failed: ")
    assert row["end_time"] > row["start_time"]
    assert len(home.log_rows(JOB)) == before + 1
