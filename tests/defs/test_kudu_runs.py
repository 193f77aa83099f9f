"""Runs with everything in a real Kudu, while it answers and while it does not."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import dagster as dg
import pytest

from orch_dagster.control.connect import open_store
from orch_dagster.control.store import with_retries
from orch_dagster.control.tables import EXECUTION_LOG, JOB_MASTER
from orch_dagster.defs.sensors import fail_dead_runs, project_ended_runs
from orch_dagster.sample.rows import JOB_ID, JOB_NAME
from orch_dagster.spark.jars import KUDU_JAR_VARIABLE
from tests.homes import BIZ_DT, Home, new_home
from tests.kudu_cluster import KuduCluster, kudu_cluster, kudu_spark_jar
from tests.waiting import wait_until

pytestmark = [pytest.mark.kudu, pytest.mark.spark]

TIMEOUT_S = 2


@pytest.fixture(scope="module")
def cluster() -> Iterator[KuduCluster]:
    """One that other tests do not stop meanwhile."""
    with kudu_cluster() as started:
        yield started


@pytest.fixture
def home(cluster: KuduCluster, tmp_path: Path) -> Home:
    """A home with the sample, its store on that Kudu."""
    cluster.drop_tables(tmp_path)
    made = new_home(tmp_path / "home")
    made.environ["ORCH_CONTROL_URL"] = f"{cluster.url}?driver=jvm&timeout_s={TIMEOUT_S}"
    made.environ[KUDU_JAR_VARIABLE] = str(kudu_spark_jar())
    made.orch("init", "--sample")
    return made


def log_text(home: Home) -> str:
    """The log files of all runs."""
    return "".join(path.read_text() for path in (home.folder / "logs").glob("job_*.log"))


def tick_sensor(home: Home) -> None:
    """One tick of the sensor's work, from the first event on."""
    store = open_store(home.environ["ORCH_CONTROL_URL"], home.folder)
    with dg.DagsterInstance.from_config(home.environ["DAGSTER_HOME"]) as instance:
        fail_dead_runs(instance)
        project_ended_runs(instance, store, {JOB_NAME: JOB_ID}, {})
    store.close()


def started(home: Home) -> Popen[bytes]:
    with (home.folder / "execute.log").open("wb") as said:
        return Popen(
            home.execute_command(JOB_NAME),
            env=home.environ,
            cwd=home.folder,
            stdout=DEVNULL,
            stderr=said,
        )


def test_the_main_job_by_dagsters_own_command(home: Home) -> None:
    done = home.execute(JOB_NAME)

    assert done.returncode == 0, done.stderr
    (row,) = home.log_rows(JOB_NAME)
    assert (row["status"], row["biz_dt"], row["attempts"]) == ("Completed", BIZ_DT, 1)
    assert row["spark_app_id"].startswith("local-")
    landed = home.folder / "out/fdm_landing/gels_fpms_t_contract_master" / f"biz_dt={BIZ_DT}"
    assert [*landed.glob("*.orc")]
    before = json.dumps(home.log_rows(JOB_NAME))
    tick_sensor(home)
    assert json.dumps(home.log_rows(JOB_NAME)) == before
    assert "all five tables are there" in home.orch("doctor").stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_is_stopped_as_on_sqlite(
    home: Home, own_signals: None, number: signal.Signals
) -> None:
    run = started(home)
    wait_until(lambda: "java" in home.process_names(), "the job's JVM", timeout_s=60)
    run.send_signal(number)

    assert run.wait(30) != 0
    wait_until(lambda: not home.process_names(), "the end of all processes", timeout_s=10)
    tick_sensor(home)
    (row,) = home.log_rows(JOB_NAME)
    assert row["status"] == "Canceled"


