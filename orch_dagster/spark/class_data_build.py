"""Build the class-data archive of a home: run a landing whose JVM archives what it loaded."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from framework.contract.variables import HADOOP_CONF_DIRS
from orch_dagster.files import os_fault
from orch_dagster.spark.command import SubmitCommand
from orch_dagster.spark.process import Command, Limits, Surroundings, run_supervised
from orch_dagster.spark.system_paths import quoted_option
from orch_dagster.toolchain.class_data import (
    ARCHIVE,
    BASE_ARCHIVE,
    OPTION,
    OWN_OPTIONS,
    DriverClasses,
    building_folder,
    publish,
)
from orch_dagster.toolchain.errors import ClassDataError
from orch_dagster.toolchain.find import JavaHome, SparkHome, java_program

_OPTIONS = "SPARK_SUBMIT_OPTS"
_NEEDED_BYTES = 400_000_000
_LANDING_S = 1800.0
_CHECK_S = 600.0
_PROOF = "org.apache.spark.deploy.SparkSubmit source: shared objects file (top)"

Training = Callable[[Path, str, Mapping[str, str]], Command]
"""Builds the command of a landing in a home of its own, its driver with more Java options."""


def build_class_data(
    state_dir: Path,
    java: JavaHome,
    spark: SparkHome,
    classes: DriverClasses,
    training: Training,
    environ: Mapping[str, str] = os.environ,
) -> Path:
    """Build the archive in a folder of its own, prove that a JVM takes it, and publish it.

    Returns:
        The folder of the archive.

    Raises:
        ClassDataError: If it can't be built; what the home had stays.
    """
    if classes.fault:
        raise ClassDataError(f"no archive can be built: {classes.fault}")
    try:
        built = building_folder(state_dir)
    except OSError as error:
        raise ClassDataError(f"no archive can be built: {os_fault(error)}") from error
    try:
        _require_space(built)
        files = _build(built, java, spark, classes, training, _plain(environ, classes))
        return publish(state_dir, files, classes)
    except OSError as error:
        raise ClassDataError(f"no archive was built: {os_fault(error)}") from error
    finally:
        shutil.rmtree(built, ignore_errors=True)


def _build(
    built: Path,
    java: JavaHome,
    spark: SparkHome,
    classes: DriverClasses,
    training: Training,
    environ: Mapping[str, str],
) -> Path:
    files, work = built / "files", built / "work"
    files.mkdir()
    work.mkdir()
    archive = files / ARCHIVE
    options = [quoted_option(f"-XX:ArchiveClassesAtExit={archive}"), "-Xlog:cds=off"]
    options.append("-Xlog:cds+dynamic=off")
    used = [archive]
    if not classes.has_base:
        base = files / BASE_ARCHIVE
        _ran(java, ["-Xshare:dump", f"{OPTION}{base}"], work, environ, what="Java's own classes")
        options.insert(0, quoted_option(f"{OPTION}{base}"))
        used.insert(0, base)
    end = run_supervised(
        training(work, " ".join(options), environ),
        on_line=_drop,
        stop=threading.Event(),
        limits=Limits(timeout_s=_LANDING_S),
        surroundings=Surroundings(environ=environ, cwd=work),
    )
    if end.exit_code or end.reason != "exited" or not archive.is_file():
        how = f"took over {_LANDING_S:.0f} s" if end.reason == "timeout" else "failed"
        raise ClassDataError(
            f"no archive was built: the landing from which it is made {how} "
            f"(exit code {end.exit_code}); the end of its output:\n{_end_of(end.tail)}"
        )
    _prove(used, java, spark, work, environ)
    return files


def _prove(
    files: list[Path], java: JavaHome, spark: SparkHome, work: Path, environ: Mapping[str, str]
) -> None:
    """Have a driver verify and use the archive, as one that was cut short makes it crash."""
    options = [quoted_option(OPTION + os.pathsep.join(map(str, files)))]
    options += ["-XX:+VerifySharedSpaces", "-Xlog:class+load"]
    given = environ.get(_OPTIONS, "")
    variables = {
        **environ,
        "SPARK_HOME": str(spark.home),
        "JAVA_HOME": str(java.home),
        _OPTIONS: " ".join([given, *options]).strip(),
    }
    command = [str(spark.submit), "--version"]
    output = output_of(command, work, variables, what="the archive that was built")
    if _PROOF not in output:
        raise ClassDataError(
            "no archive was built: a driver does not take the one that was written; the end of its "
            f"output:\n{_end_of(output)}"
        )


def _ran(
    java: JavaHome, options: list[str], work: Path, environ: Mapping[str, str], *, what: str
) -> None:
    output_of([str(java_program(java.home)), *options], work, environ, what=what)


def output_of(argv: Sequence[str], work: Path, environ: Mapping[str, str], *, what: str) -> str:
    """Run a command to its end under the supervisor, and return its output.

    The supervisor gives Spark's scripts for Windows a folder for temporary files that they can
    name, and a code page that they share with Java.

    Args:
        argv: The command.
        work: Its working folder.
        environ: Its environment.
        what: What it is run with, for the error.

    Raises:
        ClassDataError: If it fails or takes too long.
        SparkError: If it can't be started, or its end is unknown.
    """
    lines: list[str] = []
    end = run_supervised(
        SubmitCommand(argv=tuple(argv), env={}, properties={}, properties_file=""),
        on_line=lines.append,
        stop=threading.Event(),
        limits=Limits(timeout_s=_CHECK_S),
        surroundings=Surroundings(environ=environ, cwd=work),
    )
    if end.reason == "timeout":
        raise ClassDataError(
            f"no archive was built: {argv[0]} took over {_CHECK_S:.0f} s with {what}"
        )
    if end.exit_code:
        raise ClassDataError(
            f"no archive was built: {argv[0]} failed with {what} (exit code {end.exit_code}); the "
            f"end of its output:\n{_end_of(end.tail)}"
        )
    return "\n".join(lines)


def _plain(environ: Mapping[str, str], classes: DriverClasses) -> dict[str, str]:
    """Return the environment of a build, without another archive and Hadoop's configuration."""
    # The JVM can't archive those folders; without the variables none stands behind the jars.
    left_out = {*HADOOP_CONF_DIRS, _OPTIONS}
    plain = {name: value for name, value in environ.items() if name not in left_out}
    words = environ.get(_OPTIONS, "").split()
    if kept := [word for word in words if not word.strip('"').startswith(OWN_OPTIONS)]:
        plain[_OPTIONS] = " ".join(kept)
    if classes.conf_dir:
        plain["SPARK_CONF_DIR"] = classes.conf_dir
    return plain


def _drop(line: str) -> None:
    """Drop a line of the landing; `ProcessEnd.tail` keeps the last ones."""


def _require_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _NEEDED_BYTES:
        raise ClassDataError(
            f"no archive can be built: the disk of {folder.parent} has {free / 1e6:.0f} MB free, "
            f"and a build needs {_NEEDED_BYTES / 1e6:.0f} MB; free space on it"
        )


def _end_of(output: str) -> str:
    return "\n".join(output.splitlines()[-10:])
