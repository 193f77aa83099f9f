"""The sensor that shows what others open or close, and what its ticks say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import PROCESS_CONTROL
from orch_dagster.defs.schedule.open_dates_sensor import OPEN_DATES_SENSOR as SENSOR
from orch_dagster.errors import StoreError
from tests.code_location import add_jobs, open_date
from tests.played_runs import Played

Load = Callable[[], Played]
IN_STEP = "The partitions are the open dates of process_control"


def partitions(dagster: Played, group: str = "gels_fpms") -> list[str]:
    return list(dagster.instance.get_dynamic_partitions(f"{group}_biz_dt"))


def test_a_tick_names_what_it_shows(store: ControlStore, played: Load) -> None:
    add_jobs(store, "FPMS", {"first": []})
    add_jobs(store, "OTHER", {"other": []})
    dagster = played()
    assert dagster.reason(SENSOR) == IN_STEP
    days = [(date(2024, 5, 1) + timedelta(n)).isoformat() for n in range(7)]
    for day in days:
        open_date(store, "FPMS", day)
    open_date(store, "OTHER", "2024-05-03")
    # Of a group without jobs: it has no assets.
    open_date(store, "NOBODY", "2024-05-04")
    assert dagster.reason(SENSOR) == (
        "gels_fpms: opened 2024-05-01, 2024-05-02, 2024-05-03, 2024-05-04, 2024-05-05 and 2 more; "
        "gels_other: opened 2024-05-03"
    )
    assert (partitions(dagster), partitions(dagster, "gels_other")) == (days, ["2024-05-03"])
    assert partitions(dagster, "gels_nobody") == []
    assert dagster.reason(SENSOR) == IN_STEP

    key = {"entity": "GELS", "source_system": "FPMS"}
    store.delete(PROCESS_CONTROL, [{**key, "biz_dt": day} for day in days[1:]])
    # As Dagit's button adds it: at the end.
    dagster.instance.delete_dynamic_partition("gels_fpms_biz_dt", days[0])
    dagster.instance.add_dynamic_partitions("gels_fpms_biz_dt", [days[0]])
    assert dagster.reason(SENSOR) == (
        "gels_fpms: closed 2024-05-02, 2024-05-03, 2024-05-04, 2024-05-05, 2024-05-06 and 1 more"
    )
    assert partitions(dagster) == [days[0]]


def test_a_store_that_is_down_closes_no_date(
    store: ControlStore, played: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_jobs(store, "FPMS", {"first": []})
    open_date(store, "FPMS", "2024-05-15")
    dagster = played()
    dagster.sense(SENSOR)
    store.close()
    database = dagster.location.location.settings.state_dir / "control.db"
    database.rename(database.with_name("gone.db"))
    with pytest.raises(StoreError):
        dagster.sense(SENSOR)
    assert partitions(dagster) == ["2024-05-15"]
