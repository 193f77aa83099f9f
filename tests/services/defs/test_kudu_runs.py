"""Runs with everything in a real Kudu, while it answers and while it does not."""

from __future__ import annotations

import json
import signal
import subprocess
from subprocess import DEVNULL, Popen
from typing import Any

import pytest

from orch_dagster.control.connect import open_store
from orch_dagster.control.store import with_retries
from orch_dagster.control.tables import EXECUTION_LOG, JOB_MASTER
from orch_dagster.sample.rows import JOB_NAME
from tests.homes import BIZ_DT, Home
from tests.kudu_cluster import KuduCluster
from tests.waiting import wait_until

pytestmark = [pytest.mark.kudu, pytest.mark.spark]


def log_text(home: Home) -> str:
    """The log files of all runs."""
    return "".join(path.read_text() for path in (home.folder / "logs").glob("job_*.log"))


def started(home: Home, biz_dt: str = BIZ_DT) -> Popen[bytes]:
    with (home.folder / "execute.log").open("wb") as said:
        return Popen(
            home.execute_command(JOB_NAME, biz_dt),
            env=home.environ,
            cwd=home.folder,
            stdout=DEVNULL,
            stderr=said,
        )


def drivers(home: Home) -> int:
    """Count the JVMs of jobs, without those that only put a job's command together."""
    words = [each.as_dict(["cmdline"], ad_value=[])["cmdline"] for each in home.processes()]
    begun = [of_it for of_it in words if "org.apache.spark.deploy.SparkSubmit" in of_it]
    return sum("org.apache.spark.launcher.Main" not in of_it for of_it in begun)


def started_while_away(
    cluster: KuduCluster, home: Home, *, until: str, timeout_s: float
) -> Popen[bytes]:
    """A run that begins without a tablet server, which is back when the run's log says so."""
    with cluster.stopped("TSERVER"):
        run = started(home)
        wait_until(lambda: until in log_text(home), until, timeout_s=timeout_s)
    return run


def test_runs_are_stopped_as_on_sqlite(kudu_home: Home, own_signals: None) -> None:
    """By either signal, at the same time."""
    dates = {BIZ_DT: signal.SIGINT, "2024-05-16": signal.SIGTERM}
    kudu_home.here("sample", "GELS", "FPMS", "--from", "2024-05-16", "--to", "2024-05-16")
    kudu_home.here("open", "GELS", "FPMS", "2024-05-16")
    runs = {number: started(kudu_home, biz_dt) for biz_dt, number in dates.items()}
    wait_until(lambda: drivers(kudu_home) == len(runs), "both jobs' JVMs", 240)
    for number, run in runs.items():
        run.send_signal(number)

    assert [run.wait(120) for run in runs.values()].count(0) == 0
    wait_until(lambda: not kudu_home.process_names(), "the end of all processes", timeout_s=180)
    kudu_home.tick_sensor()
    rows = {row["biz_dt"]: row["status"] for row in kudu_home.log_rows(JOB_NAME)}
    assert rows == dict.fromkeys(dates, "Canceled")


class TestOutages:
    def test_the_location_loads_from_what_was_known_and_the_run_starts_no_spark(
        self, own_kudu: KuduCluster, kudu_home: Home
    ) -> None:
        # Reads the registry once, which keeps it.
        assert JOB_NAME in kudu_home.here("jobs").stdout
        with own_kudu.stopped("MASTER", "TSERVER"):
            listed = kudu_home.orch("jobs")
            assert JOB_NAME in listed.stdout
            assert "The jobs shown are those of" in listed.stderr
            failed = kudu_home.execute(JOB_NAME)
        assert failed.returncode != 0
        said = log_text(kudu_home)
        for wait_s in (1, 2, 4):
            # Of the row's Started, and of the parameters.
            assert said.count(f"trying again in {wait_s} s") == 2
        assert f"{own_kudu.masters[0]}: nothing listens there" in said
        assert "running " not in said

        kudu_home.tick_sensor()
        (row,) = kudu_home.log_rows(JOB_NAME)
        assert row["status"].startswith("Failed: control store kudu://")
        assert row["spark_app_id"] is None
        # The code location is the same process for a user; here, a new one that needs no reset.
        assert_lands(kudu_home)

    @pytest.mark.timeout(600)
    def test_away_at_started_and_at_the_parameters(
        self, own_kudu: KuduCluster, kudu_home: Home
    ) -> None:
        """The job runs all the same; then it is tried again as it was told the last time."""
        kudu_home.set_params({}, {"retry.max": "1", "retry.delay": "5"})
        # So that the code location loads by what it knew.
        kudu_home.here("jobs")
        told = "the sensor writes the row when the store is back"
        run = started_while_away(own_kudu, kudu_home, until=told, timeout_s=240)
        assert run.wait(360) == 0, (kudu_home.folder / "execute.log").read_text()
        (row,) = kudu_home.log_rows(JOB_NAME)
        assert (row["status"], row["attempts"]) == ("Completed", 1)
        assert row["start_time"] < row["end_time"]

        told = "attempt 1 of 2 failed, the next one is in 5 s"
        run = started_while_away(own_kudu, kudu_home, until=told, timeout_s=300)
        assert run.wait(360) == 0, (kudu_home.folder / "execute.log").read_text()
        newest, _ = kudu_home.log_rows(JOB_NAME)
        assert (newest["status"], newest["attempts"]) == ("Completed", 2)

    def test_away_at_the_end_the_result_stands_and_the_row_comes_once(
        self, own_kudu: KuduCluster, kudu_home: Home
    ) -> None:
        run = started(kudu_home)
        wait_until(lambda: "java" in kudu_home.process_names(), "the job's JVM", timeout_s=180)
        with own_kudu.stopped("TSERVER"):
            assert run.wait(360) == 0
        (row,) = kudu_home.log_rows(JOB_NAME)
        assert row["status"] == "Started"
        assert f"{JOB_NAME} completed" in log_text(kudu_home)

        kudu_home.tick_sensor()
        (row,) = kudu_home.log_rows(JOB_NAME)
        assert row["status"] == "Completed"
        kudu_home.tick_sensor()
        assert kudu_home.log_rows(JOB_NAME) == [row]


