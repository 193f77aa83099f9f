"""Jobs of a group that share one Spark application (spark.share), each a step of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.homes import BIZ_DT, Home, new_home
from tests.waiting import wait_until

A, B, C, FAILS, SIDE, SLOW, AGAIN, HUNGRY = (
    f"etl_lnd_ins_sys_{name}" for name in ("a", "b", "c", "f", "e", "s", "r", "h")
)
DAYS = (BIZ_DT, "2024-05-16")
SLEEP = "SELECT id FROM row1 WHERE reflect('java.lang.Thread', 'sleep', 600000L) IS NULL"
# Fails the first time, in whatever application.
ONCE = """
SELECT id FROM row1 WHERE if(reflect('java.lang.System', 'setProperty', 'tried', 'yes') = 'null',
  raise_error('java.net.ConnectException: Connection refused'), true)
"""
MUCH = "SELECT id FROM row1 WHERE size(sequence(0L, 100000000L + CAST(id AS BIGINT))) > 0"


def shared_home(folder: Path, jobs: dict[str, dict[str, Any]], parents: dict[str, str]) -> Home:
    """A home whose group shares; each job has `hql`, and perhaps a `source` of another job."""
    home = new_home(folder)
    (folder / "hql").mkdir()
    (folder / "in.csv").write_text("id\n1\n2\n3\n")
    masters: list[dict[str, Any]] = []
    for name, given in jobs.items():
        (folder / "hql" / f"{name}.hql").write_text(given.pop("hql"))
        file = {"format": "csv", "path": "in.csv", "options": {"header": "true"}}
        table = given.pop("source", None)
        source = {"format": "parquet", "path": f"out/{table}/biz_dt={{biz_dt}}"} if table else file
        sink = {"format": "parquet", "path": f"out/{name}", "partition_cols": ["biz_dt"]}
        context = {"sources": [source], "hql": f"{name}.hql", "sinks": [sink], **given}
        masters.append(
            {"job_id": name[-1], "job_name": name, "script_path": "landing.py",
             "context_params": context}
        )  # fmt: skip
    rows = {
        "job_master": masters,
        "job_dependency": [
            {"dependent_job_id": name[-1], "dependent_job_name": name,
             "parent_job_id": parent[-1], "parent_job_name": parent}
            for name, parent in parents.items()
        ],
        "process_control": [
            {"entity": "INS", "source_system": "SYS", "biz_dt": day} for day in DAYS
        ],
    }  # fmt: skip
    (folder / "rows.yaml").write_text(json.dumps(rows), encoding="utf-8")
    home.here("init")
    home.here("apply", "rows.yaml")
    spark = {"spark.ui.enabled": "false", "spark.driver.memory": "512m"}
    system = {"spark.share": "group", "retry.max": "1", "retry.delay": "0.5"}
    home.set_params(spark, system)
    return home


def run_of(home: Home, job: str) -> dict[str, Any]:
    return home.log_rows(job)[0]


def lines(home: Home, words: str) -> list[str]:
    (log,) = (home.folder / "logs").glob("job_*.log")
    return [line for line in log.read_text(encoding="utf-8").splitlines() if words in line]


def said(home: Home, file: str) -> set[str]:
    """Return the first words of what is in a file of the first shared application."""
    found = (home.folder / "params").glob(f"*/shared-1.{file}.*")
    texts = [each.read_text(encoding="utf-8") for each in found]
    return {line[1:].partition(",")[0].rstrip("}") for text in texts for line in text.splitlines()}


def left_behind(home: Home) -> list[str]:
    """What the run's folder of parameters holds besides them."""
    (folder,) = (each for each in (home.folder / "params").iterdir() if each.is_dir())
    return [each.name for each in folder.iterdir() if each.suffix != ".json"]


@contextmanager
def running(home: Home) -> Generator[subprocess.Popen[bytes]]:
    """Run the group for a block; where that fails end all, as a job here would run for ever."""
    command = ["orch", "run", "ins_sys", "--biz-dt", BIZ_DT]
    with subprocess.Popen(command, env=home.environ, cwd=home.folder) as run:
        try:
            yield run
        except BaseException:
            run.kill()
            for each in home.processes():
                with suppress(psutil.NoSuchProcess):
                    each.kill()
            raise


def driver_of(home: Home) -> tuple[psutil.Process, psutil.Process]:
    """Return the JVM and its Python, not what the JVM starts for a moment, such as chmod."""
    living = home.processes()
    jvms = [each for each in living if each.info["name"] == "java"]
    pythons = {each for each in living if "python" in each.info["name"]}
    ((jvm, python),) = [(jvm, each) for jvm in jvms for each in jvm.children() if each in pythons]
    return jvm, python


