"""The supervisor as the program it is; most of it is tested through test_process.py."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orch_dagster.spark import supervisor, windows_job
from tests.runs.spark.conftest import Bench
from tests.waiting import wait_until

posix_only = pytest.mark.skipif(os.name != "posix", reason="signals and groups of POSIX")
PROGRAM = [sys.executable, "-I", "-S", supervisor.__file__]


def supervised(*arguments: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen([*PROGRAM, *arguments], stdin=pipe, stdout=pipe, stderr=pipe)


def test_it_tells_the_commands_end_apart_from_its_output() -> None:
    code = "import sys; print('out'); sys.stderr.write('err'); sys.exit(7)"
    process = supervised("--", sys.executable, "-u", "-c", code)
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        assert process.stdout.read().split() == [b"out", b"err"]
        said = json.loads(process.stderr.read())
    assert said == {"ended": "exited", "exit_code": 7, "left": []}
    assert process.returncode == 7


def test_a_command_that_cannot_be_started_is_said_to_be_so() -> None:
    out, err = supervised("--", "/no/such/program").communicate()
    said = json.loads(err)
    assert (out, said["ended"], said["exit_code"]) == (b"", "not_started", 127)
    assert "/no/such/program" in said["error"]


@pytest.mark.parametrize("program", [sys.executable, "/no/such/program"])
def test_what_is_to_remove_is_gone_afterwards(tmp_path: Path, program: str) -> None:
    file, unread = tmp_path / "job.properties", tmp_path / "job.messages.jsonl"
    folder = tmp_path / "job.warehouse"
    (folder / "t").mkdir(parents=True)
    (folder / "t" / "part-0").touch()
    file.touch()
    unread.touch()
    for _ in range(2):
        # Again where it is not there: somebody else was faster.
        options = (f"--remove={file}", f"--folder={folder}", f"--unread={unread}")
        _, err = supervised(*options, "--", program, "--version").communicate()
        assert "ended" in json.loads(err)
        assert not file.exists()
        assert not folder.exists()
    # Who started it reads it yet.
    assert unread.exists()


@pytest.mark.parametrize("order", [b"stop\n", b""])
def test_a_line_and_an_end_of_the_control_pipe_stop_it(bench: Bench, order: bytes) -> None:
    program = bench.python("import threading; print('up', flush=True); threading.Event().wait(300)")
    process = supervised("--grace", "1", "--", *program.argv)
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stderr is not None
    with process:
        assert process.stdout.readline().strip() == b"up"
        process.stdin.write(order)
        if order:
            process.stdin.flush()
        else:
            process.stdin.close()
        said = json.loads(process.stderr.read())
    assert said["ended"] == "stopped"
    assert said["left"] == []


@posix_only
def test_the_command_gets_the_usual_signal_handling() -> None:
    """What a parent ignores its children ignore too: the command must not inherit that."""
    code = "import signal; print(signal.getsignal(signal.SIGINT).__name__)"
    process = supervised("--", sys.executable, "-c", code)
    assert process.stdout is not None
    with process:
        assert process.stdout.read().strip() == b"default_int_handler"


@posix_only
def test_process_group_is_seen_and_ended_as_a_whole(bench: Bench) -> None:
    """What macOS relies on."""
    program = bench.python(
        """
        import os, signal
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        read, write = os.pipe()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.write(write, b"x")
        else:
            os.read(read, 1)
            print("up", flush=True)
        signal.pause()
        """
    )
    environ = {**os.environ, **program.env}
    leader = subprocess.Popen(
        program.argv, env=environ, start_new_session=True, stdout=subprocess.PIPE
    )
    assert leader.stdout is not None
    assert leader.stdout.readline() == b"up\n"
    tree = supervisor.GroupTree(leader.pid)
    assert tree.running() == [leader.pid]
    tree.send(signal.SIGTERM)
    assert leader.wait() == -signal.SIGTERM
    assert tree.running() == [leader.pid]
    tree.send(signal.SIGKILL)
    wait_until(lambda: not tree.running(), "the end of the group")
    tree.send(signal.SIGKILL)
    leader.stdout.close()
    bench.assert_nothing_left()


def test_codes_of_signals() -> None:
    assert [supervisor.shell_code(code) for code in (0, 3, -9, -15)] == [0, 3, 137, 143]


@pytest.mark.skipif(ctypes.sizeof(ctypes.c_void_p) != 8, reason="sizes of 64-bit Windows")
def test_the_job_object_structure_has_the_size_that_windows_expects() -> None:
    assert ctypes.sizeof(windows_job._ExtendedLimits()) == 144
