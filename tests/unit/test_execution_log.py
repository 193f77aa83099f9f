"""Events to rows: the same rows however the events come, and nothing undone in the store."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orch_dagster.control.connect import open_store
from orch_dagster.control.records import ExecutionLog
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import EXECUTION_LOG, Row, check_rows, to_micros
from orch_dagster.execution_log import (
    LEFT_OUT,
    DateResult,
    RunEndEvent,
    RunHistory,
    RunStatus,
    StepFailureEvent,
    StepReport,
    project,
    row_id,
    write_rows,
)

CREATED = datetime(2024, 5, 15, 1, 2, 3, 456789, tzinfo=timezone.utc)
DAY = "2024-05-15"


def at(seconds: float) -> datetime:
    return CREATED + timedelta(seconds=seconds)


def report(
    name: str = "a",
    *,
    dates: tuple[str, ...] = (DAY,),
    started: float = 1,
    app: str | None = None,
    attempt: int = 1,
    ends: dict[str, DateResult] | None = None,
) -> StepReport:
    return StepReport(name, f"J_{name}", dates, at(started), attempt, app, ends or {})


def run(
    *reports: StepReport, failures: Sequence[StepFailureEvent] = (), end: RunEndEvent | None = None
) -> RunHistory:
    """A run of two jobs, the second after the first."""
    job_ids = {"a": "J_a", "b": "J_b"}
    parents = {"a": frozenset[str](), "b": frozenset({"a"})}
    return RunHistory("run-1", CREATED, (DAY,), job_ids, reports, failures, end, parents)


def one(history: RunHistory) -> ExecutionLog:
    (row,) = project(history)
    return row


class TestIds:
    def test_are_the_same_for_every_reader(self) -> None:
        # Fixed: rows of an older version must be found again.
        assert row_id("run-1", CREATED, "J1", DAY) == "1715734923456789_c0125f70d2eb"

    def test_are_of_run_job_and_date(self) -> None:
        ids = {
            row_id(run_id, CREATED, job, day)
            for run_id, job, day in itertools.product(
                ["r1", "r2"], ["J1", "J2"], [DAY, "2024-05-16"]
            )
        }
        assert len(ids) == 8

    def test_do_not_run_together(self) -> None:
        assert row_id("r1", CREATED, "1J", DAY)[-12:] != row_id("r", CREATED, "11J", DAY)[-12:]

    def test_sort_by_creation(self) -> None:
        assert row_id("z", at(0), "J", DAY) < row_id("a", at(0.000001), "J", DAY)

    def test_another_zone_is_the_same_moment(self) -> None:
        local = CREATED.astimezone(timezone(timedelta(hours=8)))
        assert row_id("r", local, "J", DAY) == row_id("r", CREATED, "J", DAY)


class TestEachEnd:
    def test_started(self) -> None:
        row = one(run(report()))

        assert row == ExecutionLog(
            id=row_id("run-1", CREATED, "J_a", DAY),
            job_id="J_a",
            job_name="a",
            run_id="run-1",
            biz_dt=DAY,
            status="Started",
            start_time=at(1),
            attempts=1,
        )

    def test_the_rows_of_a_landing(self) -> None:
        landed = DateResult("completed", at(3.5), row_count=1_234)
        assert DateResult.from_json(json.loads(json.dumps(landed.to_json()))) == landed
        assert one(run(report(ends={DAY: landed}))).row_count == 1_234
        # Reports of the version before have none.
        older = {"status": "completed", "at": 1, "message": None}
        assert DateResult.from_json(older).row_count is None

    def test_completed(self) -> None:
        row = one(run(report(app="app-1", ends={DAY: DateResult("completed", at(3.5))})))

        assert (row.status, row.error_message) == ("Completed", None)
        assert (row.start_time, row.end_time, row.duration) == (at(1), at(3.5), 2.5)
        assert row.spark_app_id == "app-1"

    def test_failed(self) -> None:
        row = one(run(report(ends={DAY: DateResult("failed", at(3), "no such file")})))

        assert row.status == "Failed: no such file"
        assert row.error_message == "no such file"

    @pytest.mark.parametrize("message", [None, ""])
    def test_failed_without_a_reason(self, message: str | None) -> None:
        row = one(run(report(ends={DAY: DateResult("failed", at(3), message)})))
        assert row.status == "Failed: no reason was given"

    def test_canceled(self) -> None:
        row = one(run(report(ends={DAY: DateResult("canceled", at(3), "stopped on request")})))
        assert (row.status, row.error_message, row.end_time) == ("Canceled", None, at(3))

    def test_dates_end_each_in_their_way(self) -> None:
        other = "2024-05-16"
        ends = {DAY: DateResult("completed", at(2)), other: DateResult("failed", at(3), "bad")}
        rows = project(run(report(dates=(DAY, other), ends=ends)))

        assert [(row.biz_dt, row.status) for row in rows] == [
            (DAY, "Completed"),
            (other, "Failed: bad"),
        ]

    def test_a_run_without_a_date_has_a_row_without_one(self) -> None:
        row = one(run(report(dates=("",), ends={"": DateResult("failed", at(2), "no date")})))
        assert (row.biz_dt, row.status) == (None, "Failed: no date")


class TestWhatAStepCouldNotSay:
    def test_dagsters_word_that_it_failed(self) -> None:
        failures = [StepFailureEvent("a", at(5), "second"), StepFailureEvent("a", at(4), "first")]
        row = one(
            run(report(), failures=failures, end=RunEndEvent(RunStatus.FAILURE, at(6), "run"))
        )

        assert (row.status, row.end_time, row.duration) == ("Failed: first", at(4), 3)

    def test_another_steps_failure_is_not_its_own(self) -> None:
        mine, other = project(run(report(), failures=[StepFailureEvent("b", at(4), "b's")]))
        assert (mine.status, other.job_name) == ("Started", "b")

    def test_a_step_that_failed_before_its_first_word_has_its_row(self) -> None:
        row = one(run(failures=[StepFailureEvent("b", at(4), "no log file")]))
        assert (row.job_id, row.biz_dt, row.status) == ("J_b", DAY, "Failed: no log file")
        assert (row.start_time, row.end_time, row.attempts) == (None, at(4), 0)

    @pytest.mark.parametrize(
        ("how", "status"),
        [
            (RunStatus.FAILURE, "Failed: the orchestrator died"),
            (RunStatus.CANCELED, "Canceled"),
            (RunStatus.SUCCESS, "Completed"),
        ],
    )
    def test_the_runs_end(self, how: RunStatus, status: str) -> None:
        # In a canceled run the step that never began has a row too, after this one.
        row = project(run(report(), end=RunEndEvent(how, at(9), "the orchestrator died")))[0]
        assert (row.status, row.end_time) == (status, at(9))

    def test_a_run_that_succeeds_without_a_job_never_completes_it(self) -> None:
        # Its row of job_master was gone when the run began; the one after it was not due.
        row = one(run(end=RunEndEvent(RunStatus.SUCCESS, at(9))))
        assert (row.job_name, row.status) == ("a", f"Failed: {LEFT_OUT}")
        assert (row.end_time, row.attempts) == (at(9), 0)

    def test_a_job_that_was_renamed_meanwhile_has_one_row(self) -> None:
        renamed = replace(report(ends={DAY: DateResult("completed", at(3))}), job_name="new_a")
        row = one(run(renamed, end=RunEndEvent(RunStatus.SUCCESS, at(9))))
        assert (row.job_id, row.job_name, row.status) == ("J_a", "new_a", "Completed")

    @pytest.mark.parametrize("how", list(RunStatus))
    def test_its_own_word_stands_against_the_runs(self, how: RunStatus) -> None:
        step = report(ends={DAY: DateResult("completed", at(3))})
        failures = [StepFailureEvent("a", at(4), "x")]
        row = project(run(step, failures=failures, end=RunEndEvent(how, at(9), "x")))[0]
        assert (row.status, row.end_time) == ("Completed", at(3))

    @pytest.mark.parametrize(
        ("how", "status"),
        [(RunStatus.FAILURE, "Failed: the orchestrator died"), (RunStatus.CANCELED, "Canceled")],
    )
    def test_a_step_that_never_began_has_the_runs_end(self, how: RunStatus, status: str) -> None:
        done = report("a", ends={DAY: DateResult("completed", at(3))})

        assert len(project(run(done))) == 1
        first, second = project(run(done, end=RunEndEvent(how, at(4), "the orchestrator died")))
        assert (first.job_name, first.status) == ("a", "Completed")
        assert (second.job_name, second.status, second.attempts) == ("b", status, 0)
        assert (second.start_time, second.end_time, second.duration) == (None, at(4), None)

    def test_a_run_that_failed_before_any_step_has_the_rows_of_the_first_ones(self) -> None:
        row = one(run(end=RunEndEvent(RunStatus.FAILURE, at(4), "the orchestrator died")))
        assert (row.job_name, row.status) == ("a", "Failed: the orchestrator died")

    @pytest.mark.parametrize(
        "end", [DateResult("failed", at(3), "bad"), DateResult("canceled", at(3)), None]
    )
    def test_a_step_after_one_that_did_not_end_well_has_no_row(
        self, end: DateResult | None
    ) -> None:
        first = report("a", ends={DAY: end} if end else {})
        row = one(run(first, end=RunEndEvent(RunStatus.FAILURE, at(4), "steps failed")))
        assert row.job_name == "a"

    def test_a_step_after_one_that_landed_and_whose_check_failed_has_no_row(self) -> None:
        landed = report("a", ends={DAY: DateResult("completed", at(3))})
        failures = [StepFailureEvent("a", at(4), "check failed")]
        row = one(run(landed, failures=failures, end=RunEndEvent(RunStatus.FAILURE, at(4))))
        assert (row.job_name, row.status) == ("a", "Completed")

    def test_a_run_of_which_nothing_is_known(self) -> None:
        assert project(run()) == []


class TestAttempts:
    def test_the_last_one_counts_from_the_first_start(self) -> None:
        first = report(started=1, app="app-1", ends={DAY: DateResult("failed", at(2), "flaky")})
        second = report(
            started=3, app="app-2", attempt=2, ends={DAY: DateResult("completed", at(5))}
        )
        row = one(run(second, first))

        assert (row.status, row.attempts, row.spark_app_id) == ("Completed", 2, "app-2")
        assert (row.start_time, row.duration) == (at(1), 4)

    def test_one_that_has_begun_is_not_the_failure_before(self) -> None:
        first = report(started=1, ends={DAY: DateResult("failed", at(2), "flaky")})
        row = one(run(first, report(started=3, attempt=2)))

        assert (row.status, row.attempts, row.end_time) == ("Started", 2, None)

    def test_a_date_that_has_ended_is_none_of_the_next_ones(self) -> None:
        dates = (DAY, "2024-05-16")
        first = report(dates=dates, app="app-1", ends={DAY: DateResult("completed", at(2))})
        second = report(
            dates=dates[1:],
            started=3,
            app="app-2",
            attempt=2,
            ends={dates[1]: DateResult("failed", at(5))},
        )
        rows = project(run(second, first))

        assert [(row.attempts, row.spark_app_id, row.end_time) for row in rows] == [
            (1, "app-1", at(2)),
            (2, "app-2", at(5)),
        ]


class TestClip:
    @pytest.mark.parametrize("letter", ["x", "é", "漢", "😀"])
    def test_five_hundred_whole_characters(self, letter: str) -> None:
        row = one(run(report(ends={DAY: DateResult("failed", at(2), letter * 600)})))

        assert row.error_message is not None
        assert len(row.error_message) == 500
        assert row.error_message == letter * 499 + "…"
        assert row.status == f"Failed: {row.error_message}"

    def test_exactly_five_hundred_is_not_cut(self) -> None:
        row = one(run(report(ends={DAY: DateResult("failed", at(2), "x" * 500)})))
        assert row.error_message == "x" * 500

    def test_a_letter_is_not_cut_from_its_accent(self) -> None:
        message = "x" * 498 + "e\u0301" + "y" * 20
        row = one(run(report(ends={DAY: DateResult("failed", at(2), message)})))

        assert row.error_message == "x" * 498 + "…"

    @given(st.text())
    def test_any_message_fits_every_store(self, message: str) -> None:
        row = one(run(report(ends={DAY: DateResult("failed", at(2), message)})))

        check_rows(EXECUTION_LOG, [row.to_row()])
        assert row.error_message is not None
        assert 0 < len(row.error_message) <= 500
        assert "\n" not in row.error_message

    @given(
        st.text(
            st.characters(exclude_categories=["Zs", "Zl", "Zp", "Cc", "Cf", "Cs"]), max_size=500
        )
    )
    def test_a_short_line_is_kept_as_it_is(self, message: str) -> None:
        row = one(run(report(ends={DAY: DateResult("failed", at(2), message)})))
        assert row.error_message == (message or "no reason was given")


moments = st.datetimes(timezones=st.just(timezone.utc))
ends = st.builds(
    DateResult,
    st.sampled_from(["completed", "failed", "canceled"]),
    st.integers(10, 20).map(at),
    st.none() | st.text(max_size=20),
)


@given(
    st.builds(
        StepReport,
        st.text(),
        st.text(),
        st.lists(st.text(), max_size=3).map(tuple),
        moments,
        st.integers(1, 9),
        st.none() | st.text(),
        st.dictionaries(
            st.text(), st.builds(DateResult, st.text(), moments, st.none() | st.text())
        ),
    )
)
def test_reports_survive_their_json(step: StepReport) -> None:
    assert StepReport.from_json(json.loads(json.dumps(step.to_json()))) == step


@st.composite
def timelines(draw: st.DrawFn) -> list[StepReport]:
    """All that the steps of a run say, each adding to its last word as ExecutionLogWriter does."""
    reports: list[StepReport] = []
    for name in draw(st.sampled_from(["a", "b", "ab"])):
        dates = draw(
            st.sampled_from([(DAY,), (DAY, "2024-05-16"), ("2024-05-14", DAY, "2024-05-16")])
        )
        word = report(name, dates=dates, started=draw(st.integers(1, 9)))
        reports.append(word)
        if draw(st.booleans()):
            word = replace(word, spark_app_id=f"app-{name}")
            reports.append(word)
        ended: set[str] = set()
        for day in draw(st.permutations(dates))[: draw(st.integers(0, len(dates)))]:
            word = replace(word, ends={**word.ends, day: draw(ends)})
            reports.append(word)
            ended.add(day)
        if (rest := tuple(day for day in dates if day not in ended)) and draw(st.booleans()):
            again = replace(word, attempt=2, biz_dts=rest, started_at=at(9), ends={})
            reports += [again, replace(again, ends={rest[0]: draw(ends)})]
    return reports


run_ends = st.none() | st.builds(
    RunEndEvent, st.sampled_from(RunStatus), st.integers(30, 40).map(at), st.text(max_size=9)
)
failures = st.lists(
    st.builds(
        StepFailureEvent,
        st.sampled_from(["a", "b"]),
        st.integers(20, 25).map(at),
        # The same moment has the same message: Dagster says a failure once.
        st.just("boom"),
    ),
    max_size=2,
)


@given(timelines(), run_ends, failures, st.randoms())
def test_order_and_repetition_make_no_difference(
    reports: list[StepReport],
    end: RunEndEvent | None,
    failed: list[StepFailureEvent],
    dice: random.Random,
) -> None:
    rows = project(run(*reports, failures=failed, end=end))
    shuffled = reports + [dice.choice(reports) for _ in range(4)]
    dice.shuffle(shuffled)
    dice.shuffle(failed)

    assert project(run(*shuffled, failures=failed, end=end)) == rows
    assert len({row.id for row in rows}) == len(rows)


def rows_of(store: ControlStore) -> list[Row]:
    return store.read(EXECUTION_LOG)


@settings(max_examples=60, deadline=None)
@given(timelines(), run_ends, failures, st.data())
def test_any_delivery_that_is_completed_leaves_the_same_rows(
    reports: list[StepReport],
    end: RunEndEvent | None,
    failed: list[StepFailureEvent],
    data: st.DataObject,
) -> None:
    """Writers that saw a part of the run, in any order and repeated; then one that saw it all.

    A step writes what it knows itself, again and late; the sensor writes what it reads, from a
    log that was cut anywhere; only its last reading is whole.
    """
    # A row is promised to be the same once its run has settled.
    assume(end is not None)
    whole = run(*reports, failures=failed, end=end)
    partial: list[RunHistory] = [
        run(word) for word in data.draw(st.lists(st.sampled_from(reports), max_size=6))
    ]
    cuts = data.draw(st.lists(st.integers(0, len(reports)), max_size=2))
    partial += [run(*reports[:cut]) for cut in cuts]
    before = data.draw(st.permutations(partial))
    after = data.draw(st.lists(st.sampled_from(partial), max_size=3)) if partial else []

    with TemporaryDirectory() as folder:
        once = open_store("sqlite:///once.db", Path(folder))
        often = open_store("sqlite:///often.db", Path(folder))
        once.ensure_tables()
        often.ensure_tables()
        write_rows(once, project(whole))
        for history in [*before, whole, whole, *after, whole]:
            write_rows(often, project(history))

        assert rows_of(often) == rows_of(once)
        assert rows_of(once) == sorted(
            (row.to_row() for row in project(whole)), key=lambda row: str(row["id"])
        )
        once.close()
        often.close()


class TestInTheStore:
    DONE = run(report(app="app-1", ends={DAY: DateResult("completed", at(3))}))
    FAILED = run(report(app="app-1", ends={DAY: DateResult("failed", at(3), "bad")}))

    @pytest.mark.parametrize("ended", [DONE, FAILED], ids=["completed", "failed"])
    def test_a_late_start_undoes_nothing(self, store: ControlStore, ended: RunHistory) -> None:
        write_rows(store, project(ended))
        before = rows_of(store)
        write_rows(store, project(run(report(started=9))))

        assert rows_of(store) == before

    def test_a_start_and_its_end_are_one_row(self, store: ControlStore) -> None:
        write_rows(store, project(run(report())))
        assert [row["status"] for row in rows_of(store)] == ["Started"]
        write_rows(store, project(self.DONE))

        (row,) = rows_of(store)
        assert (row["status"], row["start_time"], row["duration"]) == ("Completed", at(1), 2.0)

    def test_an_end_never_replaces_a_value_by_null(self, store: ControlStore) -> None:
        write_rows(store, project(self.FAILED))
        write_rows(store, project(run(report(ends={DAY: DateResult("failed", at(3), "bad")}))))

        (row,) = rows_of(store)
        assert row["spark_app_id"] == "app-1"

    def test_starts_and_ends_of_one_batch(self, store: ControlStore) -> None:
        both = run(report("a", ends={DAY: DateResult("completed", at(3))}), report("b"))
        write_rows(store, project(both))

        found = {str(row["job_name"]): row["status"] for row in rows_of(store)}
        assert found == {"a": "Completed", "b": "Started"}

    def test_nothing_to_write(self, store: ControlStore) -> None:
        write_rows(store, [])
        assert rows_of(store) == []

    def test_ids_sort_the_log_by_time(self, store: ControlStore) -> None:
        for n in (3, 1, 2):
            history = replace(run(report()), run_id=f"run-{n}", created_at=at(n))
            write_rows(store, project(history))

        assert [row["run_id"] for row in rows_of(store)] == ["run-1", "run-2", "run-3"]
        assert str(rows_of(store)[0]["id"]).startswith(f"{to_micros(at(1))}_")
