"""Spark on the control tables in Kudu: the history of execution_log, and the session resource."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from dagster import RepositoryDefinition
from dagster._core.remote_representation.external_data import RepositorySnap

from orch_dagster.control.connect import open_store
from orch_dagster.control.records import ExecutionLog
from orch_dagster.control.tables import EXECUTION_LOG
from orch_dagster.defs.repository import ControlTables
from orch_dagster.toolchain.jars import KUDU_JAR_VARIABLE
from tests.code_location import Located
from tests.homes import Home, new_home
from tests.kudu_cluster import KuduCluster, kudu_cluster, kudu_spark_jar
from tests.registries import EXAMPLES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.kudu, pytest.mark.spark]

JOB = "etl_lnd_control_orch_execution_log"
DAY, OTHER_DAY, QUIET_DAY = "2024-05-15", "2024-05-14", "2024-05-12"
# Not today, which may end while the tests run.
NOT_ENDED = (datetime.now(timezone.utc) + timedelta(days=1)).date().isoformat()
# The first and the last moment of the day, one before it and one after it.
STARTS = (
    datetime(2024, 5, 14, 23, 59, 59, 999_999, timezone.utc),
    datetime(2024, 5, 15, 0, 0, 0, 0, timezone.utc),
    datetime(2024, 5, 15, 23, 59, 59, 999_999, timezone.utc),
    datetime(2024, 5, 16, 0, 0, 0, 0, timezone.utc),
)
ROWS = [
    ExecutionLog(
        str(number),
        job_id="J1",
        job_name="job_1",
        biz_dt="2024-05-13",
        status="Started",
        start_time=start,
        attempts=1,
    )
    for number, start in enumerate(STARTS)
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[KuduCluster]:
    with kudu_cluster() as started:
        yield started


def write(home: Home, rows: Sequence[ExecutionLog]) -> None:
    store = open_store(home.environ["ORCH_CONTROL_URL"], home.folder)
    store.upsert(EXECUTION_LOG, [row.to_row() for row in rows])
    store.close()


@pytest.fixture(scope="module")
def kudu_home(cluster: KuduCluster, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose store is that Kudu, with rows of three days and the job that keeps them."""
    made = new_home(tmp_path_factory.mktemp("kudu spark") / "home")
    made.environ["ORCH_CONTROL_URL"] = f"{cluster.url}?driver=jvm"
    made.environ[KUDU_JAR_VARIABLE] = str(kudu_spark_jar())
    made.orch("init")
    made.orch("apply", str(EXAMPLES / "execution_log_history" / "execution_log.yaml"))
    for day in (QUIET_DAY, DAY, NOT_ENDED):
        made.orch("open", "control", "orch", day)
    write(made, ROWS)
    return made


def history(home: Home, day: str) -> Path:
    return home.folder / "control" / "execution_log_history" / f"day={day}"


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_only_a_location_on_kudu_has_the_session(located: Located) -> None:
    location = located().location
    for url, is_on_kudu in ((location.settings.control_url, False), ("kudu://a:7051,b,c", True)):
        settings = location.settings.model_copy(update={"control_url": url})
        there = replace(location, settings=settings)
        tables = ControlTables(lambda there=there: there)
        snap = RepositorySnap.from_def(RepositoryDefinition("orch", repository_data=tables))
        names = {each.name for each in snap.resources or []}
        assert ("kudu_spark" in names) is is_on_kudu


def test_a_day_is_kept_as_it_is_and_replaced_alone(kudu_home: Home, spark: SparkSession) -> None:
    # What an asset of an older version kept, in the same folders.
    other = history(kudu_home, OTHER_DAY)
    other.mkdir(parents=True)
    (other / "part-0.orc").write_bytes(b"kept before")
    untouched = contents(other)

    kudu_home.orch("run", JOB, "--biz-dt", DAY)
    (row,) = kudu_home.log_rows(JOB)
    assert (row["status"], row["biz_dt"]) == ("Completed", DAY)
    first = contents(history(kudu_home, DAY))

    # A row has got its end meanwhile; and the machine's clock is another one.
    ended = replace(ROWS[2], status="Completed", error_message="naïve", duration=1.5)
    write(kudu_home, [ended])
    kudu_home.environ["TZ"] = "Asia/Tokyo"
    kudu_home.orch("run", JOB, "--from", QUIET_DAY, "--to", DAY)
    assert not {name for name in first.keys() & contents(history(kudu_home, DAY)) if "part" in name}
    assert contents(other) == untouched

    kept = rows_in(spark, history(kudu_home, DAY))
    assert kept == [ROWS[1].to_row(), ended.to_row()]
    assert rows_in(spark, history(kudu_home, QUIET_DAY)) == []


def rows_in(spark: SparkSession, folder: Path) -> list[dict[str, Any]]:
    """The rows of a day in the order of their files, times as UTC."""
    frame = spark.read.orc(str(folder))
    # By the clock on the wall, as ORC has them: this JVM's zone need not be UTC.
    times = [f"date_format({name}, 'yyyy-MM-dd HH:mm:ss.SSSSSS') AS {name}" for name in TIMES]
    plain = [name for name in frame.columns if name not in TIMES]
    rows = [row.asDict() for row in frame.selectExpr(*plain, *times).collect()]
    for row in rows:
        for name in TIMES:
            if row[name]:
                row[name] = datetime.fromisoformat(row[name]).replace(tzinfo=timezone.utc)
    assert set(frame.columns) == set(EXECUTION_LOG.names)
    return [{name: row[name] for name in EXECUTION_LOG.names} for row in rows]


TIMES = ("start_time", "end_time")


def test_a_day_that_has_not_ended_is_refused(kudu_home: Home) -> None:
    refused = kudu_home.given("orch", "run", JOB, "--biz-dt", NOT_ENDED)
    assert refused.returncode == 1
    (row,) = (row for row in kudu_home.log_rows(JOB) if row["biz_dt"] == NOT_ENDED)
    assert f"{NOT_ENDED} has not ended in UTC: land its runs when it has" in row["error_message"]
    assert not history(kudu_home, NOT_ENDED).exists()
