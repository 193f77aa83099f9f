"""The row that opens a business date."""

from __future__ import annotations

from orch_dagster.control.group import GroupKey
from orch_dagster.control.open_dates import newest_row, opened_row
from orch_dagster.control.records import ProcessControl

GROUP = GroupKey("GELS", "FPMS")


def row(biz_dt: str, **values: str) -> ProcessControl:
    return ProcessControl("GELS", "FPMS", biz_dt, **values)


def test_the_newest_row_is_by_date() -> None:
    # Of a table that was there before: later than any date, by its letters.
    odd = row("31/12/2023")
    newest = row("2024-05-16")
    assert newest_row([row("2024-05-15"), odd, newest, row("2023-05-17")]) == newest
    assert newest_row([odd]) is None
    assert newest_row([]) is None


def test_an_opened_row_is_that_one_day_and_has_the_models_columns() -> None:
    model = row(
        "2024-05-15",
        start_dt="2024-05-01",
        process_dt="2024-05-16",
        reprocess_dt="2024-05-17",
        business_keys="contract_no",
        compare_cols="premium",
        run_id="r",
    )
    assert opened_row(GROUP, "2024-05-16", model) == row(
        "2024-05-16",
        start_dt="2024-05-16",
        end_dt="2024-05-16",
        business_keys="contract_no",
        compare_cols="premium",
    )


def test_the_first_row_of_a_group_has_no_model() -> None:
    opened = opened_row(GROUP, "2024-05-16", None)
    assert opened == row("2024-05-16", start_dt="2024-05-16", end_dt="2024-05-16")
