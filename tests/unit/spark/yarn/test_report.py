"""From the resource manager's diagnostics to an exit code and a sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orch_dagster.spark.yarn.application_end import end_of
from orch_dagster.spark.yarn.report import Application, failure_of, still_live, waiting_reason

ID = "application_1716192000000_0001"
_AM = (
    "Application application_1716192000000_0001 failed 1 times due to AM Container for "
    "appattempt_1716192000000_0001_000001 exited with  exitCode: {code}\n"
    "Failing this attempt.Diagnostics: [2024-05-16 10:00:00.000]{text}\n"
)


def application(state: str, final: str = "FAILED", diagnostics: str = "") -> Application:
    return Application(ID, state, final, diagnostics, queue="default")


@pytest.mark.parametrize(
    ("report", "code", "sentence"),
    [
        (application("FINISHED", "SUCCEEDED"), 0, None),
        (
            application("FINISHED", diagnostics="User application exited with status 3"),
            3,
            f"exit code 3 of the driver of {ID}",
        ),
        (
            application(
                "FAILED",
                diagnostics=_AM.format(code=137, text="Container killed on request. Exit code 137"),
            ),
            137,
            f"{ID} failed: its driver was killed (exit code 137, SIGKILL): the node ran out of "
            "memory, or somebody used kill -9",
        ),
        (
            application("FINISHED", diagnostics="User application exited with status 137"),
            137,
            f"{ID} failed: its driver was killed (exit code 137, SIGKILL): the node ran out of "
            "memory, or somebody used kill -9",
        ),
        (
            application(
                "FAILED",
                diagnostics=_AM.format(
                    code=-104,
                    text="Container [pid=7,containerID=container_1_1_01_000001] is running 12345B "
                    "beyond the 'PHYSICAL' memory limit. Current usage: 1.1 GB of 1 GB physical "
                    "memory used; 2.9 GB of 2.1 GB virtual memory used. Killing container.",
                ),
            ),
            -104,
            f"{ID} failed: its driver used more physical memory than its container has (1.1 GB of "
            "1 GB); raise spark.driver.memory or spark.driver.memoryOverhead",
        ),
        (
            application("FAILED", diagnostics=_AM.format(code=-100, text="lost node")),
            -100,
            f"{ID} failed: its node was lost or let go of its container (exit code -100): ",
        ),
        (
            # Hadoop's KILLED_BY_CONTAINER_SCHEDULER and KILLED_FOR_EXCESS_LOGS.
            application("FAILED", diagnostics=_AM.format(code=-108, text="made room")),
            -108,
            f"{ID} failed: its container was killed by its node, to make room for another one "
            "(exit code -108): ",
        ),
        (
            application("FAILED", diagnostics=_AM.format(code=-109, text="too much")),
            -109,
            f"{ID} failed: its container wrote more logs than it may (exit code -109): ",
        ),
        (
            application(
                "FINISHED",
                diagnostics='User class threw exception: java.io.IOException: Cannot run program "'
                '/opt/py/bin/python": error=2, No such file or directory',
            ),
            127,
            f"{ID} failed: no Python on the node: '/opt/py/bin/python' is not there; set "
            "spark.pyspark.python to the nodes' own (exit code 127)",
        ),
        (
            application("FINISHED", diagnostics="User application exited with status 127"),
            127,
            f"{ID} failed: a program that it starts with is not on the node; look at "
            "spark.pyspark.python, and at JAVA_HOME there (exit code 127)",
        ),
        (
            application(
                "FAILED",
                diagnostics=_AM.format(
                    code=127,
                    text="/bin/bash: line 1: /opt/java/bin/java: No such file or directory",
                ),
            ),
            127,
            f"{ID} failed: the node has no '/opt/java/bin/java': have it installed there, or "
            "correct the path (exit code 127)",
        ),
        (
            application(
                "FINISHED", diagnostics="Shutdown hook called before final status was reported."
            ),
            1,
            f"{ID} failed: its driver was terminated from outside, or ended its JVM itself "
            "(Shutdown hook called before final status was reported)",
        ),
        (
            application(
                "FINISHED", diagnostics="Max number of executor failures (3) reached\n\tat a.b.C"
            ),
            1,
            f"{ID} ended as FINISHED (FAILED): Max number of executor failures (3) reached",
        ),
        (
            application(
                "KILLED",
                "KILLED",
                f"Application {ID} was killed by user ana at 10.0.0.7",
            ),
            1,
            f"{ID} was killed by user ana from 10.0.0.7",
        ),
        (
            application(
                "KILLED",
                "KILLED",
                f"Application {ID} was killed by user ana at 10.0.0.7 with diagnostic message: "
                "stopped on request",
            ),
            1,
            f"{ID} was killed by user ana from 10.0.0.7: stopped on request",
        ),
        (application("KILLED", "KILLED"), 1, f"{ID} was killed"),
    ],
)
def test_the_end_of_an_application(report: Application, code: int, sentence: str | None) -> None:
    assert report.is_over
    assert report.exit_code == code
    found = failure_of(report)
    if sentence is None or found is None:
        assert found == sentence
    else:
        assert found.startswith(sentence)


@pytest.mark.parametrize(
    ("code", "text", "sentence"),
    [
        (
            -104,
            "is running 100B beyond the 'PHYSICAL' memory limit. Current usage: 1.2 GB of 1 GB "
            "physical memory used",
            f"{ID} failed: its application master used more physical memory than its container has "
            "(1.2 GB of 1 GB); raise spark.yarn.am.memory or spark.yarn.am.memoryOverhead",
        ),
        (137, "", f"{ID} failed: its application master was killed (exit code 137, SIGKILL): the "
         "node ran out of memory, or somebody used kill -9"),
        (143, "", f"{ID} failed: its application master was terminated from outside (exit code "
         "143, SIGTERM)"),
        (10, "", f"exit code 10 of the application master of {ID}"),
    ],
)  # fmt: skip
def test_what_befell_the_application_master_of_a_driver_here_is_not_told_of_the_driver(
    code: int, text: str, sentence: str
) -> None:
    """The remedy was the driver's memory, which is on this machine."""
    failed = application("FAILED", diagnostics=_AM.format(code=code, text=text))
    assert end_of([failed], "", is_cluster=False).failure == sentence


