"""An application that is followed: what is told of it, its limits, and its end."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from orch_dagster.spark.outcome import JobException, Outcome, ResultMessages, judge
from orch_dagster.spark.process import ProcessEnd
from orch_dagster.spark.yarn import follow
from orch_dagster.spark.yarn.application_end import ApplicationEnd
from orch_dagster.spark.yarn.follow import ApplicationListener, ApplicationWatch
from orch_dagster.spark.yarn.gateway import YarnClient, YarnError
from orch_dagster.spark.yarn.limits import ApplicationLimits
from orch_dagster.spark.yarn.report import Application
from orch_dagster.spark.yarn.submitted import SubmittedApplication

ID = "application_1_0001"
DONE = ProcessEnd(0, "exited", "", 9.0)
KILLED = ProcessEnd(137, "exited", "", 9.0)
STOPPED = ProcessEnd(143, "stopped", "", 9.0)
AWAY = YarnError("ConnectException: rm:8032 refused")


def of(
    state: str, final: str = "UNDEFINED", diagnostics: str = "", containers: int = 0
) -> Application:
    return Application(ID, state, final, diagnostics, queue="q", containers=containers)


@dataclass
class Cluster:
    """Stands for the cluster: answers with these reports, one after another, then the last."""

    reports: list[Application | YarnError | None]
    ended: Application | YarnError | None = None
    kills: list[str] = field(default_factory=list[str])
    guarded: list[str] = field(default_factory=list[str])

    def guard(self, tag: str) -> None:
        self.guarded.append(tag)

    def release(self, tag: str) -> None:
        self.guarded.remove(tag)

    def find(self, _tag: str) -> list[Application]:
        report = self.reports[0] if len(self.reports) == 1 else self.reports.pop(0)
        if isinstance(report, YarnError):
            raise report
        return [report] if report else []

    def report(self, _id: str) -> Application:
        found = self.find("")
        if not found:
            raise YarnError("unknown", kind="org.apache.hadoop.yarn.ApplicationNotFoundException")
        return found[0]

    def end(self, _tag: str, why: str, _within_s: float) -> list[Application]:
        self.kills.append(why)
        if isinstance(self.ended, YarnError):
            raise self.ended
        return [self.ended] if self.ended else []


@dataclass
class Followed:
    """A watch whose polls a test makes itself, at the times that it says."""

    cluster: Cluster
    is_cluster: bool = True
    needs_executors: bool = True
    timeout_s: float = 100.0
    queue_s: float = 50.0
    waited_s: float = 0.0
    now_s: float = 0.0
    told: list[str] = field(default_factory=list[str])
    rivals: list[str | YarnError | None] = field(default_factory=list[str | YarnError | None])

    def rival(self, _: Application) -> str | None:
        found = self.rivals.pop(0)
        if isinstance(found, YarnError):
            raise found
        return found

    def __post_init__(self) -> None:
        if self.is_cluster:
            self.cluster.guard("tag")
        self.watch = ApplicationWatch(
            cast(YarnClient, self.cluster),
            SubmittedApplication("tag", self.is_cluster, needs_executors=self.needs_executors),
            threading.Event(),
            ApplicationLimits(self.timeout_s, self.queue_s, self.waited_s),
            ApplicationListener(
                lambda found: self.told.append(f"submitted {found.id}"),
                lambda reason: self.told.append(f"waiting: {reason}"),
                lambda found: self.told.append(f"running {found.id}"),
            ),
            rival=self.rival if self.rivals else lambda _: None,
            clock=lambda: self.now_s,
        )

    def poll(self, *seconds: float) -> Any:
        for self.now_s in seconds:
            self.watch._poll()
        return self.watch.expired


def test_each_news_is_told_once() -> None:
    waits, other = of("ACCEPTED", diagnostics="no node"), of("ACCEPTED", diagnostics="full")
    runs = of("RUNNING")
    followed = Followed(Cluster([None, AWAY, waits, waits, other, runs, runs]))
    followed.poll(*range(7))
    assert followed.told == [
        f"waiting: {AWAY}", f"submitted {ID}", "waiting: no node", "waiting: full", f"running {ID}",
    ]  # fmt: skip


def test_the_timeout_counts_from_the_start_of_the_application() -> None:
    followed = Followed(Cluster([of("ACCEPTED"), of("RUNNING")]))
    assert followed.poll(40, 49, 148) is None
    assert followed.poll(149) == "timeout"
    assert followed.watch.is_set()


@pytest.mark.parametrize("is_cluster", [True, False])
def test_an_application_that_runs_on_unseen_is_told(is_cluster: bool) -> None:
    """Its end would not be known: neither by a silent resource manager, nor without a ticket."""
    runs = of("RUNNING")
    followed = Followed(Cluster([runs, AWAY, runs, AWAY, AWAY, AWAY, runs]), is_cluster)
    # It came back, so that the time counts anew.
    followed.poll(1, 2, 3, 40, 60, 70, 71)
    unseen = f"waiting: the application runs, or has ended, unseen ({AWAY})"
    told = [unseen, f"running {ID}"] if is_cluster else []
    assert followed.told == [f"submitted {ID}", f"running {ID}", *told]


def test_the_limit_of_an_application_that_nobody_sees_says_nothing_of_its_executors() -> None:
    followed = Followed(Cluster([of("RUNNING"), AWAY], ended=AWAY))
    assert followed.poll(1, 2, 40, 101) == "timeout"
    outcome = outcome_of(followed, STOPPED, followed.watch.settle(STOPPED))
    assert outcome.message == (
        "timed out after 1.66667 minutes and was stopped: the application runs, or has ended, "
        f"unseen ({AWAY}); it is unknown whether {ID} still runs ({AWAY})"
    )


def test_what_a_job_waited_before_its_submit_counts() -> None:
    followed = Followed(Cluster([of("ACCEPTED", diagnostics="no node")]), waited_s=30)
    assert followed.poll(19) is None
    assert followed.poll(20) == "queue"
    end = followed.watch.settle(STOPPED)
    assert "waited for YARN for 0.833333 minutes" in str(end.failure)


@pytest.mark.parametrize("report", [of("ACCEPTED", diagnostics="no node"), AWAY, None])
def test_the_wait_for_the_cluster_has_its_own_limit(report: Application | YarnError | None) -> None:
    cluster = Cluster([report], ended=of("KILLED", "KILLED"))
    followed = Followed(cluster)
    assert followed.poll(49) is None
    assert followed.poll(50) == "queue"
    end = followed.watch.settle(STOPPED)
    assert cluster.kills == ["it waited longer than queue.minutes"]
    message = str(outcome_of(followed, STOPPED, end).message)
    assert "waited for YARN for 0.833333 minutes" in message
    assert "raise queue.minutes" in message


@pytest.mark.parametrize("is_cluster", [True, False])
def test_a_submit_that_comes_to_no_application_is_told(is_cluster: bool) -> None:
    """A name node that drops packets kept it for a quarter of an hour, of which nobody knew."""
    followed = Followed(Cluster([None]), is_cluster, queue_s=90.0, timeout_s=90.0)
    followed.poll(1, 59)
    assert followed.told == []
    reason = (
        "spark-submit has not handed it over yet, as it uploads files, or a name node does not "
        "answer"
    )
    assert followed.poll(60, 70) is None
    # In client mode the job's own script runs first.
    assert followed.told == ([f"waiting: {reason}"] if is_cluster else [])
    if is_cluster:
        assert followed.poll(90) == "queue"
        failure = followed.watch.settle(STOPPED).failure
        assert str(failure).startswith(f"the submit waited for YARN for 1.5 minutes ({reason})")


NO_EXECUTORS = f"queue q has given {ID} no container for executors"


@pytest.mark.parametrize("is_cluster", [True, False])
def test_an_application_that_gets_no_executors_waits_for_them(is_cluster: bool) -> None:
    alone, whole = of("RUNNING", containers=1), of("RUNNING", containers=3)
    followed = Followed(Cluster([alone, alone, alone, alone, whole, whole]), is_cluster)
    followed.poll(1, 15)
    assert followed.told == [f"submitted {ID}", f"running {ID}"]
    followed.poll(16, 20, 24, 30)
    assert followed.told[2:] == [f"waiting: {NO_EXECUTORS}", f"running {ID}"]


@pytest.mark.parametrize(
    ("reports", "needs_executors"),
    [
        # They ask for them when there are tasks.
        ([of("RUNNING", containers=1)], False),
        # Not known, as the queue is not the user's to see.
        ([of("RUNNING", containers=0)], True),
        # They had theirs, and let go of them.
        ([of("RUNNING", containers=2), of("RUNNING", containers=1)], True),
    ],
)
def test_an_application_may_run_without_executors(
    reports: list[Application | YarnError | None], needs_executors: bool
) -> None:
    followed = Followed(Cluster(reports), needs_executors=needs_executors)
    followed.poll(1, 10, 30, 60)
    assert followed.told == [f"submitted {ID}", f"running {ID}"]


def test_an_application_that_asks_on_demand_says_by_its_driver_here_that_it_got_none() -> None:
    """Without that it was silent until timeout_minutes."""
    alone = of("RUNNING", containers=1)
    followed = Followed(Cluster([alone]), is_cluster=False, needs_executors=False)
    followed.poll(1, 20)
    followed.watch.hear("26/11/30 05:00:18 WARN Other: x")
    followed.poll(21)
    assert followed.told == [f"submitted {ID}", f"running {ID}"]
    followed.watch.hear(
        "26/11/30 05:00:18 WARN YarnScheduler: Initial job has not accepted any resources; check it"
    )
    followed.poll(22)
    assert followed.told[2:] == [f"waiting: {NO_EXECUTORS}"]


def test_the_end_of_its_time_says_that_it_got_no_executors() -> None:
    followed = Followed(
        Cluster([of("RUNNING", containers=1)], ended=of("KILLED", "KILLED")), is_cluster=False
    )
    assert followed.poll(1, 60, 101) == "timeout"
    message = outcome_of(followed, STOPPED, followed.watch.settle(STOPPED)).message
    assert message == (
        f"timed out after 1.66667 minutes and was stopped: {NO_EXECUTORS}; look at the queue, and "
        "at the memory and the cores that its executors ask for"
    )


def test_a_driver_here_that_asks_for_no_application_has_the_jobs_limit() -> None:
    followed = Followed(Cluster([None]), is_cluster=False)
    assert followed.poll(99) is None
    assert followed.poll(100) == "timeout"


def test_a_driver_here_that_outlives_its_application_has_the_jobs_limit() -> None:
    """Such as a script that hangs once its session has stopped."""
    followed = Followed(Cluster([of("RUNNING"), of("FINISHED", "SUCCEEDED")]), is_cluster=False)
    assert followed.poll(1, 9, 100) is None
    assert followed.poll(101) == "timeout"
    outcome = outcome_of(followed, STOPPED, followed.watch.settle(STOPPED))
    assert str(outcome.message).startswith("timed out")


def test_a_resource_manager_that_was_away_for_a_moment_changes_no_limit() -> None:
    followed = Followed(Cluster([AWAY, None]), is_cluster=False, queue_s=1000.0)
    assert followed.poll(1, 99) is None
    assert followed.poll(100) == "timeout"


def outcome_of(followed: Followed, process: ProcessEnd, end: ApplicationEnd) -> Outcome:
    settled = followed.watch.settled(process, end)
    return judge(settled, ResultMessages(), lands=False, timeout_s=100, application=end)


@pytest.mark.parametrize(
    ("process", "ended", "status", "message"),
    [
        (STOPPED, of("KILLED", "KILLED"), "canceled", "stopped on request"),
        (STOPPED, None, "canceled", "stopped on request"),
        (STOPPED, of("RUNNING"), "failed", f"{ID} is still RUNNING: end it by `yarn application"),
        (STOPPED, AWAY, "failed", "it is unknown whether an application of it still runs (Connect"),
        (KILLED, of("KILLED", "KILLED"), "failed", f"{ID} was killed"),
        (KILLED, AWAY, "failed", "exit code 137"),
        (ProcessEnd(1, "exited", "", 1.0), of("FINISHED", "FAILED", "User application exited with "
         "status 3"), "failed", f"exit code 3 of the driver of {ID}"),
        (ProcessEnd(1, "exited", "", 1.0), of("FINISHED", "SUCCEEDED"), "completed", "None"),
    ],
)  # fmt: skip
def test_the_row_says_an_end_only_when_the_application_has_one(
    process: ProcessEnd, ended: Application | YarnError | None, status: str, message: str
) -> None:
    followed = Followed(Cluster([None], ended=ended))
    end = followed.watch.settle(process)
    outcome = outcome_of(followed, process, end)
    assert outcome.status == status
    assert message in str(outcome.message)


@pytest.mark.parametrize("is_cluster", [True, False])
def test_an_application_gives_way_to_a_rival_and_fails_with_its_name(is_cluster: bool) -> None:
    cluster = Cluster([None, of("ACCEPTED")], ended=of("KILLED", "KILLED"))
    # It is looked for again until the resource manager has answered, and then no more.
    followed = Followed(cluster, is_cluster, rivals=[AWAY, "application_1_0000 lands it"])
    assert followed.poll(1, 2) is None
    assert followed.poll(3, 4) == "rival"
    end = followed.watch.settle(STOPPED)
    outcome = outcome_of(followed, STOPPED, end)
    assert (outcome.status, outcome.message) == (
        "failed", f"{ID} gave way to another application: application_1_0000 lands it"
    )  # fmt: skip
    assert cluster.kills == ["another application lands its dates"]


def test_a_rival_is_looked_for_once() -> None:
    followed = Followed(Cluster([of("ACCEPTED"), of("RUNNING")]), rivals=[None])
    assert followed.poll(1, 2, 3) is None


@pytest.mark.parametrize("is_cluster", [True, False])
@pytest.mark.parametrize("is_own", [True, False])
def test_who_killed_an_application_is_told_and_not_what_its_driver_made_of_it(
    is_cluster: bool, is_own: bool
) -> None:
    process = ProcessEnd(1, "exited", "", 9.0)
    symptom = JobException("Py4JJavaError", "Job 3 cancelled because SparkContext was shut down")
    text = "Application application_1_0001 was killed by user eve at 10.0.0.1"
    if is_own:
        text += " with diagnostic message: its submit process ended with exit code 1"
    followed = Followed(Cluster([None], ended=of("KILLED", "KILLED", text)), is_cluster)
    end = followed.watch.settle(process)
    settled = followed.watch.settled(process, end)
    messages = ResultMessages(exception=symptom)
    outcome = judge(settled, messages, lands=False, timeout_s=1, application=end)
    # In client mode the end of the driver is its own, and then that of the application follows.
    told = symptom.line if is_own and not is_cluster else f"{ID} was killed by user eve"
    assert str(outcome.message).startswith(told)


SYMPTOM = JobException("Py4JJavaError", "Job 3 cancelled because SparkContext was shut down")
OWN = JobException("HqlError", "x.hql:3: no such column")
PREEMPTED = "AM Container for a_1 exited with  exitCode: -102\npreempted"
GAVE_UP = "Max number of executor failures (3) reached"


@pytest.mark.parametrize(
    ("is_cluster", "ended", "exception", "message", "is_transient"),
    [
        (False, of("FAILED", "FAILED", PREEMPTED), SYMPTOM,
         f"{ID} failed: its container was preempted", True),
        (False, of("FINISHED", "FAILED", GAVE_UP), SYMPTOM, f"{ID} ended as FINISHED (FAILED): "
         f"{GAVE_UP}", False),
        (False, of("FINISHED", "FAILED", GAVE_UP), OWN, OWN.line, False),
        # As with spark.yarn.am.clientModeTreatDisconnectAsFailed.
        (False, of("FINISHED", "FAILED", "lost connection with driver"), OWN, OWN.line, False),
        (False, of("FINISHED", "SUCCEEDED"), OWN, OWN.line, False),
        (True, of("FINISHED", "FAILED", GAVE_UP), SYMPTOM, f"{ID} ended as FINISHED (FAILED): "
         f"{GAVE_UP}", False),
        (True, of("FINISHED", "FAILED", "User application exited with status 1"), OWN, OWN.line,
         False),
    ],
)  # fmt: skip
def test_what_befell_an_application_is_told_and_not_the_end_of_its_session(
    is_cluster: bool, ended: Application, exception: JobException, message: str, is_transient: bool
) -> None:
    process = ProcessEnd(1, "exited", "", 9.0)
    followed = Followed(Cluster([None], ended=ended), is_cluster)
    end = followed.watch.settle(process)
    settled = followed.watch.settled(process, end)
    messages = ResultMessages(exception=exception)
    outcome = judge(settled, messages, lands=False, timeout_s=1, application=end)
    assert str(outcome.message).startswith(message)
    assert outcome.is_transient == is_transient


@pytest.mark.parametrize(
    ("diagnostics", "reason"),
    [("", ""), ("[Thu May 16 10:00:00 +0000 2024] waiting for AM", ": waiting for AM")],
)
def test_an_application_that_ran_is_not_told_to_have_got_no_container(
    diagnostics: str, reason: str
) -> None:
    """A resource manager that was restarted says ACCEPTED until its master has registered again."""
    runs = of("RUNNING")
    followed = Followed(Cluster([runs, of("ACCEPTED", diagnostics=diagnostics), runs]))
    followed.poll(1, 2, 3)
    again = f"{ID} ran, and its application master has to register again (ACCEPTED){reason}"
    assert followed.told[1:] == [f"running {ID}", f"waiting: {again}", f"running {ID}"]


def test_nothing_is_asked_of_a_driver_here_that_ended_well() -> None:
    cluster = Cluster([AWAY], ended=AWAY)
    followed = Followed(cluster, is_cluster=False)
    end = followed.watch.settle(DONE)
    assert outcome_of(followed, DONE, end).status == "completed"
    assert cluster.kills == []


def test_an_exit_with_0_in_cluster_mode_is_held_against_the_report() -> None:
    followed = Followed(Cluster([of("FINISHED", "FAILED", "Max number of failures")]))
    followed.poll(1)
    end = followed.watch.settle(followed.watch.await_end(DONE))
    outcome = outcome_of(followed, DONE, end)
    assert (outcome.status, outcome.message) == (
        "failed", f"{ID} ended as FINISHED (FAILED): Max number of failures"
    )  # fmt: skip


def test_a_lost_node_is_transient() -> None:
    lost = of("FAILED", "FAILED", "AM Container exited with  exitCode: -100\nnode lost")
    followed = Followed(Cluster([None], ended=lost))
    process = ProcessEnd(1, "exited", "", 1.0)
    assert outcome_of(followed, process, followed.watch.settle(process)).is_transient


@pytest.mark.parametrize("is_cluster", [True, False])
@pytest.mark.parametrize(
    ("text", "is_transient"),
    [
        ("AccessControlException: Queue root.q already has 9 applications, cannot accept "
         "submission of application: application_1_0001", True),
        ("AccessControlException: Queue root.q already has 9 applications from user etl cannot "
         "accept submission of application: application_1_0001", True),
        ("AccessControlException: Queue root.q is STOPPED. Cannot accept submission of "
         "application: application_1_0001", False),
        ("Application application_1_0001 submitted by user etl to unknown queue: q", False),
    ],
)  # fmt: skip
def test_a_queue_that_is_full_may_have_room_for_the_next_attempt(
    is_cluster: bool, text: str, is_transient: bool
) -> None:
    followed = Followed(Cluster([None], ended=of("FAILED", "FAILED", text)), is_cluster)
    process = ProcessEnd(1, "exited", "", 9.0)
    end = followed.watch.settle(process)
    refused = JobException("Py4JJavaError", f"YarnException: Failed to submit {ID} to YARN: {text}")
    messages = ResultMessages(exception=None if is_cluster else refused)
    settled = followed.watch.settled(process, end)
    outcome = judge(settled, messages, lands=False, timeout_s=1, application=end)
    assert outcome.is_transient == is_transient
    assert str(outcome.message).startswith(f"{ID} ended as FAILED: {text}")


def test_an_interrupt_that_leaves_the_block_ends_the_application() -> None:
    cluster = Cluster([None])
    followed = Followed(cluster)
    with pytest.raises(KeyboardInterrupt), followed.watch:
        raise KeyboardInterrupt
    assert cluster.kills == ["the run was interrupted"]


@pytest.mark.parametrize(
    ("last", "now_s", "status", "message"),
    [
        (of("FINISHED", "SUCCEEDED"), 9, "completed", None),
        # It ended just before its time was up.
        (of("FINISHED", "SUCCEEDED"), 900, "completed", None),
        (of("FINISHED", "FAILED", "User application exited with status 3"), 9, "failed",
         f"exit code 3 of the driver of {ID}"),
        (of("KILLED", "KILLED", "Application killed by user eve at 10.0.0.1"), 9, "failed",
         f"{ID} was killed"),
        (of("RUNNING"), 900, "failed", "timed out"),
    ],
)  # fmt: skip
def test_an_application_is_followed_when_its_submit_has_left(
    last: Application, now_s: float, status: str, message: str | None
) -> None:
    cluster = Cluster([of("ACCEPTED"), of("RUNNING"), last], ended=of("KILLED", "KILLED"))
    followed = Followed(cluster)
    followed.poll(1, 2, now_s)
    process = followed.watch.await_end(DONE)
    outcome = outcome_of(followed, process, followed.watch.settle(process))
    assert outcome.status == status
    assert str(outcome.message).startswith(str(message))
    assert bool(cluster.kills) == (last.state == "RUNNING")
    assert cluster.guarded == []


def test_a_stop_ends_an_application_whose_submit_has_left() -> None:
    cluster = Cluster([of("RUNNING")], ended=of("KILLED", "KILLED"))
    followed = Followed(cluster)
    followed.poll(1)
    cast(threading.Event, followed.watch.stop).set()
    process = followed.watch.await_end(DONE)
    assert process.reason == "stopped"
    outcome = outcome_of(followed, process, followed.watch.settle(process))
    assert (outcome.status, cluster.kills) == ("canceled", ["its run was stopped on request"])


@pytest.mark.parametrize("is_expired", [True, False])
def test_an_application_that_succeeded_before_it_could_be_ended_has_completed(
    is_expired: bool,
) -> None:
    """It ended after the last look, which may be ten seconds ago, and has landed."""
    cluster = Cluster([of("RUNNING")], ended=of("FINISHED", "SUCCEEDED"))
    followed = Followed(cluster)
    followed.poll(1)
    if is_expired:
        assert followed.poll(101) == "timeout"
    else:
        cast(threading.Event, followed.watch.stop).set()
    process = followed.watch.await_end(DONE)
    outcome = outcome_of(followed, process, followed.watch.settle(process))
    assert (outcome.status, len(cluster.kills)) == ("completed", 1)


def test_the_end_of_a_long_job_is_seen_soon_once_it_has_reported_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without that the next poll may be ten seconds away."""
    monkeypatch.setattr(follow, "_POLL_LEAST_S", 0.01)
    followed = Followed(Cluster([of("RUNNING"), of("FINISHED", "SUCCEEDED")]), is_cluster=False)
    times = iter([0.0])
    followed.watch.clock = lambda: next(times, 3600.0)
    followed.watch.limits = ApplicationLimits()
    with followed.watch:
        followed.watch.closing.set()
        assert followed.watch._has_ended.wait(5)


