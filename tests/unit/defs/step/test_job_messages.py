"""What is made of a job's messages; those of a real run of JOB_1001 are replayed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from framework.contract.messages import CheckResult
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG
from orch_dagster.defs.step.begun import begin_step
from orch_dagster.defs.step.job_messages import ChannelMessages, JobMessages
from orch_dagster.defs.step.log_writer import ExecutionLogWriter
from orch_dagster.defs.step.metadata import date_metadata
from orch_dagster.settings import Settings
from orch_dagster.spark.progress import Stage
from tests.begun_steps import DAY, KeptReports, request
from tests.recorded_messages import recorded_messages

NEXT = "2024-05-16"


@pytest.fixture
def reporter() -> KeptReports:
    return KeptReports()


def messages_of(writer: ExecutionLogWriter, *biz_dts: str, may_retry: bool = False) -> JobMessages:
    return JobMessages(lambda _: None, writer=writer, biz_dts=biz_dts, may_retry=may_retry)


def writer_of(
    store: ControlStore, settings: Settings, reporter: KeptReports, *biz_dts: str
) -> ExecutionLogWriter:
    step = begin_step(request(*biz_dts), reporter, store, settings)
    step.run_log.close()
    return step.writer


def custom(**payload: Any) -> dict[str, Any]:
    return {"method": "report_custom_message", "params": {"payload": payload}}


def failure(biz_dt: str, message: str, name: str = "LandingError") -> dict[str, Any]:
    return custom(kind="failure", biz_dt=biz_dt, name=name, message=message, stack=[])


def test_a_real_jobs_messages(
    store: ControlStore, settings: Settings, reporter: KeptReports
) -> None:
    messages = messages_of(writer_of(store, settings, reporter, DAY), DAY)
    for message in recorded_messages():
        messages(message)

    result = messages.result()
    assert (result.opened, result.closed, result.exception) == (True, True, None)
    assert result.landed == (DAY,)
    landing = messages.landings[DAY]
    shown = date_metadata(landing, {"log": dg.MetadataValue.url("/runs/1")})
    assert shown["dagster/partition_row_count"].value == landing.row_count > 0
    # Rows, changes, size, duration, location, logs.
    order = ["dagster/partition_row_count", "size", "duration", "dagster/uri", "log"]
    assert [name for name in shown if name in order] == order
    assert "dagster/row_count" not in shown
    assert [column["name"] for column in landing.columns][:1] == ["contract_no"]
    assert messages.application is not None
    app_id = messages.application.spark_app_id
    assert reporter.messages[-1] == f"job is Spark application {app_id}"
    # A single date ends with its job.
    assert messages.writer.report.ends == {}


def test_of_several_dates_each_ends_with_its_report(
    store: ControlStore, settings: Settings, reporter: KeptReports
) -> None:
    writer = writer_of(store, settings, reporter, DAY, NEXT)
    messages = messages_of(writer, DAY, NEXT)
    for message in recorded_messages():
        messages(message)
    messages(failure(NEXT, "no rows"))

    landing = messages.landings[DAY]
    began = datetime.fromisoformat(landing.started_at)
    rows = {row["biz_dt"]: row for row in store.read(EXECUTION_LOG)}
    assert (rows[DAY]["status"], rows[DAY]["start_time"]) == ("Completed", began)
    assert rows[DAY]["end_time"] == began + timedelta(seconds=landing.duration_s)
    assert rows[NEXT]["status"] == "Failed: LandingError: no rows"


@pytest.mark.parametrize("may_retry", [True, False])
def test_a_transient_failure_ends_its_date_only_if_no_attempt_may_follow(
    store: ControlStore, settings: Settings, reporter: KeptReports, may_retry: bool
) -> None:
    writer = writer_of(store, settings, reporter, DAY, NEXT)
    messages = messages_of(writer, DAY, NEXT, may_retry=may_retry)
    refused = "java.net.ConnectException: Connection refused"
    messages(failure(NEXT, refused, "Py4JJavaError"))
    assert set(messages.transient) == ({NEXT} if may_retry else set())
    assert set(writer.report.ends) == (set() if may_retry else {NEXT})


def test_checks_of_a_date_are_kept_where_it_did_not_land(
    store: ControlStore, settings: Settings, reporter: KeptReports
) -> None:
    messages = messages_of(writer_of(store, settings, reporter, DAY), DAY)
    check = {"name": "key_unique", "passed": False, "blocking": True, "metadata": {}}
    messages(custom(kind="checks", biz_dt=DAY, checks=[check]))
    assert messages.checks == {DAY: (CheckResult("key_unique", False, True, {}),)}
    assert messages.result().landed == ()


def test_a_landing_in_another_form_is_no_landing_and_is_said(
    store: ControlStore, settings: Settings, reporter: KeptReports
) -> None:
    messages = messages_of(writer_of(store, settings, reporter, DAY, NEXT), DAY, NEXT)
    messages(custom(kind="landing", biz_dt=DAY, started_at="yesterday"))
    messages(custom(kind="application", spark_app_id=7))
    assert messages.landings == {}
    assert messages.writer.report.ends == {}
    broken = str(messages.result().broken)
    assert "started_at is not an ISO time with a time zone: 'yesterday'" in broken
    assert "its application in a form that can't be read (spark_app_id is not a text)" in broken


def test_progress_in_another_form_shows_nothing_and_breaks_nothing() -> None:
    messages = ChannelMessages(lambda _: pytest.fail("no stages were reported"))
    messages(custom(kind="progress", stages=[{"stage_id": "three"}]))
    assert messages.result().broken is None


def test_the_exception_that_closed_the_channel() -> None:
    messages = ChannelMessages(lambda _: None)
    exception = {"name": "ValueError", "message": "bad", "stack": ['  File "job.py", line 3']}
    messages({"method": "closed", "params": {"exception": exception}})
    result = messages.result()
    assert result.closed
    assert result.exception is not None
    assert result.exception.line == "ValueError: bad (job.py:3)"


@pytest.mark.parametrize("payload", ["text", 7, None, ["kind"], {}, {"kind": "theirs"}])
def test_messages_of_a_scripts_own_are_left_alone(payload: object) -> None:
    messages = ChannelMessages(lambda _: pytest.fail("no stages were reported"))
    messages({"method": "report_custom_message", "params": {"payload": payload}})
    messages({"method": "log", "params": {"message": "hello"}})
    assert messages.application is None
    assert messages.result().opened is False


def test_stages_are_passed_on() -> None:
    seen: list[Sequence[Stage]] = []
    stage = {"stage_id": 3, "name": "save at job.py:9", "tasks": 8, "done": 2}
    ChannelMessages(seen.append)(custom(kind="progress", stages=[stage]))
    assert seen == [[Stage(3, "save at job.py:9", 8, 2)]]
