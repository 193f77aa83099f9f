"""Start a driver of spark.profile=small without Spark's script, or by it where that decides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orch_dagster.spark.command import build_command
from orch_dagster.spark.direct_start import DirectStart, direct_start
from orch_dagster.toolchain.find import SparkHome
from tests.unit.spark.test_command import request_for

START = DirectStart(("conf", "jars/*"), env={"PYTHONHASHSEED": "0"})


def spark_at(home: Path, version: str = "3.5.8") -> SparkHome:
    (home / "jars").mkdir(exist_ok=True)
    (home / "conf").mkdir(exist_ok=True)
    return SparkHome(home, version, "test", home / "bin" / "spark-submit")


def argv_of(start: DirectStart | None, **properties: str) -> list[str]:
    request = request_for("linux", **properties)
    return list(build_command(replace(request, direct_start=start), "linux").argv)


def test_only_the_words_before_the_arguments_differ() -> None:
    by_script, direct = argv_of(None), argv_of(START)
    main = direct.index("org.apache.spark.deploy.SparkSubmit")
    assert direct[main + 1 :] == by_script[1:]
    assert direct[:3] == [direct[0], "-cp", direct[2]]
    assert Path(direct[0]).name == "java"
    assert "-Xmx1g" in direct


@pytest.mark.parametrize(
    "properties",
    [
        {"spark.driver.extraClassPath": "/x"},
        {"spark.driver.extraLibraryPath": "/x"},
        {"spark.driver.extraJavaOptions": "-Xmx3g"},
        {"spark.driver.extraJavaOptions": "-Da=b\\c"},
        {"spark.driver.extraJavaOptions": "-Da='b"},
        {"spark.master": "yarn", "spark.submit.deployMode": "cluster"},
    ],
)
def test_what_the_command_depends_on_besides_is_left_to_the_script(
    properties: dict[str, str],
) -> None:
    assert argv_of(START, **properties) == argv_of(None, **properties)


@pytest.mark.parametrize("name", ["spark-env.sh", "java-opts"])
def test_a_file_by_which_the_script_changes_the_command_is_left_to_it(
    tmp_path: Path, name: str
) -> None:
    spark = spark_at(tmp_path)
    assert direct_start(spark, {}, platform="linux")
    (tmp_path / "conf" / name).touch()
    assert direct_start(spark, {}, platform="linux") is None
    # A folder of the home's stands for the one of Spark only where that has neither.
    assert direct_start(spark, {"SPARK_CONF_DIR": str(tmp_path)}, platform="linux")


def test_another_spark_system_or_class_path_is_left_to_the_script(tmp_path: Path) -> None:
    spark = spark_at(tmp_path)
    assert direct_start(spark_at(tmp_path, "3.5.1"), {}, platform="linux") is None
    assert direct_start(spark, {}, platform="win32") is None
    assert direct_start(spark, {"SPARK_DIST_CLASSPATH": "/hadoop/*"}, platform="linux") is None
