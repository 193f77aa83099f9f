"""Unit tests on Windows, and the end of a supervised tree: no Spark is needed for these."""

from __future__ import annotations

import shutil

import psutil
import pytest

from tests.waiting import wait_until
from tests.windows_machine import WindowsMachine

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("wine") is None, reason="wine is not installed"),
]

UNITS = (
    "tests/unit/framework/storage/test_windows_files.py",
    "tests/unit/framework/test_channel.py",
    "tests/unit/framework/test_errors.py",
    "tests/unit/framework/test_hql_text.py",
    "tests/unit/framework/test_landing_settings.py",
    "tests/unit/framework/test_logging.py",
    "tests/unit/toolchain",
)
# A process and its child, both with a file of the folder open.
TREE = """
import subprocess, sys, time

file = open(sys.argv[1] + str(len(sys.argv)), "w+")
if len(sys.argv) == 2:
    subprocess.Popen([sys.executable, __file__, sys.argv[1], "child"])
else:
    print("both are up", flush=True)
time.sleep(600)
"""


def test_the_unit_tests_hold(machine: WindowsMachine) -> None:
    """None of those that hold on Windows alone may be skipped there."""
    machine.check_units(UNITS)


@pytest.mark.parametrize("victim", ["told", "killed"])
def test_a_supervisor_ends_its_tree_and_then_removes_its_files(
    machine: WindowsMachine, victim: str
) -> None:
    folder = machine.path(f"files of {victim}")
    folder.mkdir()
    machine.path("tree.py").write_text(TREE, encoding="utf-8")
    inside = f"{machine.folder}\\{folder.name}"
    words = [
        "-I", "-S", f"{machine.folder}\\orch\\orch_dagster\\spark\\supervisor.py",
        f"--folder={inside}", "--", r"C:\py\python.exe", f"{machine.folder}\\tree.py",
        f"{inside}\\held",
    ]  # fmt: skip
    process = machine.start_python(*words, folder="orch")
    assert process.stdout is not None
    assert process.stdin is not None
    assert "both are up" in process.stdout.readline()
    if victim == "told":
        process.stdin.write("stop\n")
        process.stdin.flush()
        assert process.stdout.read().strip() == '{"ended": "stopped", "exit_code": 143, "left": []}'
        assert not folder.exists()
    else:
        supervisors = [p for p in machine.processes() if "supervisor.py" in " ".join(p.cmdline())]
        for each in {*supervisors, psutil.Process(process.pid)}:
            each.kill()
    process.communicate()
    wait_until(lambda: not machine.processes(), "no process left", 60)
