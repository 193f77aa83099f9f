"""The whole of this package with a real spark-submit."""

from __future__ import annotations

import os
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from orch_dagster.spark.command import build_command
from orch_dagster.spark.outcome import ResultMessages, judge
from orch_dagster.spark.process import Limits, ProcessEnd, run_supervised
from orch_dagster.spark.py_files import pipes_archive
from orch_dagster.spark.submit_request import SubmitRequest
from orch_dagster.spark.system_paths import Platform
from orch_dagster.toolchain.find import find_java, find_spark, read_spark_defaults
from orch_dagster.toolchain.properties import format_properties
from tests.runs.spark.conftest import MARK, Bench, Program

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("own_threads")]

SCRIPT = """
    import os, sys
    from pyspark.sql import SparkSession
    spark = SparkSession.builder.getOrCreate()
    conf = spark.sparkContext.getConf()
    import framework
    import dagster_pipes
    print("name", conf.get("spark.app.name"), flush=True)
    print("partitions", conf.get("spark.sql.shuffle.partitions"), flush=True)
    print("secret", conf.get("spark.hadoop.test.password"), flush=True)
    print("pipes", os.path.basename(os.path.dirname(os.path.dirname(dagster_pipes.__file__))))
    print("params", os.environ["JOB_PARAMS_FILE"], flush=True)
    print("note", spark.sparkContext._jvm.System.getProperty("note"), flush=True)
    # Workers are processes of their own.
    numbers = spark.sparkContext.parallelize(range(10), 2)
    print("sum", numbers.map(lambda n: n + 1).sum(), flush=True)
    {last}
"""


class Job:
    """One script with the request that submits it."""

    def __init__(self, bench: Bench, last: str) -> None:
        folder = bench.folder / "a folder"
        (folder / "framework").mkdir(parents=True)
        (folder / "framework" / "__init__.py").touch()
        script = folder / "job.py"
        script.write_text(textwrap.dedent(SCRIPT).format(last=last))
        spark = find_spark(os.environ)
        self.lines: list[str] = []
        self.stop = threading.Event()
        self._bench = bench
        self.request = SubmitRequest(
            spark_home=str(spark.home),
            spark_submit=str(spark.submit),
            java_home=str(find_java(os.environ).home),
            python=sys.executable,
            script=str(script),
            app_name="a job & its name",
            run_id="r1",
            module_path=(str(folder),),
            params_file=str(folder / "p.json"),
            log_file=None,
            base_dir=str(folder),
            sql_path=(str(folder),),
            properties_file=str(folder / "job.properties"),
            spark_properties={
                "spark.master": "local[2]",
                "spark.driver.memory": "512m",
                "spark.ui.enabled": "false",
                "spark.sql.shuffle.partitions": "3",
                "spark.hadoop.test.password": "p & w",
                "spark.driver.extraJavaOptions": '-XX:+UseSerialGC -Dnote="x y"',
            },
            spark_defaults=read_spark_defaults(spark, os.environ),
            py_files=(str(pipes_archive(folder / "cache")),),
        )

    def run(self, platform: Platform = "linux", stop_at: str = "never") -> ProcessEnd:
        command = build_command(self.request, platform)
        assert "p & w" not in " ".join(command.argv)
        Path(command.properties_file).write_text(format_properties(command.properties))

        def take(line: str) -> None:
            self.lines.append(line)
            if line.startswith(stop_at):
                assert any("java" in p.name() for p in self._bench.strays())
                self.stop.set()

        marked = Program(command.argv, {**command.env, MARK: self._bench.mark})
        return run_supervised(marked, on_line=take, stop=self.stop, limits=Limits(120, 10))


# Windows' form (all in the properties file) is as good for the Linux spark-submit.
@pytest.mark.parametrize("platform", ["linux", "win32"])
def test_a_job_gets_its_settings_and_its_code_comes_back(bench: Bench, platform: Platform) -> None:
    job = Job(bench, last="sys.exit(3)")
    end = job.run(platform)
    said = dict(line.split(" ", 1) for line in job.lines if " " in line)
    assert said["name"] == "a job & its name"
    assert (said["partitions"], said["secret"], said["note"]) == ("3", "p & w", "x y")
    assert said["sum"] == "55"
    assert said["params"] == job.request.params_file
    assert (end.exit_code, end.reason) == (3, "exited")
    bench.assert_nothing_left()


def test_an_exception_is_found_in_the_output_with_its_place(bench: Bench) -> None:
    job = Job(bench, last="raise ValueError('no rows')")
    end = job.run()
    outcome = judge(end, ResultMessages(), lands=False, timeout_s=None)
    assert str(outcome.message).startswith("exit code 1: ValueError: no rows (job.py:")
    bench.assert_nothing_left()


def test_stop_leaves_no_jvm_and_no_worker(bench: Bench) -> None:
    job = Job(bench, last="import time; print('ready', flush=True); time.sleep(300)")
    end = job.run(stop_at="ready")
    assert end.reason == "stopped"
    assert judge(end, ResultMessages(), lands=False, timeout_s=None).status == "canceled"
    bench.assert_nothing_left()


def test_a_script_that_is_not_there_fails_clearly(bench: Bench) -> None:
    job = Job(bench, last="")
    Path(job.request.script).unlink()
    end = job.run()
    outcome = judge(end, ResultMessages(), lands=False, timeout_s=None)
    assert outcome.status == "failed"
    assert "No such file" in str(outcome.message)
