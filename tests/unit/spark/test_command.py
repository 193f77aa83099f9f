"""Golden files: tests/golden/spark/<system>-<where>.txt.

Refresh them with `ORCH_REFRESH_GOLDEN=1 pytest tests/unit/spark/test_command.py` and read the diff.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Any

import pytest

from orch_dagster.settings import REPOSITORY
from orch_dagster.spark.command import ADD_EXPORTS, SubmitCommand, build_command
from orch_dagster.spark.submit_request import SubmitRequest
from orch_dagster.spark.system_paths import Platform
from orch_dagster.toolchain.errors import SubmitRefusedError

GOLDEN = REPOSITORY / "tests" / "golden" / "spark"
MASTERS = {
    "local": {},
    "standalone": {"spark.master": "spark://spark1:7077"},
    "yarn-client": {"spark.master": "yarn"},
    "yarn-cluster": {"spark.master": "yarn", "spark.submit.deployMode": "cluster"},
}
RUN_ID = "0b5dd4f2-6a3b-4d6e-9c1f-2f1f6f0f7a11"


def request_for(platform: Platform, **properties: str) -> SubmitRequest:
    if platform == "win32":
        home, spark, submit = "C:\\orch home", "C:\\Program Files\\spark", "spark-submit.cmd"
        java, python, slash = "C:\\Java\\jdk-17", "C:\\py\\python.exe", "\\"
    else:
        home, spark, submit = "/srv/orch home", "/opt/spark", "spark-submit"
        java, python, slash = "/opt/jdk-17", "/opt/venv/bin/python", "/"

    def at(*parts: str) -> str:
        return slash.join((home, *parts))

    job = "etl_lnd_gels_fpms_t_contract_master"
    return SubmitRequest(
        spark_home=spark,
        spark_submit=slash.join((spark, "bin", submit)),
        java_home=java,
        python=python,
        pyspark_dir=slash.join((spark, "python")),
        script=at("jobs", f"{job}.py"),
        app_name=f"{job} 2024-05-15",
        run_id=RUN_ID,
        module_path=(at("jobs"),),
        params_file=at("params", RUN_ID, f"{job}.json"),
        log_file=at("logs", "job_2024-05-15_01-02-03_0b5dd4f2.log"),
        base_dir="hdfs://nn/data" if properties.get("spark.master") == "yarn" else home,
        sql_path=(at("hql"),),
        properties_file=at("params", RUN_ID, f"{job}.properties"),
        hql_archive=at("pyfiles", "hql-ef56.zip"),
        spark_properties={
            "spark.driver.memory": "1g",
            "spark.driver.extraJavaOptions": '-Duser.timezone=UTC -Dnote="a & b"',
            "spark.hadoop.fs.s3a.access.key": "AKIA-not-for-argv",
            "spark.yarn.tags": "nightly",
            "spark.files": "hdfs://nn/lookup.csv",
            **properties,
        },
        spark_defaults={
            "spark.eventLog.enabled": "false",
            "spark.executor.extraJavaOptions": "-Dfrom=defaults",
        },
        pipes_env={"DAGSTER_PIPES_CONTEXT": "eJyrVko=", "DAGSTER_PIPES_MESSAGES": "eJyrVkrMTq0="},
        py_files=(at("pyfiles", "framework-ab12.zip"), at("pyfiles", "dagster_pipes-cd34.zip")),
    )


def shown(command: SubmitCommand) -> str:
    """One argument or variable a line."""
    parts = ["# argv", *command.argv, "# env"]
    parts += [f"{name}={value}" for name, value in sorted(command.env.items())]
    parts += ["# properties"]
    parts += [f"{name}={value}" for name, value in sorted(command.properties.items())]
    return "\n".join(parts) + "\n"


@pytest.mark.parametrize("where", MASTERS)
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_command_is_the_golden_one(platform: Platform, where: str) -> None:
    text = shown(build_command(request_for(platform, **MASTERS[where]), platform))
    golden = GOLDEN / f"{platform}-{where}.txt"
    if os.environ.get("ORCH_REFRESH_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, encoding="utf-8", newline="\n")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("where", MASTERS)
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_what_every_command_keeps(platform: Platform, where: str) -> None:
    request = request_for(platform, **MASTERS[where])
    command = build_command(request, platform)
    pairs = zip(command.argv, command.argv[1:], strict=False)
    conf = dict(value.split("=", 1) for option, value in pairs if option == "--conf")
    every = {**command.properties, **conf}
    assert every["spark.app.name"] == request.app_name
    assert every["spark.executorEnv.PYTHONPATH"]
    for name in ("spark.driver.extraJavaOptions", "spark.executor.extraJavaOptions"):
        assert every[name].startswith(ADD_EXPORTS)
    assert every["spark.driver.extraJavaOptions"].endswith('-Dnote="a & b"')
    assert every["spark.executor.extraJavaOptions"].endswith("-Dfrom=defaults")
    assert "AKIA" not in " ".join(command.argv)
    assert command.properties["spark.eventLog.enabled"] == "false"
    assert command.argv[0] == request.spark_submit
    assert command.argv[-1] == request.script
    assert list(conf) == sorted(conf)


@pytest.mark.parametrize("master", ["yarn", "k8s://https://c:6443"])
def test_nodes_of_another_system_find_a_jobs_own_modules(master: str) -> None:
    own = {"spark.master": master, "spark.executorEnv.PYTHONPATH": "/opt/lib"}
    properties = build_command(request_for("win32", **own), "win32").properties
    folders = properties["spark.executorEnv.PYTHONPATH"].split(":")
    assert folders == ["framework-ab12.zip", "dagster_pipes-cd34.zip", "/opt/lib"]


def test_windows_arguments_hold_nothing_that_cmd_reads() -> None:
    command = build_command(request_for("win32"), "win32")
    assert len(command.argv) == 4
    assert not set("&|<>^%!\"'") & set("".join(command.argv))


def test_windows_paths_of_lists_are_paths_however_their_slashes_lean() -> None:
    listed = r"C:/jars/a.jar,hdfs://nn/b.jar,D:\jars\c.jar"
    request = replace(request_for("win32"), spark_properties={"spark.jars": listed})
    command = build_command(request, "win32")
    assert command.properties["spark.jars"] == r"C:\jars\a.jar,hdfs://nn/b.jar,D:\jars\c.jar"


def test_no_file_is_needed_without_secrets() -> None:
    request = replace(request_for("linux"), spark_properties={}, spark_defaults={"spark.a": "1"})
    command = build_command(request, "linux")
    assert command.properties == {}
    assert "--properties-file" not in command.argv
    assert command.argv[1:5] == ("--master", "local[*]", "--deploy-mode", "client")


def test_master_and_mode_of_spark_defaults_hold_where_the_job_names_none() -> None:
    request = replace(
        request_for("linux"),
        spark_properties={"spark.app.name": "mine"},
        spark_defaults={"spark.master": "yarn", "spark.submit.deployMode": "cluster"},
    )
    command = build_command(request, "linux")
    assert command.argv[1:5] == ("--master", "yarn", "--deploy-mode", "cluster")
    assert "spark.app.name=mine" in command.argv
    assert "LOG_FILE" not in command.env


def conf_of(request: SubmitRequest) -> tuple[dict[str, str], SubmitCommand]:
    command = build_command(request, "linux")
    pairs = zip(command.argv, command.argv[1:], strict=False)
    return dict(value.split("=", 1) for option, value in pairs if option == "--conf"), command


@pytest.mark.parametrize("where", MASTERS)
def test_defaults_hold_where_nobody_sets_a_property(where: str) -> None:
    request = replace(request_for("linux"), spark_properties=MASTERS[where], spark_defaults={})
    conf, command = conf_of(request)
    assert conf["spark.sql.session.timeZone"] == conf["spark.executorEnv.TZ"] == "UTC"
    assert conf["spark.sql.ansi.enabled"] == "true"
    assert conf["spark.sql.sources.partitionColumnTypeInference.enabled"] == "false"
    assert conf.get("spark.sql.shuffle.partitions") == ("4" if where == "local" else None)
    for name in ("spark.driver.extraJavaOptions", "spark.executor.extraJavaOptions"):
        assert conf[name] == f"{ADD_EXPORTS} -Duser.timezone=UTC"
    if where == "yarn-cluster":
        assert conf["spark.yarn.appMasterEnv.TZ"] == "UTC"
    else:
        assert command.env["TZ"] == "UTC"


def test_a_property_of_the_job_wins_and_then_one_of_spark_defaults() -> None:
    zone, ansi = "spark.sql.session.timeZone", "spark.sql.ansi.enabled"
    options = "spark.driver.extraJavaOptions"
    request = replace(
        request_for("linux"),
        spark_properties={zone: "Asia/Tokyo", options: "-Duser.timezone=Asia/Tokyo"},
        spark_defaults={zone: "Asia/Seoul", ansi: "false", "spark.executorEnv.TZ": "Asia/Seoul"},
    )
    conf, command = conf_of(request)
    assert conf[zone] == "Asia/Tokyo"
    assert conf[options].endswith("-Duser.timezone=UTC -Duser.timezone=Asia/Tokyo")
    # spark-submit itself reads spark-defaults.conf.
    assert not {ansi, "spark.executorEnv.TZ"} & conf.keys()
    assert command.env["TZ"] == "Asia/Seoul"
    conf, _ = conf_of(replace(request, spark_properties={}))
    assert zone not in conf


@pytest.mark.parametrize("zone", ["Europe/Vienna", "Etc/UTC", "CET-1CEST", ":Europe/Rome"])
def test_a_time_zone_that_python_on_windows_misreads_is_refused(zone: str) -> None:
    """Its C runtime takes three letters for a name, and what is after the hours for summer time."""
    name = "spark.executorEnv.TZ"
    error = refused("win32", **{name: zone})
    assert str(error).startswith(f"{name}: Python on Windows does not know '{zone}'")
    assert "give UTC" in str(error)
    request = replace(request_for("win32"), variables={"TZ": zone})
    with pytest.raises(SubmitRefusedError, match=r"^TZ: Python on Windows"):
        build_command(request, "win32")
    # A driver in a container is Linux's.
    build_command(request_for("win32", **MASTERS["yarn-cluster"], **{name: zone}), "win32")
    build_command(request_for("linux", **{name: zone}), "linux")


@pytest.mark.parametrize("zone", ["UTC", "GMT", "CET-1", "IST-5:30", "EST5EDT"])
def test_a_time_zone_that_python_on_windows_knows_is_taken(zone: str) -> None:
    command = build_command(request_for("win32", **{"spark.executorEnv.TZ": zone}), "win32")
    assert command.env["TZ"] == zone


@pytest.mark.parametrize("given", [{}, {"spark.pyspark.python": "./env/bin/python"}])
@pytest.mark.parametrize("is_default", [True, False])
def test_the_nodes_have_a_python_of_their_own(given: dict[str, str], is_default: bool) -> None:
    """Where the orchestrator's is, the nodes of a cluster may have none."""
    in_defaults, of_job = (given, {}) if is_default else ({}, given)
    for mode in ("client", "cluster"):
        where = {"spark.master": "yarn", "spark.submit.deployMode": mode}
        request = replace(
            request_for("linux"), spark_properties={**where, **of_job}, spark_defaults=in_defaults
        )
        conf, command = conf_of(request)
        # spark-submit itself reads spark-defaults.conf.
        nodes = {**in_defaults, **conf}["spark.pyspark.python"]
        assert nodes == given.get("spark.pyspark.python", "python3")
        if mode == "client":
            assert conf["spark.pyspark.driver.python"] == request.python
            assert command.env["PYSPARK_DRIVER_PYTHON"] == request.python
        else:
            assert conf["spark.yarn.appMasterEnv.PYSPARK_PYTHON"] == nodes
            assert conf["spark.yarn.appMasterEnv.PYSPARK_DRIVER_PYTHON"] == nodes


