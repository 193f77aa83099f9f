"""The messages of a job: what is written is what is read, and what is broken is refused."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.contract.messages import (
    ApplicationReport,
    CheckResult,
    ChecksReport,
    Drift,
    FailureReport,
    LandingReport,
    LogReport,
    Message,
    MessageError,
    ProgressReport,
    SinkReport,
    StageProgress,
    is_message,
    message_of,
)

TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
COUNT = st.integers(0, 2**62)
DAY = st.dates().map(str)
COLUMN = st.fixed_dictionaries({"name": TEXT, "type": TEXT})
CHANGED = st.fixed_dictionaries({"name": TEXT, "from": TEXT, "to": TEXT})
CHECK = st.builds(
    CheckResult,
    name=TEXT,
    passed=st.booleans(),
    blocking=st.booleans(),
    metadata=st.dictionaries(TEXT, st.integers() | TEXT | st.lists(TEXT, max_size=3), max_size=3),
)


def tuples(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(of, max_size=3).map(tuple)


LANDING = st.builds(
    LandingReport,
    biz_dt=DAY,
    row_count=COUNT,
    columns=tuples(COLUMN),
    sinks=tuples(
        st.builds(
            SinkReport,
            path=TEXT,
            format=TEXT,
            files=st.none() | COUNT,
            size_bytes=st.none() | COUNT,
        )
    ),
    started_at=st.datetimes(
        datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(timezone.utc)
    ).map(lambda at: at.isoformat(timespec="milliseconds")),
    duration_s=st.floats(0, 1e9),
    rows_read=st.none() | COUNT,
    damaged_text=st.none() | st.dictionaries(TEXT, COUNT, max_size=3),
    text_searched=st.none() | TEXT,
    rejected_rows=st.none() | COUNT,
    rejected_path=st.none() | TEXT,
    drift=st.none()
    | st.builds(
        Drift, against=DAY, added=tuples(COLUMN), missing=tuples(COLUMN), changed=tuples(CHANGED)
    ),
    checks=tuples(CHECK),
)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(
        ApplicationReport,
        spark_app_id=TEXT,
        spark_ui=st.none() | TEXT,
        driver_log=st.none() | TEXT,
    ),
    st.builds(LogReport, lines=tuples(TEXT)),
    st.builds(
        ProgressReport,
        stages=tuples(st.builds(StageProgress, stage_id=COUNT, name=TEXT, tasks=COUNT, done=COUNT)),
    ),
    st.builds(ChecksReport, biz_dt=DAY, checks=tuples(CHECK)),
    LANDING,
    st.builds(FailureReport, biz_dt=DAY, name=TEXT, message=TEXT, stack=tuples(TEXT)),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


def over_the_wire(message: Message) -> Any:
    return json.loads(json.dumps(message.to_json()))


@given(MESSAGES)
def test_what_is_written_is_read(message: Message) -> None:
    sent = over_the_wire(message)
    assert is_message(sent)
    assert is_message(sent, type(message))
    assert message_of(sent) == message
    assert type(message).from_json(sent) == message


@given(MESSAGES, st.data())
def test_a_broken_field_is_refused_by_its_name_or_has_no_say(
    message: Message, data: st.DataObject
) -> None:
    """Whatever a field holds: either the message is read, or the error names the field."""
    sent = over_the_wire(message)
    name = data.draw(st.sampled_from([name for name in sent if name != "kind"]))
    sent[name] = data.draw(JSON)
    try:
        read = message_of(sent)
    except MessageError as error:
        assert error.kind == sent["kind"]
        assert all(problem.startswith((name, "duration_s")) for problem in error.problems)
    else:
        assert type(read) is type(message)


@given(MESSAGES)
def test_fields_of_a_newer_framework_are_ignored(message: Message) -> None:
    assert message_of({**over_the_wire(message), "new_in_the_next_version": {"a": 1}}) == message


def test_a_landing_of_an_older_framework_is_read() -> None:
    """Those who came first had neither counts of what was read, nor drift, nor checks."""
    sent = {
        "kind": "landing", "biz_dt": "2024-05-15", "row_count": 2,
        "columns": [{"name": "id", "type": "int"}],
        "sinks": [{"path": "/t", "format": "orc", "files": 1, "size_bytes": 9}],
        "started_at": "2024-05-15T00:00:00.000+00:00", "duration_s": 2,
    }  # fmt: skip
    landing = LandingReport.from_json(sent)
    assert (landing.rows_read, landing.rejected_rows, landing.drift, landing.checks) == (
        None, None, None, ()
    )  # fmt: skip
    assert landing.started == datetime(2024, 5, 15, tzinfo=timezone.utc)
    assert landing.ended - landing.started == timedelta(seconds=2)


def test_the_bytes_on_the_wire_are_these() -> None:
    check = CheckResult("key_unique", False, True, {"duplicate_keys": 2, "examples": ["a"]})
    drift = Drift("2024-05-14", ({"name": "a", "type": "int"},), (), ())
    sinks = (SinkReport("/t", "orc", 1, 9), SinkReport("t", "kudu", None, None))
    columns = ({"name": "a", "type": "int"},)
    of_check = (
        '{"name": "key_unique", "passed": false, "blocking": true, '
        '"metadata": {"duplicate_keys": 2, "examples": ["a"]}}'
    )
    assert [
        json.dumps(message.to_json())
        for message in (
            ApplicationReport("app-1", None),
            ApplicationReport("application_1", None, "http://nm2:8042/node/containerlogs/c/u"),
            LogReport(("2024-05-15T00:00:00.000Z INFO  [a] b",)),
            ProgressReport((StageProgress(3, "count", 10, 4),)),
            ChecksReport("2024-05-15", (check,)),
            LandingReport(
                "2024-05-15", 2, columns, sinks, "2024-05-15T00:00:00.000+00:00", 1.5,
                3, 1, "/r", drift, (check,), {"a": 1},
            ),
            FailureReport("2024-05-16", "ValueError", "no", ("  File",)),
        )
    ] == [
        '{"kind": "application", "spark_app_id": "app-1", "spark_ui": null}',
        '{"kind": "application", "spark_app_id": "application_1", "spark_ui": null, '
        '"driver_log": "http://nm2:8042/node/containerlogs/c/u"}',
        '{"kind": "job_log", "lines": ["2024-05-15T00:00:00.000Z INFO  [a] b"]}',
        '{"kind": "progress", "stages": '
        '[{"stage_id": 3, "name": "count", "tasks": 10, "done": 4}]}',
        '{"kind": "checks", "biz_dt": "2024-05-15", "checks": [' + of_check + "]}",
        '{"kind": "landing", "biz_dt": "2024-05-15", "row_count": 2, '
        '"columns": [{"name": "a", "type": "int"}], '
        '"sinks": [{"path": "/t", "format": "orc", "files": 1, "size_bytes": 9}, '
        '{"path": "t", "format": "kudu", "files": null, "size_bytes": null}], '
        '"started_at": "2024-05-15T00:00:00.000+00:00", "duration_s": 1.5, "rows_read": 3, '
        '"rejected_rows": 1, "rejected_path": "/r", "drift": {"against": "2024-05-14", '
        '"added": [{"name": "a", "type": "int"}], "missing": [], "changed": []}, '
        '"checks": [' + of_check + '], "damaged_text": {"a": 1}, "text_searched": null}',
        '{"kind": "failure", "biz_dt": "2024-05-16", "name": "ValueError", "message": "no", '
        '"stack": ["  File"]}',
    ]  # fmt: skip


@pytest.mark.parametrize("payload", [None, "theirs", 1, [], {}, {"kind": None}, {"kind": ["x"]},
                                     {"kind": "mine", "biz_dt": 1}])  # fmt: skip
def test_what_a_script_reports_for_itself_is_no_message(payload: object) -> None:
    assert message_of(payload) is None
    assert not is_message(payload)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(MessageError) as refused:
        message_of(
            {
                "kind": "landing", "biz_dt": "soon", "row_count": -1, "columns": [{"name": 1}, 2],
                "sinks": None, "started_at": "2024-05-15T00:00:00", "rows_read": True,
            }
        )  # fmt: skip
    assert str(refused.value) == (
        "the job reported its landing in a form that can't be read (biz_dt is not an ISO date: "
        "'soon'; row_count is below 0: -1; columns[1] is not an object; columns[0].name is not a "
        "text; columns[0].type is missing; sinks is not a list; started_at is not an ISO time with "
        "a time zone: '2024-05-15T00:00:00'; duration_s is missing; rows_read is not a whole "
        "number): use the framework that belongs to this version"
    )


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e300, 1e15])
def test_a_duration_leads_to_a_time(seconds: float) -> None:
    sent = over_the_wire(
        LandingReport("2024-05-15", 0, (), (), "2024-05-15T00:00:00.000+00:00", seconds)
    )
    with pytest.raises(MessageError, match="duration_s is not a duration"):
        message_of(sent)


def test_a_message_of_another_kind_is_refused() -> None:
    sent = over_the_wire(ApplicationReport("app-1"))
    with pytest.raises(MessageError, match="kind is 'application', not 'progress'"):
        ProgressReport.from_json(sent)


def test_drift_without_changes() -> None:
    assert not Drift("2024-05-14", (), (), ()).has_changes
    assert Drift("2024-05-14", (), (), ({"name": "a", "from": "int", "to": "bigint"},)).has_changes
