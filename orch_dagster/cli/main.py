"""The orch command."""

from __future__ import annotations

import errno
import gc
import io
import os
import signal
import sys
import threading

import click
from typing_extensions import override

from orch_dagster.cli.exit_codes import INTERRUPTED
from orch_dagster.cli.groups import CommandGroup, LazyCommand
from orch_dagster.errors import OrchError

_WIDEST_HELP = 120
# With Python's 700 it looks again and again for garbage among what was imported and built, which
# lasts as long as the process.
_NEW_OBJECTS_A_COLLECTION = 50_000

# Modules of commands import the stores, so --help has the sentences from here; a test holds them.
_NEW = "new"
_COMMANDS = {
    _NEW: LazyCommand(
        "new",
        "new",
        "Make a project in FOLDER: folders for jobs, HQL, rows and tests, and its control store.",
    ),
    "init": LazyCommand(
        "setup",
        "init",
        "Create the five control tables, or add their missing columns; drop nothing.",
    ),
    "demo": LazyCommand(
        "demo",
        "demo",
        "Set up the sample, land JOB_1001 for 2024-05-15 with a real spark-submit, and show it.",
    ),
    "sample": LazyCommand(
        "setup",
        "sample",
        "Write sample extracts of GROUP, each a change of the day before.",
    ),
    "plan": LazyCommand(
        "apply",
        "plan",
        "Show what `orch apply` would do with YAML FILES, and what that touches; write nothing.",
    ),
    "apply": LazyCommand(
        "apply", "apply", "Write registry rows from YAML FILES, all of them or none."
    ),
    "rename": LazyCommand(
        "apply",
        "rename",
        "Rename a JOB, given by its name or job_id, wherever the control tables have its name.",
    ),
    "remove": LazyCommand(
        "apply",
        "remove",
        "Remove JOBS, given by name, job_id or group, with their dependencies and settings.",
    ),
    "export": LazyCommand(
        "apply",
        "export",
        "Write the rows of GROUPS, by default all rows, as YAML that `orch apply` reads back.",
    ),
    "jobs": LazyCommand("registry", "jobs", "List the jobs of the registry, parents first."),
    "params": LazyCommand(
        "registry",
        "params",
        "Show the parameters that JOB would get for a date now, without a run.",
    ),
    "open": LazyCommand(
        "open_dates",
        "open_date",
        "Open business dates of GROUP: add their rows of process_control, like the group's newest.",
    ),
    "close": LazyCommand(
        "open_dates",
        "close_date",
        "Close business dates of GROUP: remove their rows of process_control, all of them or none.",
    ),
    "reprocess": LazyCommand(
        "open_dates",
        "reprocess",
        "Request that all jobs of GROUP run open dates again: set their reprocess_dt.",
    ),
    "dates": LazyCommand(
        "dates",
        "dates",
        "Show which business dates the jobs of GROUP, or of all groups, have landed.",
    ),
    "due": LazyCommand(
        "due",
        "due",
        "List the business dates that are due for JOB or a group, by default for all groups, and "
        "why.",
    ),
    "run": LazyCommand(
        "run",
        "run",
        "Run JOB for business dates and wait for it; a group's name runs its whole chain.",
    ),
    "log": LazyCommand("log", "log", "Show execution_log, the newest start first."),
    "recover": LazyCommand(
        "recover",
        "recover",
        "Finish or roll back the landings that were cut off, of JOB or of all jobs.",
    ),
    "check": LazyCommand(
        "check", "check", "Analyze the HQL of JOBS, or of all jobs, in Spark and without data."
    ),
    "accelerate": LazyCommand(
        "accelerate",
        "accelerate",
        "Build an archive of Spark's classes (about 140 MB), with which jobs start in less time.",
    ),
    "doctor": LazyCommand(
        "doctor", "doctor", "Name what is missing on this machine, and the remedy."
    ),
    "cluster": LazyCommand("cluster", "cluster", "Prepare a cluster for the jobs of this home."),
    "kudu": LazyCommand("kudu", "kudu", "Run a real Kudu on this machine, for tests only."),
}


class _Group(CommandGroup):
    """Prints a known error as one sentence; its trace only with --trace."""

    @override
    def invoke(self, ctx: click.Context) -> object:
        gc.set_threshold(_NEW_OBJECTS_A_COLLECTION)
        _obey_ctrl_break()
        for stream in (sys.stdout, sys.stderr):
            # A pipe on Windows uses the system's code page, which lacks most letters; UTF-8 lacks
            # what a name that is no text becomes in an argument.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except OrchError as error:
            if ctx.params.get("trace"):
                raise
            _fail(str(error))
        except KeyboardInterrupt:
            if ctx.params.get("trace"):
                raise
            _fail("interrupted", INTERRUPTED)
        except Exception as error:
            from orch_dagster.cli.unusable import reader_has_left, unusable

            if reader_has_left(error):
                # Nothing is left for the interpreter's end to write, which would fail there again.
                sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
                # By which click ends without a word.
                raise BrokenPipeError(errno.EPIPE, "the reader has left") from error
            reason = unusable(error)
            if reason is None or ctx.params.get("trace"):
                raise
            _fail(reason)


def _obey_ctrl_break() -> None:
    """Let Ctrl-Break end a command as Ctrl-C does; by itself it ends a process of Windows at once.

    Dagster does so while a run executes, and not before and after.
    """
    number = getattr(signal, "SIGBREAK", None)
    if number is not None and threading.current_thread() is threading.main_thread():
        signal.signal(number, signal.default_int_handler)


def _fail(text: str, exit_code: int = 1) -> None:
    from orch_dagster.cli.output import say_error

    say_error(text)
    sys.exit(exit_code)


@click.group(
    cls=_Group,
    lazy=_COMMANDS,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": _WIDEST_HELP,
    },
)
@click.option("--trace", is_flag=True, help="Show the Python trace of an error.")
@click.version_option(package_name="orch_dagster")
@click.pass_context
def main(ctx: click.Context, trace: bool) -> None:  # noqa: ARG001 - _Group reads it
    """Run landing jobs from control tables, with Dagster on Spark."""
    from orch_dagster.toolchain.dagster_version import check_dagster_version

    check_dagster_version()
    if ctx.invoked_subcommand != _NEW:
        # A new project takes nothing from the project that it is made in.
        from orch_dagster.home import load_env_file

        load_env_file()