def test_a_master_of_this_machine_has_the_orchestrators_python() -> None:
    for where in ("local", "standalone"):
        request = request_for("linux", **MASTERS[where])
        conf, command = conf_of(request)
        assert "spark.pyspark.python" not in conf
        assert command.env["PYSPARK_PYTHON"] == request.python


def test_a_job_without_a_log_file_gets_no_variable() -> None:
    command = build_command(replace(request_for("linux"), log_file=None), "linux")
    assert "LOG_FILE" not in command.env


def refused(platform: Platform = "linux", **properties: str) -> SubmitRefusedError:
    with pytest.raises(SubmitRefusedError) as caught:
        build_command(request_for(platform, **properties), platform)
    return caught.value


@pytest.mark.parametrize("master", ["spark://h:7077", "local[2]", "k8s://https://h"])
def test_cluster_mode_is_yarns(master: str) -> None:
    error = refused(**{"spark.master": master, "spark.submit.deployMode": "cluster"})
    assert error.properties == ("spark.master", "spark.submit.deployMode")
    assert "set spark.submit.deployMode to client" in str(error)


def test_clashes_are_all_named_at_once() -> None:
    error = refused(
        **MASTERS["yarn-cluster"],
        **{
            "spark.yarn.maxAppAttempts": "2",
            "spark.yarn.appMasterEnv.JOB_BASE_DIR": "/elsewhere",
            "spark.yarn.appMasterEnv.DAGSTER_PIPES_CONTEXT": "x",
            "driver.memory": "1g",
        },
    )
    assert error.properties == (
        "driver.memory",
        "spark.yarn.maxAppAttempts",
        "spark.yarn.appMasterEnv.DAGSTER_PIPES_CONTEXT",
        "spark.yarn.appMasterEnv.JOB_BASE_DIR",
    )
    assert all(name in str(error) for name in error.properties)