def assert_lands(home: Home) -> None:
    """The main job by Dagster's own command, and all that it leaves."""
    done = home.execute(JOB_NAME)
    assert done.returncode == 0, done.stderr
    row, *_ = home.log_rows(JOB_NAME)
    assert (row["status"], row["biz_dt"], row["attempts"]) == ("Completed", BIZ_DT, 1)
    assert row["spark_app_id"].startswith("local-")
    landed = home.folder / "out/fdm_landing/gels_fpms_t_contract_master" / f"biz_dt={BIZ_DT}"
    assert [*landed.glob("*.orc")]
    before = json.dumps(home.log_rows(JOB_NAME))
    home.tick_sensor()
    assert json.dumps(home.log_rows(JOB_NAME)) == before
    # Kudu may have come back just now.
    wait_until(lambda: "five tables are there" in home.orch("doctor", check=False).stdout, "Kudu")


class TestDoctor:
    """Each cause by its own words."""

    def found(self, home: Home) -> list[tuple[str, str]]:
        done = home.here("doctor", "--json", check=False)
        checks: list[dict[str, Any]] = json.loads(done.stdout)
        return [(c["state"], c["text"]) for c in checks if c["name"] == "Control store"]

    def test_nothing_listens(self, own_kudu: KuduCluster, kudu_home: Home) -> None:
        with own_kudu.stopped("MASTER"):
            ((state, text),) = self.found(kudu_home)
        assert state == "missing"
        assert f"master {own_kudu.masters[0]}: nothing listens there; start Kudu" in text

    def test_something_accepts_and_resets(self, kudu_home: Home) -> None:
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
            kudu_home.environ["ORCH_CONTROL_URL"] = (
                f"kudu://127.0.0.1:{port}?driver=jvm&timeout_s=2"
            )
            ((state, text),) = self.found(kudu_home)
        assert state == "missing"
        assert "resets it; Docker's port proxy does so" in text
        assert "see Connection reset in docs/kudu.md" in text

    def test_a_tablet_server_that_cannot_be_reached(
        self, own_kudu: KuduCluster, kudu_home: Home
    ) -> None:
        with own_kudu.stopped("TSERVER"):
            ((state, text),) = self.found(kudu_home)
        assert state == "missing"
        assert f"tablet server {own_kudu.tservers[0]}: nothing listens there" in text

    def test_authentication(self, kudu_home: Home) -> None:
        kudu_home.environ["ORCH_CONTROL_URL"] += "&require_authentication=true"
        ((state, text),) = self.found(kudu_home)
        assert state == "missing"
        assert "requires authentication" in text
        assert "see Security in docs/kudu.md" in text

    def test_tables_and_columns(self, own_kudu: KuduCluster, kudu_home: Home) -> None:
        own_kudu.tool("table", "delete", EXECUTION_LOG.name)
        own_kudu.tool("table", "delete_column", JOB_MASTER.name, "comments")
        assert [*self.found(kudu_home)] == [
            ("missing", "no table execution_log; `orch init` creates them"),
            ("missing", "table job_master has no column comments; `orch init` adds them"),
        ]
        said = kudu_home.here("init").stdout
        assert "created table execution_log" in said
        assert "added column job_master.comments" in said
        assert [state for state, _ in self.found(kudu_home)] == ["ok"]


def test_a_pause_in_the_middle_is_waited_out(own_kudu: KuduCluster, kudu_home: Home) -> None:
    """Nobody waits longer for the store than was set, and what was told is written afterwards."""
    with own_kudu.paused("TSERVER"), own_kudu.paused("MASTER"):
        shown = subprocess.run(
            ["orch", "log"],
            env=kudu_home.environ,
            cwd=kudu_home.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert shown.returncode == 1
    assert "does not answer" in shown.stderr
    store = open_store(kudu_home.environ["ORCH_CONTROL_URL"], kudu_home.folder)
    assert with_retries(lambda: len(store.read(JOB_MASTER)), warn=print) == 1
    store.close()
