"""orch kudu: a local real Kudu, started, ended and looked at."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from datetime import timedelta

import click

from orch_dagster.cli.arguments import as_json
from orch_dagster.cli.output import console, print_json, print_rows
from orch_dagster.local_kudu import cluster
from orch_dagster.local_kudu.place import place_of
from orch_dagster.local_kudu.ports import DEFAULT_PORT, FIRST_PORT, LAST_PORT, ROLES
from orch_dagster.settings import load_settings


@click.group()
def kudu() -> None:
    """A real Kudu on this machine, to try things on; never for production."""


@kudu.command()
@click.option(
    "--port",
    type=click.IntRange(FIRST_PORT, LAST_PORT),
    help=f"The master's port; without it the one that the data has, else {DEFAULT_PORT}.",
)
def up(port: int | None) -> None:
    """Start a master and a tablet server, and wait until they serve.

    The tablet server's port is one lower, the web pages' are a thousand higher.
    """
    ports, started = cluster.up(load_settings().home, port, os.environ, console.print)
    console.print("Kudu is up." if started else "Kudu is up already.")
    for role in ROLES:
        console.print(f"  {role:<7} {ports.address(role)}, web page {ports.web_url(role)}")
    console.print(
        "It is for testing only, as the README of these binaries says: "
        "never for production, never with real data."
    )
    console.print("Next:")
    console.print(f"  export ORCH_CONTROL_URL={ports.control_url}")
    console.print("  orch init --sample")


@kudu.command()
def down() -> None:
    """End both; the data stays."""
    settings = load_settings()
    ended = cluster.down(settings.home)
    if not ended:
        console.print("No local Kudu was running.")
        return
    for daemon in ended:
        console.print(f"Ended {daemon.name} (pid {daemon.pid}).")
    console.print(f"The data stays in {place_of(settings.home).data}")


@kudu.command()
@as_json
def status(is_json: bool) -> None:
    """Show both; exit code 0 where they run and serve, else 1."""
    found = cluster.status(load_settings().home)
    if is_json:
        print_json(asdict(found))
    else:
        rows = [
            {**asdict(one), "uptime": _spoken(one.uptime_s), "web page": one.web}
            for one in found.daemons
        ]
        print_rows(
            rows, ["daemon", "state", "pid", "address", "web page", "uptime", "log"], none=""
        )
        console.print(
            f"Ready: {found.control_url}" if found.ready else f"Not ready: {found.reason}"
        )
    if not found.ready:
        sys.exit(1)


def _spoken(uptime_s: float | None) -> str:
    return "" if uptime_s is None else str(timedelta(seconds=round(uptime_s)))
