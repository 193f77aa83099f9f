"""orch kudu: start, stop and inspect a real Kudu on this machine."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from datetime import timedelta

import click

from orch_dagster.cli.arguments import as_json
from orch_dagster.cli.groups import CommandGroup
from orch_dagster.cli.output import print_json, print_rows, say
from orch_dagster.local_kudu import cluster
from orch_dagster.local_kudu.place import place_of
from orch_dagster.local_kudu.ports import DEFAULT_PORT, FIRST_PORT, LAST_PORT, ROLES
from orch_dagster.settings import load_settings


@click.group(cls=CommandGroup)
def kudu() -> None:
    """Run a real Kudu on this machine, for tests only."""


@kudu.command()
@click.option(
    "--port",
    type=click.IntRange(FIRST_PORT, LAST_PORT),
    help=f"The master's port; by default that of the existing data, else {DEFAULT_PORT}.",
)
def up(port: int | None) -> None:
    """Start a master and a tablet server, and wait until they are ready.

    The tablet server's port is the master's minus one; each web page's port is 1000 higher.
    """
    ports, started = cluster.up(load_settings().home, port, os.environ, say)
    say("Kudu is up." if started else "Kudu is already up.")
    for role in ROLES:
        say(f"  {role:<7} {ports.address(role)}, web page {ports.web_url(role)}")
    say(
        "Use it for tests only, as the README of these binaries says: "
        "never in production, never with real data."
    )
    say("Next:")
    say(f"  export ORCH_CONTROL_URL={ports.control_url}")
    say("  orch init --sample")


@kudu.command()
def down() -> None:
    """Stop the master and the tablet server; the data stays."""
    settings = load_settings()
    stopped = cluster.down(settings.home)
    if not stopped:
        say("No local Kudu was running.")
        return
    for daemon in stopped:
        say(f"Stopped {daemon.name} (pid {daemon.pid}).")
    say(f"The data stays in {place_of(settings.home).data}")


@kudu.command()
@as_json
def status(is_json: bool) -> None:
    """Show the master and the tablet server; exit with 0 if both are ready, else with 1."""
    cluster_status = cluster.status(load_settings().home)
    if is_json:
        print_json(asdict(cluster_status))
    else:
        rows = [
            {**asdict(daemon), "uptime": _duration(daemon.uptime_s), "web page": daemon.web}
            for daemon in cluster_status.daemons
        ]
        print_rows(
            rows, ["daemon", "state", "pid", "address", "web page", "uptime", "log"], none=""
        )
        say(
            f"Ready: {cluster_status.control_url}"
            if cluster_status.ready
            else f"Not ready: {cluster_status.reason}"
        )
    if not cluster_status.ready:
        sys.exit(1)


def _duration(uptime_s: float | None) -> str:
    return "" if uptime_s is None else str(timedelta(seconds=round(uptime_s)))
