"""The orch command."""

from __future__ import annotations

import io
import sys

import click

from orch_dagster.cli import (
    apply,
    check,
    demo,
    doctor,
    due,
    kudu,
    log,
    recover,
    registry,
    run,
    setup,
)
from orch_dagster.cli.output import say_error
from orch_dagster.cli.unusable import unusable
from orch_dagster.errors import OrchError
from orch_dagster.toolchain.dagster_version import check_dagster_version


class _Group(click.Group):
    """Prints a known error as one sentence; its trace only with --trace."""

    def invoke(self, ctx: click.Context) -> object:
        for stream in (sys.stdout, sys.stderr):
            # A pipe on Windows uses the system's code page, which lacks most letters.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding="utf-8")
        try:
            return super().invoke(ctx)
        except OrchError as error:
            if ctx.params.get("trace"):
                raise
            say_error(str(error))
            sys.exit(1)
        except Exception as error:
            reason = unusable(error)
            if reason is None or ctx.params.get("trace"):
                raise
            say_error(reason)
            sys.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--trace", is_flag=True, help="Show the Python trace of an error.")
@click.version_option(package_name="orch_dagster")
def main(trace: bool) -> None:  # noqa: ARG001 - _Group reads it
    """Run landing jobs from control tables, with Dagster on Spark."""
    check_dagster_version()


for command in (
    setup.init,
    setup.sample,
    demo.demo,
    apply.plan,
    apply.apply,
    apply.rename,
    apply.remove,
    apply.export,
    registry.open_date,
    registry.jobs,
    registry.params,
    due.due,
    run.run,
    recover.recover,
    log.log,
    doctor.doctor,
    check.check,
):
    main.add_command(command)
main.add_command(kudu.kudu)
