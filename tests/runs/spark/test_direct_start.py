"""Start a driver's JVM without Spark's script, by the command that the script would come to."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orch_dagster.sample.rows import JOB_NAME
from orch_dagster.spark.direct_start import direct_start, java_command
from orch_dagster.toolchain.find import find_java, find_spark
from tests.homes import BIZ_DT, Home, copied_home

pytestmark = pytest.mark.spark

_ARGUMENTS = ("--master", "local[2]", "--py-files", "a.zip,b.zip", "/x y/job.py", "one")
_OPTIONS = "spark.driver.extraJavaOptions"


def of_script(properties: dict[str, str], environ: dict[str, str]) -> list[str]:
    """The command that Spark's own launcher puts together."""
    spark, java = find_spark(environ), find_java(environ)
    settings = [part for pair in properties.items() for part in ("--conf", "=".join(pair))]
    launcher = ["org.apache.spark.launcher.Main", "org.apache.spark.deploy.SparkSubmit"]
    done = subprocess.run(
        [
            str(java.home / "bin" / "java"), "-cp", str(spark.home / "jars" / "*"), *launcher,
            *settings, *_ARGUMENTS,
        ],
        env={
            **environ, "SPARK_HOME": str(spark.home), "JAVA_HOME": str(java.home),
            "SPARK_SCALA_VERSION": "2.12",
        },
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    words = done.stdout.strip("\0\n").split("\0")
    return [word for word in words if word not in ("--conf", *map("=".join, properties.items()))]


@pytest.mark.parametrize(
    ("properties", "more"),
    [
        ({}, {}),
        (
            {"spark.driver.memory": "2g", _OPTIONS: "-Da=b '-Dc=d e' \"-Df=g h\" -Di=\"j k\"l"},
            {"SPARK_DRIVER_MEMORY": "3g", "HADOOP_CONF_DIR": "{tmp}", "YARN_CONF_DIR": "{tmp}"},
        ),
        (
            {"spark.driver.defaultJavaOptions": "-Da=1", _OPTIONS: "-Da=2"},
            {
                "SPARK_SUBMIT_OPTS": "-Dx='y z'", "SPARK_DRIVER_MEMORY": "3g",
                "SPARK_CONF_DIR": "{tmp}", "HADOOP_CONF_DIR": "{tmp}/absent:{tmp}/",
            },
        ),
    ],
)  # fmt: skip
def test_the_command_is_that_of_the_script(
    properties: dict[str, str], more: dict[str, str], tmp_path: Path
) -> None:
    given = {name: text.replace("{tmp}", str(tmp_path)) for name, text in more.items()}
    environ = {**{k: v for k, v in os.environ.items() if not k.startswith("SPARK_")}, **given}
    spark, java = find_spark(environ), find_java(environ)
    start = direct_start(spark, environ, platform="linux")
    assert start is not None
    command = java_command(start, str(java.home), properties)
    assert command is not None
    assert [*command, *_ARGUMENTS] == of_script(properties, environ)


def test_a_small_job_lands_without_the_jvm_of_the_script(sample_home: Home, tmp_path: Path) -> None:
    home = copied_home(sample_home, tmp_path / "a home")
    home.set_params({}, {"spark.profile": "small"})
    loads = f" -Xlog:class+load:file={tmp_path}/classes-%p.txt"
    home.environ["JDK_JAVA_OPTIONS"] = home.environ.get("JDK_JAVA_OPTIONS", "") + loads

    home.orch("run", JOB_NAME, "--biz-dt", BIZ_DT)

    (classes,) = tmp_path.glob("classes-*.txt")
    assert "org.apache.spark.SparkContext " in classes.read_text(errors="replace")
    [row] = home.log_rows(JOB_NAME)
    assert (row["status"], row["row_count"]) == ("Completed", 20_000)
