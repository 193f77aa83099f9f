from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from dagster_pipes import encode_param

from framework.contract.shared_requests import Answer, Ended, Land, Stop, Taken
from framework.shared_application import SharedApplication
from framework.shared_job import shared_job, variable
from tests.samples import DATE, document

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

OTHER = "2024-05-14"


class Shared:
    """An application of the test's, and the files of its jobs."""

    def __init__(self, root: Path, spark: SparkSession) -> None:
        self.root = root
        self.answers: list[Answer] = []
        self.application = SharedApplication(spark, self.answers.append)

    def source(self, name: str, rows: int) -> None:
        ids = "".join(f"{number}\n" for number in range(rows))
        (self.root / f"{name}.csv").write_text(f"id\n{ids}", encoding="utf-8")

    def start(
        self,
        name: str,
        hql: str = "SELECT id FROM row1",
        *,
        dates: int = 1,
        sinks: int = 1,
        **source: Any,
    ) -> None:
        (self.root / f"{name}.hql").write_text(hql, encoding="utf-8")
        given = document(
            biz_dts=(DATE, OTHER)[:dates],
            hql=f"{name}.hql",
            sources=[
                {"format": "csv", "path": f"{name}.csv", "options": {"header": True}, **source}
            ],
            sinks=[
                {"format": "parquet", "path": f"out/{name}{number}", "partition_cols": ["biz_dt"]}
                for number in range(sinks)
            ],
        )
        given["metadata"]["job_name"] = name
        params = self.root / f"{name}.json"
        params.write_text(json.dumps(given, default=str), encoding="utf-8")
        context = {"asset_keys": None, "run_id": "r", "job_name": None, "extras": {}}
        variables = {
            "JOB_PARAMS_FILE": str(params),
            "DAGSTER_PIPES_CONTEXT": encode_param({"data": context}),
            "DAGSTER_PIPES_MESSAGES": encode_param({"path": str(self._messages(name))}),
        }
        self.application.take(Land(name, variables))

    def finish(self) -> None:
        _finish(self.application)

    def _messages(self, name: str) -> Path:
        return self.root / f"{name}.messages.jsonl"

    def told(self, name: str) -> list[dict[str, Any]]:
        lines = self._messages(name).read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def reports(self, name: str, kind: str) -> list[dict[str, Any]]:
        payloads = [(each["params"] or {}).get("payload") or {} for each in self.told(name)]
        return [payload for payload in payloads if payload.get("kind") == kind]

    @property
    def landed(self) -> dict[str, bool]:
        return {each.job: each.landed for each in self.answers if isinstance(each, Ended)}

    def exception(self, name: str) -> str:
        return self.told(name)[-1]["params"]["exception"]["message"]


def _finish(application: SharedApplication) -> None:
    deadline_s = time.monotonic() + 120
    while application.tend():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


@pytest.fixture
def shared(tmp_path: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Shared:
    monkeypatch.setenv("JOB_BASE_DIR", str(tmp_path))
    monkeypatch.setenv("JOB_SQL_DIR", str(tmp_path))
    return Shared(tmp_path, spark)


def test_jobs_side_by_side_report_each_what_is_its_own(shared: Shared) -> None:
    rows = {"a": 3, "b": 50, "c": 7, "d": 1}
    for name, count in rows.items():
        shared.source(name, count)
    shared.start("a")
    # Two views of one name, and a setting, in sessions of their own.
    shared.start("b", "CREATE TEMPORARY VIEW mine AS SELECT * FROM row1; SELECT id FROM mine")
    shared.start("c", "CREATE TEMPORARY VIEW mine AS SELECT * FROM row1; SELECT id FROM mine")
    shared.start("d", "SELECT no_such_column FROM row1")
    shared.finish()
    assert shared.landed == {"a": True, "b": True, "c": True, "d": False}
    for name in "abc":
        (landing,) = shared.reports(name, "landing")
        assert (landing["row_count"], landing["rows_read"]) == (rows[name], rows[name])
        assert len(shared.reports(name, "application")) == 1
        assert [shared.told(name)[0]["method"], shared.told(name)[-1]["method"]] == [
            "opened",
            "closed",
        ]
        assert "exception" not in shared.told(name)[-1]["params"]
    assert shared.reports("d", "landing") == []
    assert "no_such_column" in shared.exception("d")


def test_a_job_of_several_dates_lands_each(shared: Shared) -> None:
    shared.source("a", 4)
    shared.start("a", dates=2)
    shared.finish()
    assert shared.landed == {"a": True}
    assert {each["biz_dt"] for each in shared.reports("a", "landing")} == {DATE, OTHER}


def test_rows_that_one_keeps_in_memory_are_no_others(shared: Shared) -> None:
    """Both read the same file in the same way, and keep what they read and what they land."""
    shared.source("one", 40)
    with (shared.root / "one.csv").open("a", encoding="utf-8") as file:
        file.write("no number\n")
    own = {"path": "one.csv", "schema": "id INT", "bad_records": {"limit": 1}}
    for name in "abc":
        shared.start(name, sinks=2, **own)
    shared.finish()
    assert shared.landed == {"a": True, "b": True, "c": True}
    for name in "abc":
        (landing,) = shared.reports(name, "landing")
        counts = [landing[each] for each in ("row_count", "rows_read", "rejected_rows")]
        assert counts == [40, 41, 1]


SLEEP = "SELECT id FROM row1 WHERE reflect('java.lang.Thread', 'sleep', 60000L + id) IS NULL"


def test_one_that_is_stopped_ends_and_the_others_land(shared: Shared, spark: SparkSession) -> None:
    for name in "ab":
        shared.source(name, 2)
    shared.start("a", SLEEP, dates=2)
    tracker = spark.sparkContext.statusTracker()
    deadline_s = time.monotonic() + 60
    while not set(tracker.getJobIdsForGroup("a")) & set(tracker.getActiveJobsIds()):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    shared.application.take(Stop("a"))
    shared.start("b")
    shared.finish()
    assert shared.landed == {"a": False, "b": True}
    assert "cancelled" in shared.exception("a")
    # Its second date was not begun.
    assert shared.reports("a", "failure") == []


def test_an_end_that_can_not_be_told_ends_the_application(
    shared: Shared, spark: SparkSession
) -> None:
    def refuse(answer: Answer) -> None:
        if isinstance(answer, Taken):
            return
        raise OSError("No space left on device")

    application = SharedApplication(spark, refuse, land=lambda: None)
    application.take(Land("a", {}))
    with pytest.raises(OSError, match="No space left"):
        _finish(application)


def test_a_process_of_one_job_has_its_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_PARAMS_FILE", "of the process")
    assert shared_job() is None
    assert variable("JOB_PARAMS_FILE") == "of the process"