def test_a_driver_here_that_ended_at_its_limit_has_completed() -> None:
    """The last look may be on its way when the process ends."""
    followed = Followed(Cluster([of("RUNNING")]), is_cluster=False)
    assert followed.poll(1, 101) == "timeout"
    outcome = outcome_of(followed, DONE, followed.watch.settle(DONE))
    assert outcome.status == "completed"


def test_what_could_not_be_ended_stays_guarded() -> None:
    cluster = Cluster([of("RUNNING")], ended=AWAY)
    followed = Followed(cluster)
    assert "it is unknown whether" in str(followed.watch.settle(STOPPED).unended)
    assert cluster.guarded == ["tag"]


def test_an_application_that_the_resource_manager_lost_is_unknown() -> None:
    cluster = Cluster([of("RUNNING"), None, AWAY, of("RUNNING"), None, None, None], ended=None)
    followed = Followed(cluster)
    threads: list[ProcessEnd] = []
    waiting = threading.Thread(target=lambda: threads.append(followed.watch.await_end(DONE)))
    followed.poll(1)
    waiting.start()
    # It came back, so that the time counts anew.
    while not followed.watch._is_submitted:
        waiting.join(0.01)
    followed.poll(2, 3, 40, 50, 79)
    assert not followed.watch._has_ended.is_set()
    followed.poll(80)
    waiting.join(10)
    (process,) = threads
    end = followed.watch.settle(process)
    # What it staged is removed by its id.
    assert end.application is not None
    assert end.application.id == ID
    outcome = outcome_of(followed, process, end)
    assert outcome.status == "failed"
    assert f"the resource manager does not know {ID} any more" in str(outcome.message)