@pytest.mark.parametrize("is_cluster", [True, False])
def test_executors_above_the_maximum_of_yarn_are_told_with_their_property(
    *, is_cluster: bool
) -> None:
    """A driver, wherever it is, reports that its session is gone, or nothing."""
    refused = (
        "Uncaught exception: org.apache.hadoop.yarn.exceptions.InvalidResourceRequestException: "
    )
    refused += (
        "Invalid resource request! Cannot allocate containers as requested resource is greater "
    )
    refused += (
        "than maximum allowed allocation. Requested resource type=[vcores], Requested resource="
    )
    refused += (
        "<memory:896, vCores:99>, maximum allowed allocation=<memory:6144, vCores:4>, please "
    )
    refused += "note that maximum allowed allocation is calculated by scheduler based on maximum "
    refused += "resource of registered NodeManagers\n\tat org.apache.hadoop.X.y(X.java:513)\n"
    ended = end_of([application("FINISHED", diagnostics=refused)], "", is_cluster=is_cluster)
    assert ended.failure == (
        f"{ID} failed: an executor asks for more cores than the 4 that YARN gives a container: "
        "lower spark.executor.cores"
    )
    assert (ended.is_cause, ended.is_transient) == (True, False)


@pytest.mark.parametrize(
    ("diagnostics", "reason"),
    [
        (
            "[Thu May 16 10:00:00 +0000 2024] Application is added to the scheduler and is not yet "
            "activated. Queue's AM resource limit exceeded.  Details : AM Partition = <DEFAULT>; ",
            "Application is added to the scheduler and is not yet activated. Queue's AM resource "
            "limit exceeded",
        ),
        ("", "the resource manager of queue default has given it no container (ACCEPTED)"),
    ],
)
def test_the_reason_of_waiting(diagnostics: str, reason: str) -> None:
    waiting = application("ACCEPTED", "UNDEFINED", diagnostics)
    assert waiting.is_waiting
    assert not waiting.is_over
    assert waiting_reason(waiting) == reason


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("NEW", "has not taken it yet"),
        ("NEW_SAVING", "writes it into its state store, which has not answered yet"),
        ("SUBMITTED", "has not put it into its queue yet"),
    ],
)
def test_what_no_queue_has_yet_waits_for_no_container(state: str, reason: str) -> None:
    waiting = application(state, "UNDEFINED")
    assert waiting_reason(waiting) == f"the resource manager {reason} ({state})"


def test_what_could_not_be_ended_is_named_with_its_remedy() -> None:
    assert still_live(application("RUNNING", "UNDEFINED")) == (
        f"{ID} is still RUNNING: end it by `yarn application -kill {ID}`"
    )


def test_why_it_could_not_be_killed_is_told() -> None:
    refused = replace(application("RUNNING", "UNDEFINED"), refusal="AccessControlException: no")
    assert still_live(refused) == (
        f"{ID} is still RUNNING: end it by `yarn application -kill {ID}` "
        "(AccessControlException: no)"
    )


@pytest.mark.parametrize("state", ["ACCEPTED", "FAILED", "KILLED", "FINISHED"])
def test_what_an_acl_hides_is_told_as_unknown(state: str) -> None:
    """The resource manager has N/A in its place, which was told as the reason."""
    hidden = Application.from_json(
        {"id": ID, "state": state, "final_status": "FAILED", "diagnostics": "N/A"}
    )
    text = waiting_reason(hidden) if hidden.is_waiting else failure_of(hidden)
    assert text is not None
    assert "N/A" not in text
    assert text.endswith(
        "; why is unknown, as yarn.acl.enable lets the orchestrator see no more: give it the right "
        "by spark.ui.view.acls"
    )


def test_an_application_is_read_from_the_gateway() -> None:
    document = {"id": ID, "state": "RUNNING", "tags": ["a"], "queue": None, "containers": 1}
    found = Application.from_json(document)
    assert found == Application(ID, "RUNNING", "", tags=frozenset({"a"}), containers=1)
    # -1 where the user may not see it.
    assert not Application.from_json({**document, "containers": -1}).is_alone
