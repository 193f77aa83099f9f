"""What spark.profile=small gives a job, and what is stronger."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from framework.contract.system_settings import SPARK_PROFILE
from orch_dagster.bundle.secrets import Secrets
from orch_dagster.control.records import SysParam
from orch_dagster.settings import Settings
from orch_dagster.spark.cores import available_cores
from orch_dagster.spark.driver_profile import (
    LAUNCHER_OPTIONS,
    SUBMIT_OPTIONS,
    DriverProfile,
    brief_options,
    driver_profile,
)
from orch_dagster.spark.job_submit import JobSubmit, prepare_job
from orch_dagster.spark.submit import common_request
from orch_dagster.toolchain.find import find_spark, read_conf_texts
from tests.bundles import job_bundle
from tests.unit.spark.test_command import conf_of, request_for

FAST = "-XX:TieredStopAtLevel=1"
SERIAL = "-XX:+UseSerialGC"
PARALLEL = "-XX:+UseParallelGC"
OPTIONS = "spark.driver.extraJavaOptions"


def small(environ: dict[str, str] | None = None, **properties: str) -> DriverProfile:
    return driver_profile("small", properties, {}, "local[*]", environ or {})


def of_default(environ: dict[str, str] | None = None, **properties: str) -> str:
    profile = driver_profile("default", properties, {}, "local[*]", environ or {})
    assert not profile.properties
    return profile.java_options


def test_a_driver_that_computes_has_the_parallel_collector_and_its_second_compiler_later() -> None:
    *later, collector = of_default().split()
    assert later == [
        "-XX:Tier4InvocationThreshold=50000",
        "-XX:Tier4MinInvocationThreshold=6000",
        "-XX:Tier4CompileThreshold=150000",
        "-XX:Tier4BackEdgeThreshold=400000",
    ]
    assert collector == PARALLEL


@pytest.mark.parametrize(
    ("environ", "properties", "is_parallel"),
    [
        ({}, {"spark.master": "local"}, True),
        ({}, {"spark.master": "local[2]"}, True),
        ({}, {"spark.master": "spark://h:7077"}, False),
        ({}, {"spark.master": "local-cluster[2,1,1024]"}, False),
        ({}, {"spark.master": "yarn"}, False),
        ({}, {"spark.driver.memory": "1g"}, True),
        ({}, {"spark.driver.memory": "1023m"}, False),
        ({}, {"spark.driver.memory": "31G"}, True),
        ({}, {"spark.driver.memory": "32g"}, False),
        ({}, {"spark.driver.memory": "1.5g"}, False),
        ({"SPARK_DRIVER_MEMORY": "512m"}, {}, False),
        ({"SPARK_DRIVER_MEMORY": "512m"}, {"spark.driver.memory": "2g"}, True),
    ],
)
def test_the_parallel_collector_is_for_heaps_of_some_size_that_compute(
    environ: dict[str, str], properties: dict[str, str], is_parallel: bool
) -> None:
    assert (PARALLEL in of_default(environ, **properties)) == is_parallel


def test_the_memory_that_a_script_of_variables_sets_is_unknown() -> None:
    script = "export SPARK_DRIVER_MEMORY=${MINE}"
    assert PARALLEL not in driver_profile("default", {}, {}, "local", {}, script).java_options
    own = {"spark.driver.memory": "2g"}
    assert PARALLEL in driver_profile("default", own, {}, "local", {}, script).java_options


@pytest.mark.parametrize(
    ("master", "partitions"),
    [
        ("local", "1"),
        ("local[3]", "3"),
        ("local[ 2, 4 ]", "2"),
        ("local[*]", str(available_cores())),
        ("local[0]", "1"),
        ("spark://h:7077", None),
        ("yarn", None),
    ],
)
def test_one_partition_a_core_of_a_local_master(master: str, partitions: str | None) -> None:
    properties = small(**{"spark.master": master}).properties
    assert properties.get("spark.sql.shuffle.partitions") == partitions
    assert properties["spark.ui.enabled"] == "false"


@pytest.mark.parametrize(
    ("environ", "properties"),
    [
        ({"JDK_JAVA_OPTIONS": "-XX:+UseParallelGC"}, {}),
        ({"JAVA_TOOL_OPTIONS": "-XX:+UseZGC"}, {}),
        ({"SPARK_SUBMIT_OPTS": "-Da=b -XX:+UseG1GC"}, {}),
        ({}, {OPTIONS: "-XX:+UseShenandoahGC -Da=b"}),
        ({}, {"spark.driver.defaultJavaOptions": "-XX:+UseG1GC"}),
        ({"JDK_JAVA_OPTIONS": "-Da=b @options.txt"}, {}),
        ({"JAVA_TOOL_OPTIONS": "-XX:Flags=.hotspotrc"}, {}),
        ({}, {OPTIONS: "-XX:VMOptionsFile=options.txt"}),
        # Tuning of the one that Java takes by itself.
        ({}, {OPTIONS: "-XX:G1HeapRegionSize=16m"}),
        ({}, {OPTIONS: "-Da=b -XX:InitiatingHeapOccupancyPercent=35"}),
        ({"JAVA_TOOL_OPTIONS": "-XX:MaxGCPauseMillis=200"}, {}),
    ],
)
def test_of_two_collectors_java_would_not_start(
    environ: dict[str, str], properties: dict[str, str]
) -> None:
    assert small(environ, **properties).java_options == FAST
    assert driver_profile("small", {}, properties, "local[*]", environ).java_options == FAST
    assert "GC" not in of_default(environ, **properties)


def test_a_jvm_that_only_submits_starts_fast() -> None:
    assert brief_options(SUBMIT_OPTIONS, {}) == f"{FAST} {SERIAL}"
    own = {"SPARK_SUBMIT_OPTS": "-Da=b", "JDK_JAVA_OPTIONS": "-XX:+UseZGC"}
    assert brief_options(SUBMIT_OPTIONS, own) == f"{FAST} -Da=b"
    assert brief_options(LAUNCHER_OPTIONS, own) == FAST
    own = {"SPARK_LAUNCHER_OPTS": "-XX:+UseG1GC"}
    assert brief_options(LAUNCHER_OPTIONS, own) == f"{FAST} -XX:+UseG1GC"


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("spark-env", "export SPARK_SUBMIT_OPTS=-XX:+UseG1GC"),
        ("spark-env", "export JAVA_TOOL_OPTIONS=-XX:+UseZGC"),
        ("java-opts", "-XX:+UseG1GC"),
    ],
)
def test_a_collector_in_sparks_own_configuration_is_kept(
    settings: Settings, tmp_path: Path, file: str, line: str
) -> None:
    """The JVM that puts the command together has it too, or no job would start."""
    conf = tmp_path / "conf"
    conf.mkdir()
    for name in ("spark-env.sh", "spark-env.cmd") if file == "spark-env" else (file,):
        (conf / name).write_text(f"{line}\n", encoding="utf-8")
    environ = {**os.environ, "SPARK_SUBMIT_OPTS": "", "SPARK_CONF_DIR": str(conf)}

    request = common_request(settings, environ, {})

    assert (request.launcher_options, request.submitter_options) == (FAST, FAST)
    texts = read_conf_texts(find_spark(environ), environ)
    assert texts == f"{line}\n"
    profile = driver_profile("small", {}, {}, "local[*]", environ, texts)
    assert profile.java_options == FAST
    assert "GC" not in driver_profile("default", {}, {}, "local[*]", {}, texts).java_options


def test_a_script_of_windows_whose_lines_are_not_shown_names_no_file_of_options(
    tmp_path: Path,
) -> None:
    (tmp_path / "spark-env.cmd").write_text("@echo off\n  @set A=B\n", encoding="utf-8")
    spark = find_spark(os.environ)
    of_windows = replace(spark, submit=spark.submit.with_suffix(".cmd"))

    texts = read_conf_texts(of_windows, {"SPARK_CONF_DIR": str(tmp_path)})

    assert texts == "echo off\nset A=B\n"
    assert PARALLEL in driver_profile("default", {}, {}, "local", {}, texts).java_options


def test_a_jobs_own_options_and_properties_win() -> None:
    own = {OPTIONS: "-XX:TieredStopAtLevel=4", "spark.sql.shuffle.partitions": "9"}
    profile = small(**own)
    request = request_for("linux", **{**profile.properties, **own})
    properties, _ = conf_of(replace(request, driver_options=profile.java_options))

    # Of two values, Java takes the last.
    assert properties[OPTIONS].endswith("-XX:TieredStopAtLevel=4")
    assert properties[OPTIONS].index(FAST) < properties[OPTIONS].index("-XX:TieredStopAtLevel=4")
    assert SERIAL in properties[OPTIONS]
    assert properties["spark.sql.shuffle.partitions"] == "9"
    assert properties["spark.ui.enabled"] == "false"


def test_a_driver_on_the_cluster_keeps_its_java_options() -> None:
    request = request_for("linux", **{"spark.master": "yarn", "spark.submit.deployMode": "cluster"})
    properties, _ = conf_of(replace(request, driver_options=small().java_options))
    assert FAST not in properties[OPTIONS]


@pytest.mark.parametrize(
    ("value", "own", "expected"),
    [
        ("small", {}, "false"),
        ("small", {"spark.ui.enabled": "true"}, "true"),
        ("default", {}, None),
    ],
)
def test_a_row_of_sys_params_gives_a_landing_its_profile(
    settings: Settings, value: str, own: dict[str, str], expected: str | None
) -> None:
    params = [SysParam(key, "DEV", "*", text, "spark") for key, text in own.items()]
    params.append(SysParam("spark.profile", "DEV", "*", value, "system"))
    context = {
        "sources": [{"format": "csv", "path": "in/{biz_dt}.csv"}],
        "sinks": [{"format": "orc", "path": "out/{biz_dt}"}],
    }
    home = settings.home
    files = home / "p.json", home / "p.properties", home / "job.log"
    job = JobSubmit(job_bundle(context, params), Secrets(), *files, side_by_side=1)

    argv = prepare_job(job, settings, pipes_env={}, environ={**os.environ, "SPARK_SUBMIT_OPTS": ""})

    conf = dict(word.split("=", 1) for word in argv.argv if word.startswith("spark."))
    assert conf.get("spark.ui.enabled") == expected
    assert (FAST in conf[OPTIONS]) == (value == "small")


def test_a_misspelt_profile_is_refused_as_apply_refuses_it() -> None:
    assert SPARK_PROFILE.error("tiny") == "'tiny' is not default or small"