@pytest.mark.parametrize(("given", "waits"), [("", False), ("true", True), ("false", False)])
def test_a_submit_in_cluster_mode_waits_only_if_the_job_says_so(given: str, waits: bool) -> None:
    name = "spark.yarn.submit.waitAppCompletion"
    own = {name: given} if given else {}
    request = replace(request_for("linux", **MASTERS["yarn-cluster"], **own), attempt_tag="a")
    command = build_command(request, "linux")
    assert f"{name}={given or 'false'}" in command.argv
    assert command.application is not None
    assert command.application.waits is waits


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("spark.master", "yarn-cluster"),
        ("spark.submit.deployMode", "remote"),
        ("spark.a b", "1"),
        ("spark.a=b", "1"),
        ("spark.a", "\x00"),
    ],
)
def test_malformed_properties_are_named(name: str, value: str) -> None:
    assert refused(**{name: value}).properties == (name,)


def test_files_of_one_name_and_names_with_commas_are_refused() -> None:
    same = replace(request_for("linux", **MASTERS["yarn-cluster"]), files=("/x/a.csv", "/y/a.csv"))
    with pytest.raises(SubmitRefusedError, match=r"same name \(a\.csv\)"):
        build_command(same, "linux")
    with pytest.raises(SubmitRefusedError, match="comma"):
        build_command(replace(request_for("linux"), jars=("/a,b.jar",)), "linux")


