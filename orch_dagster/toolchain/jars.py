"""Fetch files from Maven repositories by the Ivy in Spark's jars, so that no mvn is needed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orch_dagster.files import make_private, put_in_place, scratch_folder
from orch_dagster.toolchain.errors import JarError
from orch_dagster.toolchain.find import find_java, find_spark, read_spark_defaults
from orch_dagster.toolchain.shell_words import unset_text

KUDU_VERSION = "1.18.1"
KUDU_JAR_VARIABLE = "ORCH_KUDU_JAR"

_FETCH_TIMEOUT_S = 600.0
_PROBLEM = re.compile(r"UNRESOLVED|FAILED|ERROR|not found|refused|timed out|unknown host", re.I)


@dataclass(frozen=True)
class Artifact:
    """A jar by its Maven coordinates.

    Attributes:
        group: The groupId, such as org.apache.kudu.
        name: The artifactId, such as kudu-binary.
        version: The version, such as 1.18.1.
        classifier: The classifier, such as linux-x86_64, or None.
    """

    group: str
    name: str
    version: str
    classifier: str | None = None

    @property
    def file_name(self) -> str:
        """The name that Maven gives the file."""
        return "-".join(filter(None, (self.name, self.version, self.classifier))) + ".jar"

    @property
    def coordinates(self) -> str:
        """The coordinates in Maven's notation."""
        return ":".join(filter(None, (self.group, self.name, self.version, self.classifier)))


# Holds Kudu's Java client, shaded, beside Spark's connector.
KUDU_SPARK = Artifact("org.apache.kudu", "kudu-spark3_2.12", KUDU_VERSION)
# Kudu's own daemons, for Linux on x86-64 only.
KUDU_BINARY = Artifact("org.apache.kudu", "kudu-binary", KUDU_VERSION, "linux-x86_64")


def kudu_jar(home: Path, environ: Mapping[str, str]) -> Path:
    """Return the jar of Kudu's client and connector: ORCH_KUDU_JAR, else fetched once for a home.

    Raises:
        JarError: If ORCH_KUDU_JAR is not a file, or the jar can't be fetched.
        SparkError: If Java or Spark, which fetch it, is missing.
    """
    chosen = environ.get(KUDU_JAR_VARIABLE, "").strip()
    if not chosen:
        return fetch_artifact(KUDU_SPARK, jars_dir(home), environ)
    path = Path(chosen).expanduser()
    if not path.is_file():
        raise JarError(
            f"{KUDU_JAR_VARIABLE} is {chosen}, and no file is there: point it at "
            f"{KUDU_SPARK.file_name}, or {unset_text(KUDU_JAR_VARIABLE)} and the jar is fetched"
        )
    return path


def jars_dir(home: Path) -> Path:
    """Return the folder of a home's fetched jars."""
    return home / ".orch" / "jars"


def fetch_artifact(artifact: Artifact, folder: Path, environ: Mapping[str, str]) -> Path:
    """Fetch an artifact into a folder, unless the folder has it.

    It comes from Maven Central, or from the repositories of spark.jars.ivySettings in
    spark-defaults.conf.

    Raises:
        JarError: If it can't be fetched.
        SparkError: If Java or Spark, which fetch it, is missing.
    """
    path = folder / artifact.file_name
    if path.is_file():
        return path
    by_hand = (
        f"if Maven Central can't be reached, name a mirror by spark.jars.ivySettings in "
        f"spark-defaults.conf, or put {artifact.file_name} into {folder}"
    )
    java, spark = find_java(environ), find_spark(environ)
    ivy = next(iter(sorted((spark.home / "jars").glob("ivy-*.jar"))), None)
    if ivy is None:
        raise JarError(f"{spark.home / 'jars'} has no ivy-*.jar to fetch jars with; {by_hand}")
    make_private(folder)
    with scratch_folder(folder, ".fetch-") as scratch:
        module = scratch / "ivy.xml"
        module.write_text(_ivy_module(artifact), encoding="utf-8")
        command = [str(java.home / "bin" / "java"), "-jar", str(ivy), "-ivy", str(module)]
        pattern = "[artifact]-[revision](-[classifier]).[ext]"
        command += ["-confs", "default", "-retrieve", f"{scratch.as_posix()}/{pattern}"]
        if settings := read_spark_defaults(spark, environ).get("spark.jars.ivySettings"):
            command += ["-settings", settings]
        if problem := _run_ivy(command):
            raise JarError(f"{artifact.coordinates} could not be fetched ({problem}); {by_hand}")
        # Atomic, as two processes may fetch the same file at once.
        put_in_place(scratch / artifact.file_name, path)
    return path


def _ivy_module(artifact: Artifact) -> str:
    # Here, as it loads urllib and http, which no run needs.
    from xml.sax.saxutils import quoteattr

    name = quoteattr(artifact.name)
    classifier = f" m:classifier={quoteattr(artifact.classifier)}" if artifact.classifier else ""
    return (
        '<ivy-module version="2.0" xmlns:m="http://ant.apache.org/ivy/maven">\n'
        '  <info organisation="orch_dagster" module="fetch"/>\n'
        '  <configurations><conf name="default"/></configurations>\n'
        "  <dependencies>\n"
        f'    <dependency org={quoteattr(artifact.group)} name={name} rev="{artifact.version}" '
        'transitive="false" conf="default->master">\n'
        f'      <artifact name={name} type="jar" ext="jar"{classifier}/>\n'
        "    </dependency>\n"
        "  </dependencies>\n"
        "</ivy-module>\n"
    )


def _run_ivy(command: list[str]) -> str | None:
    """Run Ivy; return what went wrong, or None."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_FETCH_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    lines = (done.stdout + done.stderr).decode(errors="replace").splitlines()
    problems = [line.strip(" :\t") for line in lines if _PROBLEM.search(line)]
    return "; ".join(dict.fromkeys(problems[:4])) or f"exit code {done.returncode}"
