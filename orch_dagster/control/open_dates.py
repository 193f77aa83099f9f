"""Open a business date by a row of process_control, modelled on the group's newest."""

from __future__ import annotations

from collections.abc import Iterable

from orch_dagster.control.group import GroupKey
from orch_dagster.control.records import ProcessControl
from orch_dagster.control.tables import is_iso_date


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
