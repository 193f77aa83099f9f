"""The HQL that keeps the history of execution_log, at the edges of a day."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from orch_dagster.control.tables import to_micros
from orch_dagster.kit import Landing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

pytestmark = pytest.mark.spark

HQL = "etl_lnd_control_orch_execution_log.hql"
# The first and the last moment of the day, one before it and one after it.
STARTS = {
    "before": datetime(2024, 5, 14, 23, 59, 59, 999_999, timezone.utc),
    "last": datetime(2024, 5, 15, 23, 59, 59, 999_999, timezone.utc),
    "first": datetime(2024, 5, 15, 0, 0, 0, 0, timezone.utc),
    "after": datetime(2024, 5, 16, 0, 0, 0, 0, timezone.utc),
}


def log_of(landing: Landing, starts: dict[str, datetime]) -> DataFrame:
    """Rows of execution_log that started then, whatever the session's time zone."""
    rows = [
        {"id": name, "biz_dt": "2024-05-13", "status": "Completed", "micros": to_micros(start)}
        for name, start in starts.items()
    ]
    frame = landing.frame(rows, "id STRING, biz_dt STRING, status STRING, micros BIGINT")
    return frame.selectExpr("id", "biz_dt", "status", "timestamp_micros(micros) AS start_time")


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Kiritimati"])
def test_a_day_is_utc_s_whatever_the_session_s_zone(landing: Landing, zone: str) -> None:
    row1 = log_of(landing, STARTS)
    sys_params = {"spark.sql.session.timeZone": zone}
    result = landing.hql(HQL, biz_dt="2024-05-15", row1=row1, sys_params=sys_params)

    assert [row["id"] for row in result.rows] == ["first", "last"]
    # Of the dates that the runs were for, nothing is lost.
    assert {row["biz_dt"] for row in result.rows} == {"2024-05-13"}


def test_a_day_without_runs_has_no_rows(landing: Landing) -> None:
    row1 = log_of(landing, STARTS)
    assert landing.hql(HQL, biz_dt="2024-05-13", row1=row1).rows == []


def test_a_day_that_has_not_ended_is_refused_whether_it_has_rows_or_not(landing: Landing) -> None:
    # An hour ahead, as the day may end while Spark answers.
    soon = datetime.now(timezone.utc) + timedelta(hours=1)
    row1 = log_of(landing, {"soon": soon, "before": soon - timedelta(days=2)})
    for day in (soon.date(), soon.date() + timedelta(days=3)):
        with pytest.raises(Exception, match=f"{day} has not ended in UTC"):
            _ = landing.hql(HQL, biz_dt=day.isoformat(), row1=row1).rows