def test_a_follower_that_breaks_ends_the_application_too() -> None:
    cluster = Cluster([of("ACCEPTED")], ended=of("KILLED", "KILLED"))
    followed = Followed(cluster)
    followed.watch._crash = ValueError("broken")
    with pytest.raises(YarnError, match="can't be followed: ValueError: broken"), followed.watch:
        followed.watch.await_end(DONE)
    assert cluster.kills == ["the run was interrupted"]


@pytest.mark.parametrize("is_stopped", [True, False])
def test_a_driver_here_whose_follower_breaks_has_to_stop_as_nobody_holds_its_limits(
    is_stopped: bool,
) -> None:
    followed = Followed(Cluster([of("RUNNING")]), is_cluster=False)

    def broken(_: Application) -> None:
        raise ValueError("broken")

    followed.watch.listener = ApplicationListener(submitted=broken)
    followed.watch._is_due.set()
    with pytest.raises(ValueError, match="broken"):
        followed.watch._follow()
    assert followed.watch.is_set()
    # What has ended by itself needs no limits.
    assert followed.watch.await_end(DONE) is DONE
    if is_stopped:
        cast(threading.Event, followed.watch.stop).set()
        assert followed.watch.await_end(STOPPED) is STOPPED
        return
    with pytest.raises(YarnError, match="can't be followed: ValueError: broken"):
        followed.watch.await_end(STOPPED)


