"""orch doctor: find what is missing, and name its remedy."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import chain

import click
from rich.text import Text

from framework.contract.visible import visible
from orch_dagster.cli.arguments import as_json
from orch_dagster.cli.cluster_uses import CheckedPart
from orch_dagster.cli.machine_checks import machine_checks
from orch_dagster.cli.node_checks import node_checks
from orch_dagster.cli.output import console, print_json
from orch_dagster.cli.registry_checks import registry_checks
from orch_dagster.control.connect import opened_store
from orch_dagster.control.kudu.diagnose import diagnose
from orch_dagster.control.kudu.store import KuduStore
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import TABLES
from orch_dagster.errors import OrchError
from orch_dagster.registry.location import load_location
from orch_dagster.settings import Settings, load_settings

_STYLES = {"ok": "green", "warning": "yellow", "missing": "red"}


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: The subject, such as Java.
        state: ok, warning or missing.
        text: The finding; if something is missing, with its remedy.
    """

    name: str
    state: str
    text: str


@click.command()
@click.option(
    "--probe",
    "is_probing",
    is_flag=True,
    help="Also submit a small application to each cluster that jobs use, and ask its nodes.",
)
@as_json
def doctor(is_probing: bool, is_json: bool) -> None:
    """Name what is missing on this machine, and the remedy."""
    settings = load_settings()
    checks = list(examine(settings))
    if is_probing:
        checks += _probed(settings)
    if is_json:
        print_json([asdict(check) for check in checks])
    else:
        for check in checks:
            mark = (f"{check.state:<7}", _STYLES[check.state])
            console.print(Text.assemble(mark, visible(f" {check.name}: {check.text}")))
    if any(check.state == "missing" for check in checks):
        sys.exit(1)


def examine(settings: Settings) -> Iterator[Check]:
    """Check this machine, the control store, and the registry with what its jobs need."""
    parts = chain(machine_checks(settings), _store(settings), registry_checks(settings))
    for part in parts:
        yield Check(*part)


def _probed(settings: Settings) -> Iterator[Check]:
    """Ask the nodes of the clusters that jobs use."""
    try:
        for part in node_checks(settings, load_location(settings).registry):
            yield Check(*part)
    except OrchError as error:
        yield Check("Nodes", "missing", str(error))


def _store(settings: Settings) -> Iterator[CheckedPart]:
    try:
        with opened_store(settings) as store:
            if isinstance(store, KuduStore):
                for finding in diagnose(store):
                    yield "Control store", finding.state, finding.text
            else:
                yield "Control store", "ok", _store_text(store)
                for table in TABLES:
                    if names := sorted(store.lacking_columns(table)):
                        text = (
                            f"table {table.name} has no column {', '.join(names)}, which stays "
                            f"unknown; `orch init` adds it"
                        )
                        yield "Control store", "warning", text
    except OrchError as error:
        yield "Control store", "missing", str(error)


def _store_text(store: ControlStore) -> str:
    store.ping()
    for table in TABLES:
        store.read(table, {table.keys[0]: ""})
    return f"{store.shown}, all five tables are there"
