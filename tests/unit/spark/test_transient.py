"""Failures that may pass, and those that never do. The texts are Spark's, Kudu's and the JDK's."""

from __future__ import annotations

import pytest

from orch_dagster.spark.outcome import JobException, ResultMessages, judge
from orch_dagster.spark.process import ProcessEnd
from orch_dagster.spark.transient import transient_cause

LOST = (
    "An error occurred while calling o72.save.\n: org.apache.spark.SparkException: Job aborted due "
    "to stage failure: Task 0 in stage 0.0 failed 1 times, most recent failure: Lost task 0.0 in "
    "stage 0.0 (TID 0) (10.0.0.1 executor 0): ExecutorLostFailure (executor 0 exited caused by one "
    "of the running tasks) Reason: Remote RPC client disassociated."
)
PORT = (
    "An error occurred while calling None.org.apache.spark.api.java.JavaSparkContext.\n: "
    "java.net.BindException: Address already in use: Service 'sparkDriver' failed after 16 retries"
)
KUDU = (
    "An error occurred while calling o50.save.\n: org.apache.kudu.client.NonRecoverableException: "
    "cannot complete before timeout: KuduRpc(method=Write)"
)


@pytest.mark.parametrize(
    ("message", "cause", "deepest"),
    [
        (LOST, "a Spark executor was lost", "ExecutorLostFailure (executor 0 exited"),
        (PORT, "a port that Spark needs is in use", "BindException: Address already in use"),
        (KUDU, "a store did not answer", "NonRecoverableException: cannot complete before"),
        (
            "java.sql.SQLTransientConnectionException: no route",
            "a store did not answer",
            "SQLTransientConnectionException: no route",
        ),
        (
            "java.io.IOException: An existing connection was forcibly closed by the remote host",
            "a store did not answer",
            "IOException: An existing connection was forcibly closed",
        ),
    ],
)
def test_what_is_transient_is_said_first(message: str, cause: str, deepest: str) -> None:
    assert transient_cause("Py4JJavaError", message) == cause
    outcome = judge(
        ProcessEnd(1, "exited", "", 1.0),
        ResultMessages(opened=True, closed=True, exception=JobException("Py4JJavaError", message)),
        lands=True,
        timeout_s=None,
    )
    assert outcome.is_transient
    assert outcome.message is not None
    assert outcome.message.startswith(f"{cause}: {deepest}")


@pytest.mark.parametrize(
    "name", ["HqlError", "AnalysisException", "CheckFailedError", "ValueError"]
)
def test_an_error_of_the_jobs_own_never_passes_whatever_it_quotes(name: str) -> None:
    assert transient_cause(name, LOST) is None


def test_a_script_that_only_prints_its_exception() -> None:
    tail = (
        'Traceback (most recent call last):\n  File "/jobs/own.py", line 3, in <module>\n'
        f"py4j.protocol.Py4JJavaError: {PORT}\n"
    )
    end = ProcessEnd(1, "exited", tail, 1.0)
    assert judge(end, ResultMessages(), lands=False, timeout_s=None).is_transient


@pytest.mark.parametrize("reason", ["timeout", "stopped"])
def test_a_job_that_was_ended_is_not_tried_again(reason: str) -> None:
    exception = JobException("Py4JJavaError", LOST)
    outcome = judge(
        ProcessEnd(143, reason, "", 1.0),  # type: ignore[arg-type]
        ResultMessages(opened=True, exception=exception),
        lands=True,
        timeout_s=60,
    )
    assert not outcome.is_transient


def test_a_thread_that_died_is_told_where_no_landing_was_reported() -> None:
    tail = (
        "Exception in thread Thread-1 (land):\nTraceback (most recent call last):\n"
        '  File "/jobs/own.py", line 7, in land\nValueError: no such customer\n'
    )
    end = ProcessEnd(0, "exited", tail, 1.0)
    outcome = judge(end, ResultMessages(opened=True, closed=True), lands=True, timeout_s=None)
    assert outcome.message is not None
    assert outcome.message.startswith("unknown whether the job landed")
    assert outcome.message.endswith("it printed ValueError: no such customer (own.py:7)")


AWAY = (
    "can't look for hdfs://nn:8020/in/a.csv: java.net.ConnectException: Call From box/127.0.1.1 to "
    "nn:8020 failed on connection exception: java.net.ConnectException: Connection refused"
)
STANDBY = (
    "can't prepare the landing at hdfs://nn/t: can't list hdfs://nn/t: "
    "org.apache.hadoop.ipc.StandbyException: Operation category READ is not supported"
)
SAFE = (
    "can't create hdfs://nn/t/x: org.apache.hadoop.hdfs.server.namenode.SafeModeException: Cannot "
    "create file. Name node is in safe mode."
)


@pytest.mark.parametrize(
    ("name", "message"), [("OSError", AWAY), ("PublishError", STANDBY), ("OSError", SAFE)]
)
def test_a_name_node_that_is_away_may_come_back(name: str, message: str) -> None:
    assert transient_cause(name, message) == "a file system did not answer"
    assert "nn" in JobException(name, message).line


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("OSError", "can't reach the file system of hdfs://nm: java.net.UnknownHostException: nm"),
        ("OSError", "can't list hdfs://nn/t: org.apache.hadoop.security.AccessControlException: x"),
        ("HqlError", AWAY),
        ("EmptyResultError", "no rows"),
    ],
)
def test_what_does_not_pass_on_a_file_system(name: str, message: str) -> None:
    assert transient_cause(name, message) is None
