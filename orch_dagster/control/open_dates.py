"""Opening a business date: its row of process_control, modelled on the source's newest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orch_dagster.control.records import ProcessControl
from orch_dagster.control.tables import is_iso_date


def newest_row(rows: Iterable[ProcessControl]) -> ProcessControl | None:
    """The row of the latest business date; one that a table from before us spells as no date of
    ours is passed over."""
    dated = (row for row in rows if is_iso_date(row.biz_dt))
    return max(dated, key=lambda row: row.biz_dt, default=None)


def opened_row(
    source: Mapping[str, str], biz_dt: str, model: ProcessControl | None
) -> ProcessControl:
    """The row that opens a business date, its window that one day.

    Args:
        source: entity and source_system.
        biz_dt: The date.
        model: Where business_keys and compare_cols are copied from: the source's newest row.
    """
    return ProcessControl(
        entity=source["entity"],
        source_system=source["source_system"],
        biz_dt=biz_dt,
        start_dt=biz_dt,
        end_dt=biz_dt,
        business_keys=model.business_keys if model else None,
        compare_cols=model.compare_cols if model else None,
    )