def test_windows_paths_that_cmd_would_read_are_refused_at_once() -> None:
    request = replace(
        request_for("win32"),
        script="C:\\R&D\\job.py",
        spark_home="C:\\Program Files (x86)\\spark",
        java_home="C:\\" + "j" * 250,
    )
    with pytest.raises(SubmitRefusedError) as refused:
        build_command(request, "win32")
    spark, java, script = str(refused.value).split("; ")
    assert spark == (
        "SPARK_HOME: 'C:\\Program Files (x86)\\spark' holds '(', which Windows' cmd would "
        "interpret: move or rename it"
    )
    assert java.endswith("has 253 characters, more than the 246 with which Windows starts a "
                         "program: move or rename it")  # fmt: skip
    assert script.startswith("the script: 'C:\\R&D\\job.py' holds '&'")


@pytest.mark.parametrize("start", [r"\\server\share", "//server/share"])
def test_a_home_in_a_folder_of_a_server_is_refused(start: str) -> None:
    request = replace(request_for("win32"), properties_file=f"{start}/params/job.properties")
    with pytest.raises(SubmitRefusedError, match=r"^the properties of the run: .* is in a folder "):
        build_command(request, "win32")
    # Python reads a script there.
    build_command(replace(request_for("win32"), script=f"{start}/jobs/job.py"), "win32")