@pytest.mark.parametrize(
    ("ended", "left"),
    [
        (of("RUNNING"), f"{ID} is still RUNNING"),
        (AWAY, "it is unknown whether an application of it still runs"),
    ],
)
def test_an_error_that_leaves_the_block_names_what_could_not_be_ended(
    ended: Application | YarnError, left: str
) -> None:
    followed = Followed(Cluster([None], ended=ended))
    with pytest.raises(YarnError, match=f"^disk full; {left}"), followed.watch:
        raise OSError("disk full")
    followed = Followed(Cluster([None], ended=ended))
    with pytest.raises(KeyboardInterrupt) as interrupt, followed.watch:
        raise KeyboardInterrupt
    assert str(interrupt.value.__cause__).startswith(left)


def test_a_stop_of_what_the_resource_manager_has_forgotten_is_no_end() -> None:
    """As after a restart without recovery: its containers may be there still."""
    followed = Followed(Cluster([of("RUNNING")], ended=None))
    followed.poll(1)
    outcome = outcome_of(followed, STOPPED, followed.watch.settle(STOPPED))
    assert (outcome.status, outcome.message) == (
        "failed",
        "stopped on request before the job had ended, but it is unknown whether "
        f"{ID} still runs (the resource manager does not know it any more)",
    )
