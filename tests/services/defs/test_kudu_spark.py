"""Spark inside Dagster on the control tables, and the history of execution_log made by it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import RepositoryDefinition
from dagster._core.remote_representation.external_data import RepositorySnap

from orch_dagster.control.connect import open_store
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG, JOB_MASTER, Value
from orch_dagster.defs.repository import ControlTables
from orch_dagster.settings import REPOSITORY, Settings
from orch_dagster.toolchain.jars import KUDU_JAR_VARIABLE
from tests.code_location import Located
from tests.homes import Home, new_home
from tests.kudu_cluster import KuduCluster, kudu_cluster, kudu_spark_jar
from tests.waiting import wait_until

pytestmark = [pytest.mark.kudu, pytest.mark.spark]

DAY = "2024-05-15"
OTHER_DAY = "2024-05-14"
KEY = dg.AssetKey(["control", "execution_log_history"])
# The first and the last moment of the day, one before it and one after it.
STARTS = (
    datetime(2024, 5, 14, 23, 59, 59, 999_999, timezone.utc),
    datetime(2024, 5, 15, 0, 0, 0, 0, timezone.utc),
    datetime(2024, 5, 15, 23, 59, 59, 999_999, timezone.utc),
    datetime(2024, 5, 16, 0, 0, 0, 0, timezone.utc),
)


def row(number: int, **columns: Value) -> dict[str, Value]:
    return {
        "id": str(number),
        "job_id": "J1",
        "job_name": "job_1",
        "biz_dt": "2024-05-13",
        "status": "Started",
        "start_time": STARTS[number],
        "attempts": 1,
        **columns,
    }


@pytest.fixture(scope="module")
def cluster() -> Iterator[KuduCluster]:
    with kudu_cluster() as started:
        yield started


@pytest.fixture(scope="module")
def kudu_home(cluster: KuduCluster, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A kudu_home whose store is that Kudu, with rows of three days."""
    made = new_home(tmp_path_factory.mktemp("kudu spark") / "home")
    url = f"{cluster.url}?driver=jvm"
    made.environ |= {"ORCH_CONTROL_URL": url, "ORCH_FIRST_BIZ_DT": "2024-05-01"}
    made.environ[KUDU_JAR_VARIABLE] = str(kudu_spark_jar())
    store = open_store(url, made.folder)
    store.ensure_tables()
    store.upsert(EXECUTION_LOG, [row(number) for number in range(4)])
    store.close()
    made.orch("init")
    return made


def command(day: str) -> list[str]:
    words = "dagster asset materialize -m orch_dagster.definitions --select"
    return [*words.split(), KEY.to_user_string(), "--partition", day]


def history(kudu_home: Home, day: str) -> Path:
    return kudu_home.folder / "control" / "execution_log_history" / f"day={day}"


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def told(kudu_home: Home) -> Mapping[str, Any]:
    """Metadata of the newest materialization."""
    with dg.DagsterInstance.from_config(kudu_home.environ["DAGSTER_HOME"]) as instance:
        event = instance.get_latest_materialization_event(KEY)
        assert event is not None
        assert event.asset_materialization is not None
        return {name: each.value for name, each in event.asset_materialization.metadata.items()}


def said(kudu_home: Home, source: str) -> list[Any]:
    """What a program says that has the resource, each thing a line of JSON."""
    head = """
        import json, os, sys
        from datetime import date
        from pathlib import Path
        from orch_dagster.control.connect import open_store
        from orch_dagster.control.tables import EXECUTION_LOG
        from orch_dagster.defs import day_folders, execution_log_history, kudu_spark
        from orch_dagster.settings import load_settings

        settings, day = load_settings(), date(2024, 5, 15)
        root = Path(settings.base_dir) / "control" / "execution_log_history"
        def say(thing):
            print("SAID", json.dumps(thing, default=str))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(source)],
        env={**kudu_home.environ, "PYTHONPATH": str(REPOSITORY)},
        cwd=kudu_home.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("SAID ")]
    return [json.loads(line.removeprefix("SAID ")) for line in lines]


READ_BACK = """
    # A JVM in this process, and Spark's beside it.
    store = open_store(settings.control_url, settings.home)
    say(len(store.read(EXECUTION_LOG)))
    spark = (kudu := kudu_spark.KuduSpark(settings)).spark_session
    rows = execution_log_history.rows_of_day(spark, settings, day)
    say(rows._jdf.queryExecution().executedPlan().toString())
    kept = spark.read.orc(str(root / "day=2024-05-15"))
    say([kept.columns == rows.columns, kept.exceptAll(rows).count(), rows.exceptAll(kept).count()])
    started = kept.orderBy("start_time").selectExpr("id", "unix_micros(start_time)", "status")
    say([list(each) for each in started.collect()])
    say(len(store.read(EXECUTION_LOG)))

    # A write that fails, then what a run that was killed between two renames leaves.
    folders = day_folders.DayFolders(spark, f"file://{root}")
    before = sorted(os.listdir(root / "day=2024-05-15"))
    try:
        folders.stage(rows.selectExpr("string(raise_error('on purpose'))"), day, "failing")
    except Exception as error:
        say("on purpose" in str(error))
    say([sorted(os.listdir(root / "day=2024-05-15")) == before, sorted(os.listdir(root))])
    for run in ("dead", "alive"):
        folders.stage(rows.limit(1), day, run)
    (root / "day=2024-05-15").rename(root / "_work-2024-05-15-dead" / "old")
    folders.restore(day, {"dead"}.__contains__)
    say([sorted(os.listdir(root / "day=2024-05-15")) == before, sorted(os.listdir(root))])

    # No rows are a file with the columns; a folder that came meanwhile is not written into.
    say(folders.stage(rows.where("false"), day, "empty"))
    folders.publish(day, "empty")
    empty = spark.read.orc(str(root / "day=2024-05-15"))
    say([empty.columns == rows.columns, sorted(os.listdir(root))])
    kudu.close()