@pytest.mark.parametrize(
    ("name", "value", "special"),
    [
        ("spark.driver.extraJavaOptions", "-Da=b -Db=wow!", "!"),
        ("spark.driver.extraJavaOptions", "-Da&b", "&"),
        ("spark.driver.extraJavaOptions", "-Da=x%PATH%", "%PATH%"),
        ("spark.driver.extraJavaOptions", '"-Da&b"', "&"),
        ("spark.driver.defaultJavaOptions", "-Da^b", "^"),
        ("spark.driver.extraClassPath", "C:\\wow!\\a.jar", "!"),
        ("spark.driver.memory", "1g&calc", "&"),
        ("spark.driver.extraLibraryPath", "C:\\R&D; C:\\a b", "&"),
    ],
)
def test_windows_options_of_the_driver_that_cmd_would_read_are_refused(
    name: str, value: str, special: str
) -> None:
    request = replace(request_for("win32"), spark_properties={name: value})
    with pytest.raises(SubmitRefusedError, match=rf"^{name}: .* holds '{re.escape(special)}'"):
        build_command(request, "win32")
    build_command(replace(request_for("linux"), spark_properties={name: value}), "linux")
    elsewhere = {name: value, **MASTERS["yarn-cluster"]}
    build_command(replace(request_for("win32"), spark_properties=elsewhere), "win32")


@pytest.mark.parametrize(
    ("argument", "fault"),
    [
        ("", "is empty, and Spark's launcher for Windows drops it"),
        ("in/*.csv", "holds '*', which Java on Windows replaces by names of files"),
        ("a?", "holds '?', which Java on Windows replaces by names of files"),
        ("50%", "holds '%', which Windows' cmd would interpret"),
        ('{"a": 1}', "holds '\"', which Windows' cmd would interpret"),
    ],
)
def test_windows_arguments_that_would_not_arrive_are_refused(argument: str, fault: str) -> None:
    request = replace(request_for("win32"), arguments=("--on", argument))
    with pytest.raises(SubmitRefusedError) as refused:
        build_command(request, "win32")
    assert str(refused.value) == (
        f"argument 2 of the script: '{argument}' {fault}: give the script its values by a file or "
        "by variables"
    )
    assert build_command(replace(request, script="/x.py"), "linux").argv[-1] == argument


@pytest.mark.parametrize("argument", ["a" * 2_000, "any * of ?", "a=b,c;d(e)", "C:\\data\\x"])
def test_windows_arguments_that_arrive_pass(argument: str) -> None:
    request = replace(request_for("win32"), arguments=(argument,))
    assert build_command(request, "win32").argv[-1] == argument


@pytest.mark.parametrize(
    "long",
    [
        {"arguments": ("2024-05-15",) * 600},
        {"spark_properties": {"spark.driver.extraJavaOptions": "-Da=b " * 1_200}},
    ],
)
def test_a_command_that_is_longer_than_cmd_takes_one_is_refused(long: dict[str, Any]) -> None:
    with pytest.raises(SubmitRefusedError, match=r"characters, and Windows' cmd takes 7,791 "):
        build_command(replace(request_for("win32"), **long), "win32")
    build_command(replace(request_for("linux"), **long), "linux")


def test_windows_options_in_the_launchers_quotes_pass() -> None:
    options = '-Da=x&y|z<u>v^w50%p(1) "-Db=c d" -Dc -XX:OnError="a;b"'
    request = replace(
        request_for("win32"), spark_properties={"spark.driver.extraJavaOptions": options}
    )
    assert (
        build_command(request, "win32")
        .properties["spark.driver.extraJavaOptions"]
        .endswith(options)
    )


def test_a_proxy_user_is_an_argument_and_not_beside_a_principal() -> None:
    """No property stands for it."""
    request = replace(request_for("linux", **MASTERS["yarn-client"]), proxy_user="etl")
    argv = build_command(request, "linux").argv
    assert argv[argv.index("--proxy-user") + 1] == "etl"
    assert "--proxy-user" not in build_command(replace(request, proxy_user=""), "linux").argv
    both = replace(request, spark_defaults={"spark.kerberos.keytab": "/etc/etl.keytab"})
    with pytest.raises(SubmitRefusedError, match=r"proxy\.user 'etl' and spark\.kerberos\.keytab"):
        build_command(both, "linux")


