"""A Windows with Python, Java and the product for tests, under Wine."""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import struct
import subprocess
import termios
import threading
import uuid
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import distribution
from pathlib import Path

import psutil

from orch_dagster.settings import REPOSITORY
from tests.windows_install import made_prefix, wine_environ

_LONGEST_S = 900
# Tests that hold on Windows, but not on this machine, to which the product is copied.
_NOT_HERE = (
    "framework/contract/test_variables.py::test_no_other_module_spells_a_variable",
    "toolchain/test_dagster_version.py::test_this_environment_is_within_the_range_that_it_declares",
    # It has no psycopg.
    "control/test_connect.py::test_an_address_shows_no_password_of_the_query",
    # Its Python makes links, and follows none.
    "test_settings.py::test_links_are_followed",
)
_PRODUCT = (
    "orch_dagster",
    "jobs",
    "hql",
    "workspace.yaml",
    "dagster.yaml",
    "pyproject.toml",
    "README.md",
    "Makefile",
    "bench",
    "docs",
    "examples",
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
            **wine_environ(self._prefix),
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

    def python(
        self, *words: str, folder: str, longest_s: float = _LONGEST_S, **environ: str
    ) -> tuple[int, str]:
        """Run a Python; return its exit code and what it said."""
        process = self.start_python(*words, folder=folder, **environ)
        said, _ = process.communicate(timeout=longest_s)
        return process.returncode, said

    def check_units(self, paths: Sequence[str], longest_s: float = _LONGEST_S) -> None:
        """Run unit tests of the product there; what can't hold on Windows is skipped."""
        # As in CI no example has a deadline.
        options = ["-q", "-p", "no:cacheprovider", "--hypothesis-profile=ci", "-m", "not spark"]
        options += [word for test in _NOT_HERE for word in ("--deselect", f"tests/unit/{test}")]
        words = ("-m", "pytest", *options, *paths)
        # With it the tests' start makes no archive of classes.
        environ = {"SPARK_SUBMIT_OPTS": "-Dorch=tests", "PYTHONUTF8": "1"}
        code, said = self.python(*words, folder="orch", longest_s=longest_s, **environ)
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
        return code, self.shown()

    def shown(self) -> str:
        """Return what has been written to the screen."""
        return self._shown.decode(errors="replace")

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
    machine = WindowsMachine(made_prefix(), f"run-{uuid.uuid4().hex[:8]}")
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
