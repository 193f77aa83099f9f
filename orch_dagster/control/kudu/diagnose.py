"""Diagnose why a Kudu can't be used from here, each cause by its own sentence."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from orch_dagster.control.kudu.driver import TableShape
from orch_dagster.control.kudu.errors import LOGIN_REMEDY
from orch_dagster.control.kudu.probe import Answer, Probed, probe_all
from orch_dagster.control.kudu.schema import differences, missing_columns
from orch_dagster.control.kudu.store import KuduStore
from orch_dagster.control.tables import TABLES, Table
from orch_dagster.errors import StoreError

_MASTER_REMEDIES: Mapping[Answer, str] = {
    Answer.UNAUTHORIZED: LOGIN_REMEDY,
    Answer.UNKNOWN_HOST: "correct the host name in ORCH_CONTROL_URL, or make it resolvable here",
    Answer.REFUSED: "start Kudu (`orch kudu up` starts a local one), or correct host and port in "
    "ORCH_CONTROL_URL",
    Answer.UNREACHABLE: "look for a firewall on the way, or correct ORCH_CONTROL_URL",
    Answer.RESET: "Docker's port proxy does so if the Kudu in the container does not listen on "
    "the forwarded address: see Connection reset in docs/kudu.md",
    Answer.SILENT: "check whether that process is paused or stuck, or is not Kudu",
}
_TSERVER_REMEDY = (
    "the masters give this address to clients, so it has to be reachable from here: see "
    "Connection reset in docs/kudu.md"
)


@dataclass(frozen=True)
class Diagnosis:
    """A finding about the cluster.

    Attributes:
        state: ok, warning (the store works) or missing.
        text: What, where, and what to do.
    """

    state: Literal["ok", "warning", "missing"]
    text: str


def diagnose(store: KuduStore) -> Iterator[Diagnosis]:
    """Check masters, tablet servers and tables, in this order, as far as they can be reached."""
    masters = store.probe_masters()
    failed = [probed for probed in masters if probed.answer is not Answer.KUDU]
    works = len(failed) < len(masters)
    for probed in failed:
        text = f"master {probed}; {_MASTER_REMEDIES[probed.answer]}"
        yield Diagnosis("warning" if works else "missing", text)
    if not works:
        return
    try:
        servers = store.tablet_servers()
        shapes = {table: store.shape(table) for table in TABLES}
        existing = [table for table, shape in shapes.items() if shape]
        addresses = sorted({address for table in existing for address in store.replicas(table)})
    except StoreError as error:
        yield Diagnosis("missing", str(error))
        return
    findings = [
        *_tablet_servers(servers, probe_all(addresses)),
        *_tables(shapes),
    ]
    yield from findings
    if not findings:
        yield Diagnosis(
            "ok",
            f"{store.address} (driver {store.driver_name}): masters {len(masters)}, tablet "
            f"servers {len(servers)}, all five tables are there",
        )


def _tablet_servers(hosts: Iterable[str], probed: Iterable[Probed]) -> Iterator[Diagnosis]:
    hosts = [*hosts]
    if not hosts:
        yield Diagnosis(
            "missing",
            "no tablet server has registered with the masters; start one and check again",
        )
    for server in probed:
        if server.answer is not Answer.KUDU:
            yield Diagnosis("missing", f"tablet server {server}; {_TSERVER_REMEDY}")
    for host in hosts:
        try:
            socket.getaddrinfo(host, None)
        except OSError:
            yield Diagnosis(
                "missing",
                f"tablet server {host}: this host name is unknown here; {_TSERVER_REMEDY}",
            )


def _tables(shapes: Mapping[Table, TableShape | None]) -> Iterator[Diagnosis]:
    if absent := [table.name for table, shape in shapes.items() if shape is None]:
        yield Diagnosis("missing", f"no table {', '.join(absent)}; `orch init` creates them")
    for table, shape in shapes.items():
        if shape is None:
            continue
        if names := missing_columns(table, shape, table.names):
            text = f"table {table.name} has no column {', '.join(names)}; `orch init` adds them"
            # Without those of a later version everything runs.
            is_late = table.late_names.issuperset(names)
            yield Diagnosis("warning" if is_late else "missing", text)
        for difference in differences(table, shape):
            yield Diagnosis(
                "missing", f"table {table.name}: {difference}; rename it, then `orch init`"
            )