def with_archive(platform: Platform, **properties: str) -> str:
    """The driver's Java options of a job where the home has an archive."""
    folder = "C:\\orch home\\.orch\\a\\" if platform == "win32" else "/srv/orch home/.orch/a/"
    request = replace(
        request_for(platform, **properties),
        class_data=(folder + "java.jsa", folder + "driver.jsa"),
        conf_dir=folder + "no_conf",
    )
    command = build_command(request, platform)
    name = "spark.driver.extraJavaOptions"
    of_argv = dict(word.split("=", 1) for word in command.argv if word.startswith("spark."))
    return command.properties.get(name) or of_argv[name]


@pytest.mark.parametrize("where", MASTERS)
def test_a_driver_on_this_machine_takes_the_archive_before_the_jobs_own_options(where: str) -> None:
    options = with_archive("linux", **MASTERS[where])

    quoted = (
        '"-XX:SharedArchiveFile=/srv/orch home/.orch/a/java.jsa:/srv/orch home/.orch/a/driver.jsa"'
    )
    assert (quoted in options) == (where != "yarn-cluster")
    assert ("-Xlog:cds=off -Xlog:cds+dynamic=off" in options) == (where != "yarn-cluster")
    assert options.endswith('-Dnote="a & b"')


def test_windows_paths_of_archives_come_through_sparks_list_of_options() -> None:
    assert r'"-XX:SharedArchiveFile=C:\\orch home\\.orch\\a\\java.jsa;C:\\orch' in with_archive(
        "win32"
    )


@pytest.mark.parametrize("where", MASTERS)
def test_a_jvm_that_only_submits_takes_options_and_archive_from_its_variable(where: str) -> None:
    """The driver's options are those of the container then."""
    request = replace(
        request_for("linux", **MASTERS[where]),
        submitter_options="-XX:+UseSerialGC -Da=b",
        class_data=("/orch/driver.jsa",),
        conf_dir="/orch/no_conf",
    )
    env = build_command(request, "linux").env
    assert env["SPARK_CONF_DIR"] == "/orch/no_conf"
    assert env.get("SPARK_SUBMIT_OPTS") == (
        '"-XX:SharedArchiveFile=/orch/driver.jsa" -Xlog:cds=off -Xlog:cds+dynamic=off '
        "-XX:+UseSerialGC -Da=b"
        if where == "yarn-cluster"
        else None
    )
    chosen = replace(request, submitter_options="-Xshare:off")
    if where == "yarn-cluster":
        assert build_command(chosen, "linux").env["SPARK_SUBMIT_OPTS"] == "-Xshare:off"


@pytest.mark.parametrize("where", MASTERS)
def test_the_jvm_that_puts_the_command_together_starts_fast(where: str) -> None:
    request = replace(request_for("linux", **MASTERS[where]), launcher_options="-XX:+UseSerialGC")
    assert build_command(request, "linux").env["SPARK_LAUNCHER_OPTS"] == "-XX:+UseSerialGC"
    of_windows = replace(request_for("win32"), launcher_options="-XX:+UseSerialGC")
    assert "SPARK_LAUNCHER_OPTS" not in build_command(of_windows, "win32").env


@pytest.mark.parametrize(
    "own", ["-XX:SharedArchiveFile=/a.jsa", "-XX:ArchiveClassesAtExit=/a.jsa", "-Xshare:off"]
)
def test_a_job_that_chose_an_archive_itself_keeps_it(own: str) -> None:
    options = with_archive("linux", **{"spark.driver.extraJavaOptions": own})
    assert options.endswith(own)
    assert "driver.jsa" not in options


@pytest.mark.parametrize("where", MASTERS)
def test_what_a_value_loses_in_the_file_is_told(where: str) -> None:
    """Without the value, which may be a secret."""
    own = {**MASTERS[where], "spark.own.separator": "; ", "spark.own.password": "hunter2\t"}
    lost = "Spark drops the spaces and tabs at the ends of its value"
    of_secret = f"spark.own.password: {lost}, as it is a secret"
    command = build_command(request_for("linux", **own), "linux")
    assert command.warnings == (of_secret,)
    assert "spark.own.separator=; " in command.argv
    assert build_command(request_for("win32", **own), "win32").warnings == (
        f"spark.own.password: {lost} on Windows",
        f"spark.own.separator: {lost} on Windows",
    )
    assert build_command(request_for("win32", **MASTERS[where]), "win32").warnings == ()
