"""Options of spark-submit and misspelt properties, as rows of sys_params have them."""

from __future__ import annotations

import pytest

from orch_dagster.control.records import SysParam
from orch_dagster.control.sys_params import SysParamFault, property_fault, system_fault
from orch_dagster.settings import REPOSITORY
from orch_dagster.toolchain.spark_names import SUBMIT_OPTIONS, option_remedy, property_remedy

CLUSTER = (REPOSITORY / "docs" / "cluster.md").read_text(encoding="utf-8")


def fault(name: str, value: str = "1") -> SysParamFault | None:
    return system_fault(SysParam(name, "DEV", "*", value, "spark"))


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("num-executors", "write spark.executor.instances"),
        ("--num-executors", "write spark.executor.instances"),
        ("executor_memory", "write spark.executor.memory"),
        ("executor.memory", "write spark.executor.memory"),
        ("total-executor-cores", "write spark.cores.max"),
        ("queue", "write spark.yarn.queue"),
        ("--principal", "write spark.kerberos.principal"),
        ("packages", "write spark.jars.packages"),
        ("proxy-user", "write proxy.user, with param_type system"),
        ("verbose", "write spark.log.level, which says how much Spark logs"),
        ("executor.memroy", "did you mean spark.executor.memory?"),
        # As other tools and languages spell them.
        ("numExecutors", "write spark.executor.instances"),
        ("deployMode", "write spark.submit.deployMode"),
        ("pyFiles", "write spark.submit.pyFiles"),
        ("proxyUser", "write proxy.user, with param_type system"),
        ("yarn.queue", "write spark.yarn.queue"),
        ("Spark.yarn.queue", "write spark.yarn.queue"),
        ("--conf spark.yarn.queue", "write spark.yarn.queue"),
    ],
)
def test_an_option_of_spark_submit_is_refused_with_its_property(name: str, remedy: str) -> None:
    found = fault(name)
    assert found is not None
    assert not found.is_warning
    start = f"{name} does not begin with 'spark.', so spark-submit would ignore it: "
    assert found.reason == start + remedy


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("spark.num.executors", "write spark.executor.instances"),
        ("spark.num-executors", "write spark.executor.instances"),
        ("spark.queue", "write spark.yarn.queue"),
        # Of which nothing was said: such a job ran in client mode.
        ("spark.deployMode", "write spark.submit.deployMode"),
        ("spark.numExecutors", "write spark.executor.instances"),
        ("spark.yarn.num.executors", "write spark.executor.instances"),
        ("spark.executor.memroy", "did you mean spark.executor.memory?"),
        ("spark.executors.instances", "did you mean spark.executor.instances?"),
        ("spark.dynamicallocation.enabled", "did you mean spark.dynamicAllocation.enabled?"),
        ("spark.sql.shuffle.partition", "did you mean spark.sql.shuffle.partitions?"),
    ],
)
def test_an_unknown_property_is_warned_of_with_the_nearest(name: str, remedy: str) -> None:
    """It may be a connector's or the script's own, so no run is refused."""
    reason = f"{name} is not a property of Spark: {remedy}"
    assert fault(name) == SysParamFault("param_key", reason, is_warning=True)
    assert property_fault(name, "1") is None


@pytest.mark.parametrize(
    "name",
    [
        *filter(None, SUBMIT_OPTIONS.values()), "spark.kudu.master", "spark.hadoop.fs.s3a.acess",
        "spark.executorEnv.PYTHONPAHT", "spark.sql.catalog.lake", "spark.yarn.archive",
        "spark.myapp.mode", "spark.pyspark.driver.python", "spark.log.level",
        "spark.kubernetes.driver.label.x", "spark.mongodb.read.connection.uri",
        "spark.yarn.jars", "spark.yarn.principal", "spark.yarn.dist.files",
    ],
)  # fmt: skip
def test_names_that_are_right_or_not_sparks_are_left_alone(name: str) -> None:
    assert name == "proxy.user" or (option_remedy(name), property_remedy(name)) == (None, None)


@pytest.mark.parametrize("mode", ["client", "cluster"])
def test_the_older_masters_of_yarn_are_refused_with_the_right_spelling(mode: str) -> None:
    found = fault("spark.master", f"yarn-{mode}")
    assert found is not None
    assert not found.is_warning
    assert f"set it to yarn, and spark.submit.deployMode to {mode}" in found.reason


def test_the_page_has_every_option_of_spark_submit() -> None:
    rows = [
        f"| `--{option}` | `{name}` |" for option, name in sorted(SUBMIT_OPTIONS.items()) if name
    ]
    assert [row for row in rows if row not in CLUSTER] == []


@pytest.mark.parametrize(
    ("master", "is_known"),
    [
        ("yarn", True),
        ("local", True),
        ("local[*]", True),
        ("local[*, 3]", True),
        ("local-cluster[2,1,1024]", True),
        ("spark://[::1]:7077", True),
        ("spark://a.b-c:7077,10.0.0.7:7078", True),
        ("k8s://https://api:6443", True),
        # Spark itself takes none of these: without a port a run waited for it, as if it were away.
        ("spark://a", False),
        ("spark://a:7077,b", False),
        ("spark://a:7077, b:7077", False),
        ("spark://my_host:7077", False),
        ("spark://a:7077/", False),
        ("spark://", False),
        ("localhost:7077", False),
        ("local[two]", False),
        ("yarn-client", False),
        ("Yarn", False),
    ],
)
def test_a_master_that_spark_does_not_know_is_refused(master: str, is_known: bool) -> None:
    assert (property_fault("spark.master", master) is None) == is_known


@pytest.mark.parametrize(
    ("tags", "fault"),
    [
        ("", None),
        ("team-a, nightly", None),
        ("a,b,c,d,e,f", None),
        ("a,b,c,d,e,f,g", "may have 6 tags"),
        ("größe", "may have 6 tags"),
        ("x" * 101, "may have 6 tags"),
        # What has it would be ended with each other one that has it.
        ("team-a,Orch-try_1", "has a tag that begins with 'orch-'"),
    ],
)
def test_tags_of_ones_own_leave_room_for_those_of_a_run(tags: str, fault: str | None) -> None:
    found = property_fault("spark.yarn.tags", tags)
    assert found is fault if fault is None else str(found).startswith(fault)
