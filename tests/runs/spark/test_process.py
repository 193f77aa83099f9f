from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import psutil
import pytest

from orch_dagster.settings import REPOSITORY
from orch_dagster.spark.process import Limits, ProcessEnd, Surroundings, run_supervised
from orch_dagster.toolchain.errors import CommandStartError, SupervisorError
from tests.runs.spark.conftest import MARK, Bench, Program
from tests.waiting import wait_until

ROOT = REPOSITORY
pytestmark = pytest.mark.usefixtures("own_threads")
posix_only = pytest.mark.skipif(os.name != "posix", reason="signals and sessions of POSIX")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="a child subreaper is Linux's")

# A child and a grandchild in a session of its own; none of them heeds TERM. Prints when all are up.
STUBBORN = """
    import os, signal, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(write, b"x")
        signal.pause()
    os.read(read, 1)
    print("up", flush=True)
    signal.pause()
"""


_LIMITS = {each.name for each in fields(Limits)}


class Run:
    """`run_supervised` with what most tests want."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.stop = threading.Event()

    def __call__(self, command: Program, **options: object) -> ProcessEnd:
        limits = {"timeout_s": 60.0, "grace_s": 0.5}
        limits |= {name: options.pop(name) for name in [*options] if name in _LIMITS}
        given = {"on_line": self.lines.append, "stop": self.stop, **options}
        return run_supervised(command, limits=Limits(**limits), **given)  # type: ignore[arg-type]


@pytest.fixture
def run() -> Run:
    return Run()


def test_output_of_both_streams_arrives_in_order_and_the_code_is_the_commands(
    bench: Bench, run: Run
) -> None:
    end = run(
        bench.python(
            """
            import sys
            print("one", flush=True)
            print("two", file=sys.stderr, flush=True)
            sys.stdout.write("three\\r\\nno end of line")
            sys.stdout.flush()
            sys.exit(3)
            """
        )
    )
    assert run.lines == ["one", "two", "three", "no end of line"]
    assert (end.exit_code, end.reason) == (3, "exited")
    assert end.tail == "one\ntwo\nthree\nno end of line"
    assert 0 < end.duration_s < 30
    bench.assert_nothing_left()


def test_lines_arrive_while_the_command_runs(bench: Bench, run: Run) -> None:
    program = bench.python("import sys; print('first', flush=True); sys.stdin.read(); input()")
    waiting = bench.python("import time; print('first', flush=True); time.sleep(300)")

    def stop_at_first(line: str) -> None:
        run.lines.append(line)
        run.stop.set()

    assert run(waiting, on_line=stop_at_first).reason == "stopped"
    # Its stdin is empty, never the control pipe.
    run.stop.clear()
    end = run(program)
    assert "EOFError" in end.tail


@posix_only
def test_death_by_a_signal_is_128_and_its_number(bench: Bench, run: Run) -> None:
    program = bench.python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert run(program).exit_code == 137


@pytest.mark.parametrize("code", [126, 127])
def test_codes_of_the_supervisors_own_errors_are_the_commands_if_it_ends_so(
    bench: Bench, run: Run, code: int
) -> None:
    assert run(bench.python(f"raise SystemExit({code})")).exit_code == code


def test_a_command_that_is_not_there_is_named(run: Run, tmp_path: Path) -> None:
    missing = str(tmp_path / "no-such-program")
    with pytest.raises(CommandStartError, match="no-such-program can't be started") as caught:
        run(Program((missing,)))
    assert caught.value.program == missing


@posix_only
def test_a_command_that_may_not_be_run_and_a_missing_folder_are_named(
    run: Run, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.txt"
    plain.write_text("not a program")
    with pytest.raises(CommandStartError, match="Permission denied"):
        run(Program((str(plain),)))
    with pytest.raises(CommandStartError, match="gone"):
        run(Program((sys.executable,)), surroundings=Surroundings(cwd=tmp_path / "gone"))


@linux_only
def test_timeout_ends_a_tree_that_ignores_term_and_made_its_own_session(
    bench: Bench, run: Run
) -> None:
    end = run(bench.python(STUBBORN), timeout_s=6.0)
    assert (end.reason, end.exit_code) == ("timeout", 137)
    assert run.lines == ["up"]
    assert end.duration_s < 60
    bench.assert_nothing_left()


@linux_only
def test_stop_ends_a_tree_even_if_it_is_frozen(bench: Bench, run: Run) -> None:
    def freeze(line: str) -> None:
        for process in bench.strays():
            if "supervisor.py" not in " ".join(process.cmdline()):
                process.suspend()
        run.stop.set()

    end = run(bench.python(STUBBORN), on_line=freeze)
    assert end.reason == "stopped"
    bench.assert_nothing_left()


@posix_only
def test_term_comes_first_and_is_given_its_grace(bench: Bench, run: Run) -> None:
    program = bench.python(
        """
        import signal, sys
        def leave(*_):
            print("cleaned up", flush=True)
            sys.exit(5)
        signal.signal(signal.SIGTERM, leave)
        print("up", flush=True)
        signal.pause()
        """
    )

    def stop(line: str) -> None:
        run.lines.append(line)
        run.stop.set()

    end = run(program, on_line=stop, grace_s=30.0)
    assert run.lines == ["up", "cleaned up"]
    assert (end.reason, end.exit_code) == ("stopped", 5)
    assert end.duration_s < 20


@linux_only
def test_what_a_command_leaves_behind_is_ended_when_it_ends(bench: Bench, run: Run) -> None:
    program = bench.python(STUBBORN.replace('print("up", flush=True)\n    signal.pause()', ""))
    end = run(program)
    assert (end.exit_code, end.reason) == (0, "exited")
    bench.assert_nothing_left()


def test_an_exception_of_the_reader_ends_the_tree_and_goes_on(bench: Bench, run: Run) -> None:
    def fail(line: str) -> None:
        raise ValueError(f"can't take {line}")

    program = bench.python("while True: print('y' * 1000, flush=True)")
    with pytest.raises(ValueError, match="can't take"):
        run(program, on_line=fail)
    bench.assert_nothing_left()


@posix_only
@pytest.mark.usefixtures("own_signals")
def test_an_interrupt_of_the_waiting_thread_ends_the_tree(bench: Bench, run: Run) -> None:
    # Python may run the handler only in the main thread, which is this one.
    program = bench.python(
        """
        import os, signal, sys
        print("up", flush=True)
        os.kill(int(sys.argv[1]), signal.SIGINT)
        signal.pause()
        """,
        str(os.getpid()),
    )
    with pytest.raises(KeyboardInterrupt):
        run(program)
    bench.assert_nothing_left()


def test_output_of_200_mb_leaves_memory_flat(bench: Bench, run: Run) -> None:
    program = bench.python(
        """
        import sys
        line = b"x" * 999 + b"\\n"
        for _ in range(200):
            sys.stdout.buffer.write(line * 1000)
        sys.stdout.buffer.write(b"z" * 5_000_000 + b"\\nlast\\n")
        """
    )
    me = psutil.Process()
    size, most, longest = 0, 0, 0
    before = me.memory_info().rss

    def count(line: str) -> None:
        nonlocal size, most, longest
        size += len(line) + 1
        longest = max(longest, len(line))
        if size % 1_000_000 < 1000:
            most = max(most, me.memory_info().rss)

    end = run(program, on_line=count, tail_lines=3, tail_bytes=2000)
    assert size >= 205_000_000
    assert longest == 64 * 1024
    assert most - before < 30_000_000
    assert len(end.tail) <= 2000
    assert end.tail.endswith("last")


def test_several_at_once_do_not_hold_one_another(bench: Bench) -> None:
    """Each ends in its own time: no sibling holds the pipes of another."""
    runs = [Run() for _ in range(6)]
    program = bench.python(
        """
        import sys
        print(sys.argv[1], flush=True)
        if sys.argv[1] != "0":
            import signal
            signal.pause() if hasattr(signal, "pause") else input()
        """
    )

    def go(number: int) -> ProcessEnd:
        return runs[number](Program((*program.argv, str(number)), program.env))

    with ThreadPoolExecutor(6) as pool:
        ends = [pool.submit(go, number) for number in range(6)]
        assert ends[0].result(timeout=30).exit_code == 0
        for number in range(5, 0, -1):
            wait_until(lambda n=number: runs[n].lines == [str(n)], f"output of {number}")
            assert not ends[number].done()
            runs[number].stop.set()
            assert ends[number].result(timeout=30).reason == "stopped"
    bench.assert_nothing_left()


@linux_only
def test_kill_of_the_orchestrator_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    secrets, messages = tmp_path / "job.properties", tmp_path / "job.messages.jsonl"
    secrets.touch()
    messages.touch()
    warehouse = tmp_path / "job.warehouse"
    (warehouse / "t").mkdir(parents=True)
    driver = bench.python(
        f"""
        import pathlib, sys, threading
        sys.path.insert(0, {str(ROOT)!r})
        from orch_dagster.spark.process import Limits, Surroundings, run_supervised
        class Program:
            argv = [sys.executable, sys.argv[1]]
            env = {{}}
        run_supervised(Program, on_line=lambda line: print(line, flush=True), limits=Limits(None),
                       stop=threading.Event(), surroundings=Surroundings(
                           remove=pathlib.Path(sys.argv[2]), unread=pathlib.Path(sys.argv[3]),
                           folders=[pathlib.Path(sys.argv[4])]))
        """,
        bench.python(STUBBORN).argv[1],
        str(secrets),
        str(messages),
        str(warehouse),
    )
    orchestrator = subprocess.Popen(
        driver.argv, env={**os.environ, **driver.env}, stdout=subprocess.PIPE
    )
    assert orchestrator.stdout is not None
    assert orchestrator.stdout.readline() == b"up\n"
    assert secrets.exists()
    assert len(bench.strays()) == 5  # it, the supervisor, and three of the command
    orchestrator.kill()
    orchestrator.wait()
    orchestrator.stdout.close()
    bench.assert_nothing_left(timeout_s=60)
    assert not secrets.exists()
    assert not messages.exists()
    assert not warehouse.exists()


@linux_only
def test_a_forked_sibling_that_holds_the_control_pipe_does_not_keep_the_tree(
    bench: Bench,
) -> None:
    """The fork survives the orchestrator with a copy of the pipe, so the pipe never ends."""
    driver = bench.python(
        f"""
        import os, signal, sys, threading
        sys.path.insert(0, {str(ROOT)!r})
        from orch_dagster.spark.process import Limits, run_supervised
        class Program:
            argv = [sys.executable, sys.argv[1]]
            env = {{}}
        def fork(line):
            if os.fork() == 0:
                os.environ.clear()
                signal.pause()
            print("forked", flush=True)
        run_supervised(Program, on_line=fork, limits=Limits(None), stop=threading.Event())
        """,
        bench.python(STUBBORN).argv[1],
    )
    orchestrator = subprocess.Popen(
        driver.argv, env={**os.environ, **driver.env}, stdout=subprocess.PIPE
    )
    assert orchestrator.stdout is not None
    assert orchestrator.stdout.readline() == b"forked\n"
    fork = next(
        p
        for p in psutil.Process(orchestrator.pid).children()
        if "supervisor" not in " ".join(p.cmdline())
    )
    orchestrator.kill()
    orchestrator.wait()
    orchestrator.stdout.close()
    wait_until(lambda: bench.strays() == [fork], "the end of all but the fork", 60)
    fork.kill()


def _supervisors() -> list[psutil.Process]:
    """The supervisors that this process has started; an ended child has no command line."""
    return [
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and "supervisor.py" in " ".join(child.cmdline())
    ]


@linux_only
def test_a_killed_supervisor_is_an_unknown_end_and_takes_the_command_along(
    bench: Bench, run: Run
) -> None:
    def kill_supervisor(line: str) -> None:
        for process in _supervisors():
            process.kill()

    program = bench.python("import signal; print('up', flush=True); signal.pause()")
    with pytest.raises(SupervisorError, match="unknown"):
        run(program, on_line=kill_supervisor)
    bench.assert_nothing_left(timeout_s=5)


@linux_only
def test_sigterm_to_the_supervisor_ends_the_tree(bench: Bench, run: Run) -> None:
    def terminate(line: str) -> None:
        for process in _supervisors():
            process.send_signal(signal.SIGINT)
            process.terminate()

    end = run(bench.python(STUBBORN), on_line=terminate)
    assert end.reason == "stopped"
    bench.assert_nothing_left()


def test_a_command_that_closes_its_output_is_still_waited_for_and_stopped(
    bench: Bench, run: Run
) -> None:
    program = bench.python(
        """
        import os, sys, threading
        print("up", flush=True)
        os.close(1)
        os.close(2)
        threading.Event().wait(300)
        """
    )
    started = time.monotonic()
    end = run(program, timeout_s=1.5)
    assert end.reason == "timeout"
    assert time.monotonic() - started < 60
    assert MARK in program.env