@pytest.mark.spark
def test_a_group_lands_its_dates_in_one_application(tmp_path: Path) -> None:
    """A chain, and beside it jobs that fail, are out of time, or are tried again."""
    jobs: dict[str, dict[str, Any]] = {
        A: {"hql": "SELECT id, 'a' AS name FROM row1"},
        B: {"hql": "SELECT id, concat(name, 'b') AS name FROM row1 WHERE id <> '2'", "source": A},
        C: {"hql": "SELECT count(*) AS n FROM row1", "source": B},
        FAILS: {"hql": "SELECT no_such_column FROM row1"},
        SIDE: {"hql": "CREATE TEMPORARY VIEW v AS SELECT * FROM row1; SELECT id FROM v"},
        SLOW: {"hql": SLEEP, "timeout_minutes": 0.05},
        AGAIN: {"hql": ONCE},
    }
    home = shared_home(tmp_path / "home", jobs, {B: A, C: B})
    done = home.orch("run", "ins_sys", "--from", DAYS[0], "--to", DAYS[1], check=False)
    rows = {(job, str(row["biz_dt"])): row for job in jobs for row in home.log_rows(job)}
    assert done.returncode != 0
    assert {job: row["status"].partition(":")[0] for job, row in rows.items()} == {
        (job, day): "Failed" if job in (FAILS, SLOW) else "Completed"
        for job in jobs
        for day in DAYS
    }
    for day in DAYS:
        assert [rows[job, day]["row_count"] for job in (A, B, C, SIDE, AGAIN)] == [3, 2, 1, 3, 3]
        assert "no_such_column" in rows[FAILS, day]["error_message"]
        assert rows[SLOW, day]["error_message"].startswith("timed out after 3 seconds")
    assert [rows[AGAIN, day]["attempts"] for day in DAYS] == [2, 1]
    assert len({row["spark_app_id"] for row in rows.values()}) == 1
    assert len(lines(home, "[orch] running ")) == 1
    for job in (A, B, C, SIDE, AGAIN):
        assert [len(lines(home, f"{job} {day}: landed")) for day in DAYS] == [1, 1]
    of_jobs = lines(home, "[framework.landing]")
    assert of_jobs
    assert all("etl_lnd_ins_sys_" in line for line in of_jobs)
    assert lines(home, "FairSchedulableBuilder") == []
    assert left_behind(home) == []
    assert home.processes() == []


@pytest.mark.spark
def test_a_jvm_out_of_memory_fails_what_had_not_ended(tmp_path: Path) -> None:
    jobs: dict[str, dict[str, Any]] = {
        A: {"hql": "SELECT id FROM row1"},
        HUNGRY: {"hql": MUCH, "source": A},
        SLOW: {"hql": SLEEP},
        C: {"hql": "SELECT id FROM row1", "source": SLOW},
    }
    home = shared_home(tmp_path / "home", jobs, {HUNGRY: A, C: SLOW})
    assert home.orch("run", "ins_sys", "--biz-dt", BIZ_DT, check=False).returncode != 0
    of_a = run_of(home, A)
    assert (of_a["status"], of_a["row_count"]) == ("Completed", 3)
    for job in (HUNGRY, SLOW):
        row = run_of(home, job)
        assert row["status"].startswith("Failed: ")
        assert "OutOfMemoryError" in row["error_message"]
        assert row["spark_app_id"] == of_a["spark_app_id"]
        assert not (home.folder / "out" / job / f"biz_dt={BIZ_DT}").exists()
    assert left_behind(home) == []
    assert home.processes() == []


@pytest.mark.spark
def test_a_jvm_that_is_killed_fails_what_had_not_ended(tmp_path: Path) -> None:
    jobs: dict[str, dict[str, Any]] = {A: {"hql": "SELECT id FROM row1"}, SLOW: {"hql": SLEEP}}
    home = shared_home(tmp_path / "home", jobs, {})
    with running(home) as run:
        wait_until(
            lambda: any(row["status"] == "Completed" for row in home.log_rows(A)),
            f"{A} landed",
            200,
        )
        jvm, _ = driver_of(home)
        jvm.kill()
        assert run.wait(200) != 0
    assert run_of(home, A)["status"] == "Completed"
    slow = run_of(home, SLOW)
    assert slow["status"].startswith("Failed: killed (exit code 137")
    assert slow["spark_app_id"] == run_of(home, A)["spark_app_id"]
    assert left_behind(home) == []
    assert home.processes() == []


@pytest.mark.spark
def test_what_a_dead_jvm_had_not_begun_lands_in_another_application(tmp_path: Path) -> None:
    """One runs, a retry was just handed over, and a job waits for that."""
    jobs: dict[str, dict[str, Any]] = {
        SLOW: {"hql": SLEEP},
        AGAIN: {"hql": ONCE},
        C: {"hql": "SELECT id FROM row1", "source": AGAIN},
    }
    home = shared_home(tmp_path / "home", jobs, {C: AGAIN})
    # Long enough to stop the JVM's Python before the retry.
    home.set_params({}, {"retry.max": "2", "retry.delay": "8"})
    with running(home) as run:
        begun = {f'"taken": "{SLOW}"', f'"taken": "{AGAIN}"'}
        wait_until(lambda: begun <= said(home, "answers"), "both were begun", 200)
        jvm, python = driver_of(home)
        ended = f'"ended": "{AGAIN}"'
        wait_until(lambda: ended in said(home, "answers"), "one was to be tried again", 200)
        # It takes no more, as in the moment before its end is seen.
        python.suspend()
        try:
            again = f'"land": "{AGAIN} (attempt 2)"'
            wait_until(lambda: again in said(home, "requests"), "its retry was handed over", 200)
        finally:
            jvm.kill()
            python.resume()
        assert run.wait(200) != 0
    slow, retried, after = (run_of(home, job) for job in (SLOW, AGAIN, C))
    assert slow["status"].startswith("Failed: killed (exit code 137")
    assert AGAIN not in slow["error_message"]
    assert (slow["attempts"], slow["row_count"]) == (1, None)
    assert not (home.folder / "out" / SLOW / f"biz_dt={BIZ_DT}").exists()
    # The second attempt met a new JVM, in which it failed as the first had.
    assert (retried["status"], retried["attempts"], retried["row_count"]) == ("Completed", 3, 3)
    assert (after["status"], after["attempts"], after["row_count"]) == ("Completed", 1, 3)
    assert retried["spark_app_id"] == after["spark_app_id"] != slow["spark_app_id"]
    assert len(lines(home, "[orch] running ")) == 2
    assert left_behind(home) == []
    assert home.processes() == []
