"""The open dates of a group: rows of process_control, each modelled on the group's newest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orch_dagster.control.group import GroupKey
from orch_dagster.control.records import ProcessControl
from orch_dagster.control.store import ControlStore
from orch_dagster.control.stored_rows import BadRow
from orch_dagster.control.tables import PROCESS_CONTROL, is_iso_date


def open_dates(store: ControlStore, group: GroupKey) -> frozenset[str]:
    """Return the dates of a group that are open; a row that can't be used opens none.

    Raises:
        StoreError: If the store can't be read.
    """
    # All columns, as any of them may be what can't be used.
    rows = store.read_stored(PROCESS_CONTROL, group.columns).rows
    return frozenset(str(row["biz_dt"]) for row in rows)


def not_open_text(group: GroupKey, wanted: Sequence[str], set_aside: Sequence[BadRow] = ()) -> str:
    """Return the sentence on dates that are not open: their row's key, and what opens them.

    Args:
        group: The group.
        wanted: The dates, in order; at least one.
        set_aside: Rows of the group that can't be used.
    """
    if bad := [row for row in set_aside if row.text("biz_dt") in wanted]:
        return (
            f"the business date is not open: {'; '.join(map(str, bad))}. Write the row anew, or "
            f"remove it (`orch doctor` names the command) and open the date again"
        )
    key = PROCESS_CONTROL.key_text({**group.columns, "biz_dt": wanted[0]})
    if len(wanted) > 1:
        key += f" … {wanted[-1]}"
    return (
        f"the business date is not open: {PROCESS_CONTROL.name} has no row {key}; "
        f"open it with {open_command(group, wanted[0])}"
    )


def open_command(group: GroupKey, biz_dt: object) -> str:
    """Return the command that opens a business date, in backquotes.

    >>> open_command(GroupKey("GELS", "FPMS"), "2024-05-15")
    '`orch open gels_fpms --biz-dt 2024-05-15`'
    """
    return f"`orch open {group.name} --biz-dt {biz_dt}`"


def newest_row(rows: Iterable[ProcessControl]) -> ProcessControl | None:
    """Return the row of the latest business date; skip those whose biz_dt is not an ISO date."""
    dated = (row for row in rows if is_iso_date(row.biz_dt))
    return max(dated, key=lambda row: row.biz_dt, default=None)


def opened_row(group: GroupKey, biz_dt: str, model: ProcessControl | None) -> ProcessControl:
    """Return the row that opens a business date, its window that one day.

    Args:
        group: The group that the date belongs to.
        biz_dt: The date.
        model: The group's newest row, from which business_keys and compare_cols are copied.
    """
    return ProcessControl(
        entity=group.entity,
        source_system=group.source_system,
        biz_dt=biz_dt,
        start_dt=biz_dt,
        end_dt=biz_dt,
        business_keys=model.business_keys if model else None,
        compare_cols=model.compare_cols if model else None,
    )
