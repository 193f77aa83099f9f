"""A job of two stages by a real `orch run`: its bar, its lines, its log, its row made anew."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterEventType, DagsterInstance

from orch_dagster.control.connect import open_store
from orch_dagster.control.tables import EXECUTION_LOG
from tests.homes import BIZ_DT, STORE_URL, Home, home_of_job
from tests.waiting import wait_until

JOB = "etl_lnd_ins_sys_stages"
SCRIPT = """
import os, time
from pathlib import Path
from framework import get_logger, get_spark

def slowly(row):
    time.sleep(0.6)
    return row

spark = get_spark()
pairs = spark.sparkContext.parallelize(range(9), 9).map(slowly).map(lambda n: (n % 7, n))
count = pairs.groupByKey(7).map(slowly).count()
get_logger("stages").info("counted %d", count)
if Path(os.environ["JOB_BASE_DIR"], "fail").exists():
    raise ValueError("as it was asked to")
spark.stop()
"""
LINKS = """
query Links($id: ID!) {
  runOrError(runId: $id) {
    ... on Run {
      eventConnection {
        events {
          __typename
          ... on DisplayableEvent { metadataEntries { label ... on UrlMetadataEntry { url } } }
        }
      }
    }
  }
}"""
LINE = re.compile(r"stage (\d+) \(\w+ at job\.py:\d+\): (\d+) of (\d+) tasks")
BAR = re.compile(r"stage (\d+): (\d+) of (\d+) tasks \w+ at job\.py:\d+")

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo terminals there"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return home_of_job(tmp_path_factory.mktemp("stages") / "home", JOB, SCRIPT, {})


@pytest.fixture(scope="module")
def screen(home: Home) -> str:
    """What a terminal shows of a run, all of it one after the other."""
    import pty

    own, others = pty.openpty()
    run = subprocess.Popen(
        ["orch", "run", JOB, "--biz-dt", BIZ_DT],
        env={**home.environ, "TERM": "xterm", "COLUMNS": "140"},
        cwd=home.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=others,
    )
    os.close(others)
    seen = b""
    # Linux says EIO where others say that the file is at its end.
    try:
        while piece := os.read(own, 65536):
            seen += piece
    except OSError:
        pass
    finally:
        os.close(own)
    assert run.wait(180) == 0, seen
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())


@pytest.fixture
def instance(home: Home) -> Iterator[DagsterInstance]:
    with DagsterInstance.from_config(home.environ["DAGSTER_HOME"]) as opened:
        yield opened


@contextmanager
def webserver(home: Home) -> Iterator[str]:
    """Dagit without a code location, as runs outlive those; yields its address."""
    (home.folder / "workspace.yaml").write_text("load_from: []\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        ["dagster-webserver", "-h", "127.0.0.1", "-p", str(port)],
        env=home.environ,
        cwd=home.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"

    def is_there() -> bool:
        try:
            return bool(get(f"{address}/server_info"))
        except OSError:
            return False

    try:
        wait_until(is_there, "Dagit", timeout_s=240)
        yield address
    finally:
        server.terminate()
        server.wait(60)


def get(what: str | urllib.request.Request) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(what, timeout=180) as answer:
        return answer.read()


def row_of(home: Home) -> dict[str, Any]:
    return home.log_rows(JOB)[0]


def log_of(home: Home, run_id: str) -> Path:
    (path,) = (home.folder / "logs").glob(f"job_*_{run_id[:8]}.log")
    return path


def test_a_terminal_shows_a_bar_of_each_stage(screen: str) -> None:
    seen = [match.groups() for match in BAR.finditer(screen)]
    assert {(stage, tasks) for stage, _, tasks in seen} == {("0", "9"), ("1", "7")}
    for stage in "01":
        dones = [int(done) for number, done, _ in seen if number == stage]
        assert dones == sorted(dones)
        assert max(dones) > 0
    assert "━" in screen


def test_dagit_and_the_log_have_a_line_at_most_every_ten_seconds(
    home: Home, screen: str, instance: DagsterInstance
) -> None:
    assert screen
    run_id = row_of(home)["run_id"]
    told = [
        (entry.timestamp, entry.user_message)
        for entry in instance.all_logs(run_id)
        if LINE.search(entry.user_message)
    ]
    assert told
    assert all(after[0] - before[0] >= 9.9 for before, after in pairwise(told))
    log = log_of(home, run_id).read_text(encoding="utf-8")
    assert all(f"[orch] {JOB}: {line}\n" in log for _, line in told)
    assert "[stages] counted 7" in log


def test_dagit_links_the_log(home: Home, screen: str) -> None:
    assert screen
    run_id = row_of(home)["run_id"]
    path = log_of(home, run_id)
    with webserver(home) as address:
        ask = urllib.request.Request(
            f"{address}/graphql",
            json.dumps({"query": LINKS, "variables": {"id": run_id}}).encode(),
            headers={"Content-Type": "application/json"},
        )
        answer = json.loads(get(ask))["data"]["runOrError"]["eventConnection"]["events"]
        links = {
            event["__typename"]: entry["url"]
            for event in answer
            for entry in event.get("metadataEntries", [])
            if entry["label"] == "log"
        }
        assert links.keys() >= {"EngineEvent", "MaterializationEvent"}
        # The run's page on its stdout, which Dagit reads from there.
        assert {*links.values()} == {f"/runs/{run_id}?logType=stdout&logFileKey={JOB}"}
        served = f"{address}/logs/{run_id}/compute_logs/{JOB}/out"
        assert get(served) == path.read_bytes()


def test_an_ended_run_is_followed_at_once(home: Home, screen: str) -> None:
    assert screen
    run_id = row_of(home)["run_id"]
    done = home.orch("log", "--follow", run_id[:8])
    assert done.stdout == log_of(home, run_id).read_text(encoding="utf-8")


def test_the_row_made_anew_is_the_same(home: Home, screen: str) -> None:
    assert screen
    before = home.orch("log", "--json").stdout
    done = {"runs": 1, "rows": 1, "written": 0, "died": [], "unknown": [], "unended": []}
    assert home.json("log", "rebuild") == done
    store = open_store(STORE_URL, home.folder)
    store.delete(EXECUTION_LOG, store.read(EXECUTION_LOG))
    store.close()
    assert home.json("log") == []

    assert home.orch("log", "rebuild", "--since", BIZ_DT).stdout == (
        "runs: 1, rows: 1, rows written: 1\n"
    )
    assert home.orch("log", "--json").stdout == before
    assert home.json("log", "rebuild")["written"] == 0
    assert home.json("log", "rebuild", "--since", "2199-01-01T00:00:00Z")["runs"] == 0


def test_ctrl_c_cancels_the_run_and_has_the_code_of_shells(
    home: Home, screen: str, own_signals: None
) -> None:
    assert screen
    run = subprocess.Popen(
        ["orch", "run", JOB, "--biz-dt", BIZ_DT],
        env=home.environ,
        cwd=home.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_until(lambda: "java" in home.process_names(), "the job's JVM", timeout_s=300)
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=300)
    assert run.returncode == 130, out
    assert "Traceback" not in out
    assert row_of(home)["status"] == "Canceled"


def test_a_run_that_fails_is_followed_and_its_failure_links_the_log(
    home: Home, screen: str, instance: DagsterInstance
) -> None:
    assert screen
    logs = home.folder / "logs"
    there = set(logs.iterdir())
    (home.folder / "fail").touch()
    run = subprocess.Popen(
        ["orch", "run", JOB, "--biz-dt", BIZ_DT, "--json"],
        env=home.environ,
        cwd=home.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: set(logs.iterdir()) - there, "the log of the run", timeout_s=300)
    (path,) = set(logs.iterdir()) - there
    followed = home.orch("log", "--follow", path.stem[-8:], check=False)
    out, err = run.communicate(timeout=300)

    assert (run.returncode, followed.returncode) == (1, 1)
    assert followed.stdout == path.read_text(encoding="utf-8")
    assert "counted 7" in followed.stdout
    # Where nobody sees a bar, there is none.
    assert " tasks" not in err
    assert "━" not in err
    assert f"{JOB} logs to {path}" in err
    run_id = json.loads(out)["run_id"]
    (entry,) = instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE)
    event = entry.dagster_event
    assert event is not None
    failure = event.step_failure_data.user_failure_data
    assert failure is not None
    assert failure.metadata["log_file"] == dg.MetadataValue.path(str(path))
    assert failure.metadata["log"].value == f"/runs/{run_id}?logType=stdout&logFileKey={JOB}"
