"""Values of Spark's properties that no application starts with."""

from __future__ import annotations

import pytest

from orch_dagster.control.records import SysParam
from orch_dagster.control.sys_params import SysParamFault, system_fault
from orch_dagster.toolchain.spark_values import value_fault

NOT_A_SIZE = "not a size such as 4g or 512m"


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("spark.executor.memory", "4 g", NOT_A_SIZE),
        ("spark.executor.memory", "1.5g", NOT_A_SIZE),
        ("spark.executor.memory", "4gib", NOT_A_SIZE),
        ("spark.executor.memory", "lots", NOT_A_SIZE),
        ("spark.executor.memory", "-4g", NOT_A_SIZE),
        ("spark.driver.memory", "4gb", f"{NOT_A_SIZE}, as Java reads it"),
        ("spark.driver.memory", " 4g", f"{NOT_A_SIZE}, as Java reads it"),
        ("spark.driver.memory", "4096", "which Java reads as bytes: write 4096m"),
        ("spark.executor.cores", "2.0", "not a whole number such as 4"),
        ("spark.sql.shuffle.partitions", "two", "not a whole number such as 4"),
        ("spark.sql.ansi.enabled", "yes", "not true or false"),
        ("spark.executor.memory", "", NOT_A_SIZE),
        ("spark.sql.session.timeZone", "", "not a time zone such as Europe/Berlin"),
        ("spark.sql.session.timeZone", "Europe/Viena", "not a time zone such as Europe/Berlin"),
    ],
)
def test_a_value_that_no_application_starts_with_is_refused_in_a_given_row(
    name: str, value: str, fault: str
) -> None:
    found = system_fault(SysParam(name, "DEV", "*", value, "spark"))
    reason = f"param_value: {name} is {value!r}, {fault}"
    # In cluster mode Spark itself reads the driver's memory, and takes what it takes elsewhere.
    is_refused = name != "spark.driver.memory"
    assert found == SysParamFault("param_value", reason, is_warning=True, is_tolerated=is_refused)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("spark.executor.memory", ["4g", " 4GB ", "512", "1t", "1024kb", "3b"]),
        ("spark.driver.memory", ["4g", "512M", "4294967296", ""]),
        ("spark.sql.autoBroadcastJoinThreshold", ["-1", "10m"]),
        ("spark.driver.maxResultSize", ["-1", "0", "2g"]),
        ("spark.executor.cores", ["4", " 4 ", "+4", "00000000000004", "-1"]),
        ("spark.executor.memory", ["${spark.driver.memory}"]),
        ("spark.hadoop.fs.s3a.committer.magic.enabled", ["yes"]),
        ("spark.sql.ansi.enabled", ["true", "FALSE "]),
        (
            "spark.sql.session.timeZone",
            ["UTC", "Europe/Vienna", "+01:00", "GMT+8", "CST", "Z", "+1:5"],
        ),
        ("spark.hadoop.fs.x.enabled", ["maybe"]),
        ("spark.myapp.enabled", ["maybe"]),
    ],
)
def test_values_that_spark_takes(name: str, values: list[str]) -> None:
    assert [value for value in values if value_fault(name, value)] == []


@pytest.mark.parametrize(
    ("key", "type_", "reason", "is_tolerated"),
    [
        ("spark.executor.memory", None, "so the row has no effect; write spark", True),
        ("retry.max", "", "so the row has no effect; write system", True),
        ("own.key", None, "so the row has no effect; known: spark, system, secret", False),
    ],
)
def test_a_missing_param_type(key: str, type_: str | None, reason: str, is_tolerated: bool) -> None:
    found = system_fault(SysParam(key, "DEV", "*", "1", type_))
    assert found == SysParamFault(
        "param_type", f"param_type is missing, {reason}", is_warning=True, is_tolerated=is_tolerated
    )


def test_a_property_of_spark_among_the_settings_is_told_its_type() -> None:
    found = system_fault(SysParam("spark.executor.memory", "DEV", "*", "4g", "system"))
    assert found == SysParamFault(
        "param_type", "spark.executor.memory is a property of Spark: write param_type spark"
    )


@pytest.mark.parametrize("value", ["a ", " a", "\ta", "a\t", "  "])
def test_ends_that_a_file_of_properties_loses_are_a_warning_where_one_is_used(value: str) -> None:
    name, secret = "spark.orch.separator", "spark.orch.password"
    lost = "Spark drops the spaces and tabs at the ends of its value"

    def fault(name: str, platform: str, value: str = value) -> SysParamFault | None:
        return system_fault(SysParam(name, "DEV", "*", value, "spark"), platform=platform)

    on_windows = SysParamFault("param_value", f"{name}: {lost} on Windows", is_warning=True)
    assert fault(name, "win32") == on_windows
    assert fault(name, "linux") is None
    assert fault(name, "win32", "a b\nc\n") is None
    if value.strip():
        of_secret = SysParamFault("param_value", f"{secret}: {lost}, as it is a secret", True)
        assert fault(secret, "linux") == of_secret


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("spark.executor.memory", "4g "),
        ("spark.sql.ansi.enabled", "true "),
        ("spark.driver.extraJavaOptions", "-Dx=y "),
        ("spark.jars", "C:/a.jar, "),
    ],
)
def test_ends_that_mean_nothing_are_no_warning(name: str, value: str) -> None:
    assert system_fault(SysParam(name, "DEV", "*", value, "spark"), platform="win32") is None