"""


def test_only_a_store_in_kudu_has_the_asset(
    located: Located, store: ControlStore, settings: Settings
) -> None:
    # A row may have the name of the asset's step.
    context = json.dumps({"entity": "CONTROL", "source_system": "FPMS"})
    name = "control__execution_log_history"
    row = {"job_name": name, "script_path": "landing.py", "context_params": context}
    store.upsert(JOB_MASTER, [{"job_id": "J3", **row}])
    location = located().location
    assert name in location.registry.jobs
    for url, present in ((settings.control_url, False), ("kudu://a:7051,b,c", True)):
        there = replace(location, settings=settings.model_copy(update={"control_url": url}))
        tables = ControlTables(lambda there=there: there)
        snap = RepositorySnap.from_def(RepositoryDefinition("orch", repository_data=tables))
        keys = {node.asset_key for node in snap.asset_nodes}
        assert len(keys) == 3 + present
        assert (KEY in keys) is present
        assert ("kudu_spark" in {each.name for each in snap.resources or []}) is present
        assert tables.get_job("__ASSET_JOB").asset_layer.has(KEY) is present
        assert not tables.get_job("gels_fpms").asset_layer.has(KEY)


def test_a_day_is_kept_as_it_is_and_replaced_alone(kudu_home: Home) -> None:
    other = history(kudu_home, OTHER_DAY)
    other.mkdir(parents=True)
    (other / "part-0.orc").write_bytes(b"kept before")
    untouched = contents(other)

    done = kudu_home.given(*command(DAY))
    assert done.returncode == 0, done.stderr
    path = str(history(kudu_home, DAY))
    assert told(kudu_home) == {"dagster/row_count": 2, "path": path, "files": 1}
    first = contents(history(kudu_home, DAY))

    # A row has got its end meanwhile; and the machine's clock is another one.
    store = open_store(kudu_home.environ["ORCH_CONTROL_URL"], kudu_home.folder)
    store.upsert(EXECUTION_LOG, [row(2, status="Completed", error_message="naïve", duration=1.5)])
    store.close()
    kudu_home.environ["TZ"] = "Asia/Tokyo"
    done = kudu_home.given(*command(DAY))
    assert done.returncode == 0, done.stderr
    assert not first.keys() & contents(history(kudu_home, DAY)).keys() - {
        "_SUCCESS",
        "._SUCCESS.crc",
    }
    assert contents(other) == untouched

    today = datetime.now(timezone.utc).date().isoformat()
    refused = kudu_home.given(*command(today))
    assert refused.returncode != 0
    assert f"{today} has not ended in UTC" in refused.stderr
    assert not history(kudu_home, today).exists()

    shutil.rmtree(other)
    rows, plan, same, starts, again, *rest = said(kudu_home, READ_BACK)
    assert rows == again == 4
    assert "*GreaterThanOrEqual(start_time,2024-05-15 00:00:00.0), *LessThan(start_t" in plan
    assert same == [True, 0, 0]
    micros = [round(start.timestamp() * 1_000_000) for start in STARTS]
    assert starts == [["1", micros[1], "Started"], ["2", micros[2], "Completed"]]
    alive = f"_work-{DAY}-alive"
    assert rest == [
        True,
        [True, [f"day={DAY}"]],
        [True, [alive, f"day={DAY}"]],
        [0, 1],
        [True, [alive, f"day={DAY}"]],
    ]


def test_a_run_that_is_stopped_ends_though_kudu_does_not_answer(
    cluster: KuduCluster, kudu_home: Home, own_signals: None
) -> None:
    program = shutil.which("dagster", path=kudu_home.environ["PATH"])
    assert program
    log, root = kudu_home.folder / "stopped.log", history(kudu_home, DAY).parent
    with log.open("wb") as output:
        run = subprocess.Popen(
            [program, *command("2024-05-16")[1:]],
            env=kudu_home.environ, cwd=kudu_home.folder, stdout=output, stderr=output,
        )  # fmt: skip
    wait_until(lambda: "STEP_START" in log.read_text(), "the step's start", 60)
    with cluster.paused("TSERVER"):
        wait_until(lambda: [*root.glob("_work-2024-05-16-*")], "the read", 60)
        run.send_signal(signal.SIGINT)
        assert run.wait(30) != 0
        wait_until(lambda: kudu_home.process_names() == [], "the end of Spark's JVM", 30)
    assert not history(kudu_home, "2024-05-16").exists()
    with dg.DagsterInstance.from_config(kudu_home.environ["DAGSTER_HOME"]) as instance:
        assert instance.get_runs(limit=1)[0].is_finished