class TestOutages:
    def test_the_location_loads_from_what_was_known_and_the_run_starts_no_spark(
        self, cluster: KuduCluster, home: Home
    ) -> None:
        # Reads the registry once, which keeps it.
        assert JOB_NAME in home.orch("jobs").stdout
        with cluster.stopped("MASTER", "TSERVER"):
            listed = home.orch("jobs")
            assert JOB_NAME in listed.stdout
            assert "The jobs shown are those of" in listed.stderr
            failed = home.execute(JOB_NAME)
        assert failed.returncode != 0
        said = log_text(home)
        for wait_s in (1, 2, 4):
            # Of the row's Started, and of the parameters.
            assert said.count(f"trying again in {wait_s} s") == 2
        assert f"{cluster.masters[0]}: nothing listens there" in said
        assert "running " not in said

        tick_sensor(home)
        (row,) = home.log_rows(JOB_NAME)
        assert row["status"].startswith("Failed: control store kudu://")
        assert row["spark_app_id"] is None
        # The code location is the same process for a user; here, a new one that needs no reset.
        assert home.execute(JOB_NAME).returncode == 0
        assert home.log_rows(JOB_NAME)[0]["status"] == "Completed"

    def test_away_at_started_the_job_runs_all_the_same(
        self, cluster: KuduCluster, home: Home
    ) -> None:
        # So that the code location loads by what it knew.
        home.orch("jobs")
        with cluster.stopped("TSERVER"):
            run = started(home)
            wait_until(
                lambda: "the sensor writes the row when the store is back" in log_text(home),
                "the end of the tries of Started",
                timeout_s=90,
            )
        assert run.wait(120) == 0, (home.folder / "execute.log").read_text()
        (row,) = home.log_rows(JOB_NAME)
        assert row["status"] == "Completed"
        assert row["start_time"] < row["end_time"]

    def test_away_at_the_end_the_result_stands_and_the_row_comes_once(
        self, cluster: KuduCluster, home: Home
    ) -> None:
        run = started(home)
        wait_until(lambda: "java" in home.process_names(), "the job's JVM", timeout_s=60)
        with cluster.stopped("TSERVER"):
            assert run.wait(120) == 0
        (row,) = home.log_rows(JOB_NAME)
        assert row["status"] == "Started"
        assert f"{JOB_NAME} completed" in log_text(home)

        tick_sensor(home)
        (row,) = home.log_rows(JOB_NAME)
        assert row["status"] == "Completed"
        tick_sensor(home)
        assert home.log_rows(JOB_NAME) == [row]


class TestDoctor:
    """Each cause by its own words."""

    def found(self, home: Home) -> list[tuple[str, str]]:
        done = home.orch("doctor", "--json", check=False)
        checks: list[dict[str, Any]] = json.loads(done.stdout)
        return [(c["state"], c["text"]) for c in checks if c["name"] == "Control store"]

    def test_nothing_listens(self, cluster: KuduCluster, home: Home) -> None:
        with cluster.stopped("MASTER"):
            ((state, text),) = self.found(home)
        assert state == "missing"
        assert f"master {cluster.masters[0]}: nothing listens there; start Kudu" in text

    def test_something_accepts_and_resets(self, home: Home) -> None:
        import socket
        import threading

        with socket.create_server(("127.0.0.1", 0)) as server:

            def reset() -> None:
                while True:
                    try:
                        connection, _ = server.accept()
                    except OSError:
                        return
                    # Closed with words unread: the other side gets a reset, as by Docker's proxy.
                    connection.close()

            threading.Thread(target=reset, daemon=True).start()
            port = server.getsockname()[1]
            home.environ["ORCH_CONTROL_URL"] = f"kudu://127.0.0.1:{port}?driver=jvm&timeout_s=2"
            ((state, text),) = self.found(home)
        assert state == "missing"
        assert "resets it; so does Docker's port proxy" in text
        assert "see Connection reset in docs/kudu.md" in text

    def test_a_tablet_server_that_cannot_be_reached(self, cluster: KuduCluster, home: Home) -> None:
        with cluster.stopped("TSERVER"):
            ((state, text),) = self.found(home)
        assert state == "missing"
        assert f"tablet server {cluster.tservers[0]}: nothing listens there" in text

    def test_authentication(self, home: Home) -> None:
        home.environ["ORCH_CONTROL_URL"] += "&require_authentication=true"
        ((state, text),) = self.found(home)
        assert state == "missing"
        assert "requires authentication" in text
        assert "see Security in docs/kudu.md" in text

    def test_tables_and_columns(self, cluster: KuduCluster, home: Home) -> None:
        cluster.tool("table", "delete", EXECUTION_LOG.name)
        cluster.tool("table", "delete_column", JOB_MASTER.name, "comments")
        assert [*self.found(home)] == [
            ("missing", "no table execution_log; `orch init` creates them"),
            ("missing", "table job_master has no column comments; `orch init` adds them"),
        ]
        said = home.orch("init").stdout
        assert "created table execution_log" in said
        assert "added column job_master.comments" in said
        assert [state for state, _ in self.found(home)] == ["ok"]


def test_a_pause_in_the_middle_is_waited_out(cluster: KuduCluster, home: Home) -> None:
    """Nobody waits longer for the store than was set, and what was told is written afterwards."""
    with cluster.paused("TSERVER"), cluster.paused("MASTER"):
        shown = subprocess.run(
            ["orch", "log"],
            env=home.environ,
            cwd=home.folder,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert shown.returncode == 1
    assert "does not answer" in shown.stderr
    store = open_store(home.environ["ORCH_CONTROL_URL"], home.folder)
    assert with_retries(lambda: len(store.read(JOB_MASTER)), warn=print) == 1
    store.close()
