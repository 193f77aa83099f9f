"""Remove rows that are set aside, whatever their keys hold."""

from __future__ import annotations

from collections.abc import Sequence

from orch_dagster.cli.output import print_json, say
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import TABLES
from orch_dagster.errors import OrchError


def remove_set_aside(
    store: ControlStore, handles: Sequence[str], *, dry_run: bool, is_json: bool
) -> None:
    """Remove the rows with these handles, or only show them.

    Raises:
        OrchError: If no row that is set aside has one of them; nothing is removed then.
    """
    known = {row.handle: row for table in TABLES for row in store.bad_rows(table)}
    if unknown := [handle for handle in handles if handle not in known]:
        raise OrchError(
            f"no row is set aside under {', '.join(unknown)}; `orch doctor` names those that are"
        )
    rows = [known[handle] for handle in dict.fromkeys(handles)]
    if not dry_run:
        for row in rows:
            store.remove_stored(row)
    if is_json:
        print_json(
            [
                {"table": r.table.name, "key": r.key, "handle": r.handle, "why": r.reason}
                for r in rows
            ]
        )
        return
    for row in rows:
        say(f"{'would remove' if dry_run else 'removed'} {row.table.name} ({row.key})")
