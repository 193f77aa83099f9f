"""Start the driver's JVM as Spark's script does, without the JVM that puts its command together.

The rules are those of SparkSubmitCommandBuilder in Spark's launcher. Where something changes the
command that is not known here, the script is used.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orch_dagster.spark.java_options import ALL_DRIVER_OPTIONS
from orch_dagster.toolchain.class_data import EXTRA_CLASS_PATH
from orch_dagster.toolchain.find import SparkHome
from orch_dagster.toolchain.spark_values import DRIVER_MEMORY

# Each line of Spark has its own options of Java.
_VERSIONS = ("3.5.8",)
_MODULES = (
    *("java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio"),
    *("java.util", "java.util.concurrent", "java.util.concurrent.atomic", "jdk.internal.ref"),
    *("sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar"),
)
_OPTIONS = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    *(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in _MODULES),
    "--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    "-Djdk.reflect.useDirectMethodHandle=false",
)
_MAIN = "org.apache.spark.deploy.SparkSubmit"
_DEFAULT_MEMORY = "1g"
# Each changes the class path, the libraries or the scripts.
_OTHER_VARIABLES = ("SPARK_DIST_CLASSPATH", "SPARK_PREPEND_CLASSES", "SPARK_TESTING")
_OTHER_PROPERTIES = (EXTRA_CLASS_PATH, "spark.driver.extraLibraryPath")
_OTHER_FILES = ("spark-env.sh", "java-opts")


@dataclass(frozen=True)
class DirectStart:
    """The parts of a driver's command that Spark's script finds on this machine.

    Attributes:
        class_path: The driver's, of folders and of all jars in one.
        submit_options: Java's options in the environment.
        memory: The memory of a driver that names none.
        env: The variables that the script sets.
    """

    class_path: tuple[str, ...]
    submit_options: str = ""
    memory: str = _DEFAULT_MEMORY
    env: Mapping[str, str] = field(default_factory=dict[str, str])


def default_memory(environ: Mapping[str, str]) -> str:
    """Return the memory of a driver for which no property names one."""
    return environ.get("SPARK_DRIVER_MEMORY") or environ.get("SPARK_MEM") or _DEFAULT_MEMORY


def direct_start(
    spark: SparkHome, environ: Mapping[str, str], conf_dir: str = "", *, platform: str
) -> DirectStart | None:
    """Look up what a driver's JVM is started with; None where Spark's script has to do it.

    Args:
        spark: Spark.
        environ: The environment of the script.
        conf_dir: The folder that stands for Spark's own of configuration, '' for that itself.
        platform: This system.
    """
    conf = Path(conf_dir) if conf_dir else spark.conf_dir(environ)
    is_known = (
        platform != "win32"
        and spark.version in _VERSIONS
        and (spark.home / "jars").is_dir()
        and not any(environ.get(name) for name in _OTHER_VARIABLES)
        and not any((conf / name).exists() for name in _OTHER_FILES)
    )
    if not is_known:
        return None
    found = (
        str(conf),
        str(spark.home.absolute() / "jars" / "*"),
        environ.get("HADOOP_CONF_DIR", ""),
        environ.get("YARN_CONF_DIR", ""),
    )
    entries = (entry for each in found for entry in each.split(os.pathsep) if entry)
    return DirectStart(
        tuple(dict.fromkeys(map(_as_folder, entries))),
        environ.get("SPARK_SUBMIT_OPTS", ""),
        default_memory(environ),
        {"SPARK_CONF_DIR": str(conf), "PYTHONHASHSEED": "0"},
    )


def java_command(
    start: DirectStart, java_home: str, properties: Mapping[str, str]
) -> tuple[str, ...] | None:
    """Return the command to which spark-submit's arguments are added; None if the script must.

    Args:
        start: What was looked up.
        java_home: The folder of Java.
        properties: All Spark properties of the driver.
    """
    if any(properties.get(name) for name in _OTHER_PROPERTIES):
        return None
    of_driver = [properties.get(name, "") for name in ALL_DRIVER_OPTIONS]
    # A heap among the options is refused by the script.
    if any("Xmx" in text for text in of_driver):
        return None
    try:
        submit, *driver = (tuple(_words(text)) for text in (start.submit_options, *of_driver))
    except ValueError:
        return None
    return (
        str(Path(java_home) / "bin" / "java"),
        "-cp",
        os.pathsep.join(start.class_path),
        *submit,
        f"-Xmx{properties.get(DRIVER_MEMORY) or start.memory}",
        *(word for words in driver for word in words),
        *_OPTIONS,
        _MAIN,
    )


def _as_folder(entry: str) -> str:
    return f"{entry}{os.sep}" if Path(entry).is_dir() and not entry.endswith(os.sep) else entry


def _words(text: str) -> Iterator[str]:
    """Split options as Spark does.

    Raises:
        ValueError: If a quote is open, or the text has what Spark and Python read differently.
    """
    if "\\" in text or not text.isprintable():
        raise ValueError(text)
    yield from shlex.split(text)
