"""The files in tails/ are the last 200 lines of real spark-submits of Spark 3.5.8."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from pathlib import Path

import pytest

from framework.contract.log_line import format_line
from framework.errors import DatesFailedError
from orch_dagster.spark.failure_text import exception_line, job_location, last_failure
from orch_dagster.spark.lines import Tail
from orch_dagster.spark.outcome import JobException, ResultMessages, judge
from orch_dagster.spark.process import EndReason, Limits, ProcessEnd
from orch_dagster.spark.standalone import WorkerWait
from orch_dagster.spark.yarn.application_end import ApplicationEnd
from orch_dagster.spark.yarn.report import Application

TAILS = Path(__file__).with_name("tails")
LANDED = ResultMessages(landed=("2024-05-15",), opened=True, closed=True)


def end(code: int, reason: EndReason = "exited", tail: str = "") -> ProcessEnd:
    return ProcessEnd(code, reason, tail, 1.0)


def failure(code: int, messages: ResultMessages = LANDED, tail: str = "", **options: object) -> str:
    given = {"lands": True, "timeout_s": 60.0} | options
    outcome = judge(end(code, tail=tail), messages, **given)  # type: ignore[arg-type]
    assert outcome.status == "failed"
    assert outcome.message is not None
    return outcome.message


def test_a_landing_is_believed_when_reported_closed_and_ended_with_zero() -> None:
    outcome = judge(end(0), LANDED, lands=True, timeout_s=None, expected_dates=["2024-05-15"])
    assert (outcome.status, outcome.message) == ("completed", None)


@pytest.mark.parametrize(
    ("messages", "gap"),
    [
        (ResultMessages(), "never opened"),
        (ResultMessages(opened=True), "did not close"),
        (ResultMessages(opened=True, landed=("2024-05-15",)), "did not close"),
        (ResultMessages(opened=True, closed=True), "reported no landing"),
    ],
)
def test_zero_without_the_whole_report_is_unknown(messages: ResultMessages, gap: str) -> None:
    message = failure(0, messages)
    assert message.startswith("unknown whether the job landed")
    assert gap in message


def test_a_date_that_was_not_reported_is_named() -> None:
    message = failure(0, expected_dates=["2024-05-15", "2024-05-16"])
    assert message.endswith("no landing of 2024-05-16")


def test_a_plain_script_needs_only_its_exit_code() -> None:
    assert judge(end(0), ResultMessages(), lands=False, timeout_s=None).status == "completed"
    assert failure(2, ResultMessages(), lands=False) == "exit code 2"


@pytest.mark.parametrize("code", [0, 1, 137])
def test_the_jobs_own_exception_comes_first(code: int) -> None:
    stack = (
        '  File "/srv/jobs/etl_lnd_x.py", line 7, in <module>\n    run_landing()\n',
        '  File "/srv/jobs/framework/publish/swap.py", line 90, in run_landing\n    read()\n',
        '  File "/v/lib/python3.11/site-packages/pyspark/sql/session.py", line 3, in sql\n',
    )
    reported = JobException("ValueError", "ValueError: no rows\n", stack)
    messages = ResultMessages(opened=True, closed=True, exception=reported)
    assert failure(code, messages, tail="noise") == "ValueError: no rows (etl_lnd_x.py:7)"


def test_what_spark_ended_its_jvm_for_comes_before_what_it_took_along() -> None:
    reported = JobException("Py4JJavaError", "SparkException: Job 3 cancelled as it was shut down")
    messages = ResultMessages(opened=True, closed=True, exception=reported)
    tail = "OutOfMemoryError: Java heap space\n"
    assert failure(50, messages, tail) == "exit code 50: OutOfMemoryError: Java heap space"
    # Python's main thread may see the context stop before its process ends.
    seen = (
        'Traceback (most recent call last):\n  File "s.py", line 1\nRuntimeError: it has stopped\n'
    )
    trace = "Caused by: java.lang.OutOfMemoryError: Java heap space\n\tat x.Y.z(Y.scala:1)\n"
    assert "OutOfMemoryError" in str(failure(50, messages, f"java.lang.Error: x\n{trace}{seen}"))
    assert failure(52, messages).endswith(": SparkException: Job 3 cancelled as it was shut down")


def test_the_jvms_error_is_found_before_the_traces_of_what_ended_with_it() -> None:
    frames = [f"\tat org.apache.spark.X.y(X.scala:{number})" for number in range(100)]
    uncaught = "24/05/15 10:00:00 ERROR SparkUncaughtExceptionHandler: Uncaught exception in thread"
    said = [uncaught, "org.apache.spark.SparkException: [TASK_WRITE_FAILED] Task failed", *frames]
    said += ["Caused by: java.lang.OutOfMemoryError: Java heap space", *frames]
    said += ["24/05/15 10:00:01 ERROR FileFormatWriter: Aborting job 1.", "x.Y: Job 1 cancelled"]
    for job in ("etl_lnd_ins_sys_a", "etl_lnd_ins_sys_b"):
        ended = [": org.apache.spark.SparkException: Job 1 cancelled", *frames, *frames, ""]
        said += [*frames, *(f"{job}: {line}" for line in ended)]
    limits = Limits(None)
    tail = Tail(limits.tail_lines, limits.tail_bytes)
    for line in said:
        tail.add(line)
    ended = failure(50, ResultMessages(opened=True), tail.text())
    assert "OutOfMemoryError: Java heap space" in str(ended)


def test_an_exception_that_only_says_that_the_jvm_was_gone_comes_second() -> None:
    lost = JobException("Py4JNetworkError", "Error while sending or receiving")
    messages = ResultMessages(opened=True, closed=True, exception=lost)
    said = failure(137, messages)
    assert said.startswith("killed (exit code 137, SIGKILL)")
    assert said.endswith(": Py4JNetworkError: Error while sending or receiving")
    # It may have lost another service.
    assert failure(1, messages).startswith("Py4JNetworkError")


@pytest.mark.parametrize(
    ("asks", "names"),
    [
        ("executor memory (8192 MB), offHeap memory (0) MB, overhead (819 MB), and PySpark memory "
         "(0 MB)", "spark.executor.memory"),
        ("AM memory (8192+819 MB)", "spark.driver.memory"),
    ],
)  # fmt: skip
def test_what_is_above_the_maximum_of_yarn_names_its_property(asks: str, names: str) -> None:
    said = f"java.lang.IllegalArgumentException: Required {asks} is above the max threshold "
    said += "(4096 MB) of this cluster! Please check the values of 'yarn.scheduler.maximum-"
    trace = "\n\tat org.apache.spark.deploy.yarn.Client.verifyClusterResources(Client.scala:390)\n"
    printed = failure(1, ResultMessages(), f'Exception in thread "main" {said}{trace}')
    reported = JobException(
        "Py4JJavaError", f"An error occurred while calling x.y.\n: {said}{trace}"
    )
    raised = failure(1, ResultMessages(opened=True, closed=True, exception=reported))
    for text in (printed, raised):
        assert f": lower {names}" in text
        assert "more memory than the 4096 MB that YARN gives" in text
        assert "Required" in text


def test_what_ended_an_application_is_not_followed_by_a_symptom_of_it() -> None:
    ended = Application("application_1_1", "FINISHED", "FAILED")
    printed = "Traceback (most recent call last):\nOSError: the driver's JVM is gone\n"
    of_driver = ApplicationEnd(ended, "exit code 1", output=printed)
    said = failure(1, ResultMessages(opened=True), application=of_driver)
    assert said == "exit code 1: OSError: the driver's JVM is gone"
    befallen = ApplicationEnd(ended, "it was refused executors", is_cause=True, output=printed)
    reported = ResultMessages(opened=True, closed=True, exception=JobException("X", "None.get"))
    for messages in (ResultMessages(opened=True), reported):
        assert failure(1, messages, application=befallen) == "it was refused executors"


def test_what_a_jvm_says_of_its_options_is_no_failure() -> None:
    tail = "NOTE: Picked up JDK_JAVA_OPTIONS: -Xmx1g\nPicked up JAVA_TOOL_OPTIONS: -Xss1m\n"
    assert failure(143, ResultMessages(), tail) == failure(143, ResultMessages())


def test_a_warning_of_python_is_no_failure() -> None:
    tail = (
        "/opt/x/pyspark/context.py:350: RuntimeWarning: Failed to add a.zip to path:\n"
        "  /usr/lib/python3/dist-packages\n"
        "  warnings.warn(\n"
    )
    assert failure(3, ResultMessages(), tail) == failure(3, ResultMessages())
    assert failure(3, ResultMessages(), f"no space\n{tail}") == "exit code 3: no space"


def test_signals_are_said_in_words() -> None:
    assert "ran out of memory, or somebody used kill -9" in failure(137)
    assert failure(143).startswith("terminated from outside")
    assert failure(139) == "exit code 139 (SIGSEGV)"


def test_timeout_and_stop() -> None:
    late = judge(end(143, "timeout"), LANDED, lands=True, timeout_s=5400)
    assert late.status == "failed"
    assert str(late.message).startswith("timed out after 90 minutes")
    stopped = judge(end(143, "stopped"), LANDED, lands=True, timeout_s=None)
    assert stopped.status == "canceled"
    assert stopped.message


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("value", "ValueError: 3 rows, none expected (job_value.py:4)"),
        # Here a log line had cut the driver's traceback in two.
        ("task", "ZeroDivisionError: integer division or modulo by zero (job_task.py:3)"),
        ("mem", "Invalid maximum heap size: -Xmxzz"),
        ("nope", "can't open file '/home/user/jobs/nope.py': [Errno 2] No such file or directory"),
    ],
)
def test_real_tails(name: str, expected: str) -> None:
    tail = (TAILS / f"{name}.txt").read_text(encoding="utf-8")
    message = failure(1, ResultMessages(), tail)
    assert message.startswith("exit code 1: ")
    assert message.endswith(expected)


@pytest.mark.parametrize(
    ("name", "cut", "where"),
    [
        ("write_raised", 0, " (job_write.py:8)"),
        # The traceback's begin is no longer in the tail.
        ("write_raised", 20, ""),
        # The script ended itself after it caught the exception, so only Spark's log tells.
        ("write_caught", 0, ""),
    ],
)
def test_a_failed_write_tells_its_deepest_cause_first(name: str, cut: int, where: str) -> None:
    tail = (TAILS / f"{name}.txt").read_text(encoding="utf-8")
    message = failure(3, ResultMessages(), "\n".join(tail.splitlines()[cut:]))
    assert message.startswith(
        "exit code 3: SparkNumberFormatException: [CAST_INVALID_INPUT] The value 'x' of the type"
    )
    assert message.endswith(
        "; SparkException: [TASK_WRITE_FAILED] Task failed while writing rows to "
        f"file:/home/user/data/out.{where}"
    )


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        (
            'Exception in thread "main" java.lang.NoClassDefFoundError: com/foo/Source\n'
            "\tat com.foo.Main.main(Main.java:1)\n"
            "Caused by: java.lang.ClassNotFoundException: com.foo.Source\n"
            "\tat java.base/java.net.URLClassLoader.findClass(URLClassLoader.java:445)\n"
            "\t... 13 more\n",
            "ClassNotFoundException: com.foo.Source; NoClassDefFoundError: com/foo/Source",
        ),
        (
            "26/11/28 17:59:01 ERROR Executor: Exception in task 0.0 in stage 1.0 (TID 1)\n"
            "java.lang.OutOfMemoryError: Java heap space\n\tat a.B.c(B.java:1)\n"
            "26/11/28 17:59:01 ERROR TaskSetManager: Task 0 in stage 1.0 failed 1 times; aborting "
            "job\n26/11/28 17:59:02 INFO SparkContext: Invoking stop() from shutdown hook\n",
            "OutOfMemoryError: Java heap space",
        ),
        (
            "Error: Missing application resource.\n\nUsage: spark-submit [options]\n",
            "Error: Missing application resource.",
        ),
    ],
)
def test_what_the_jvm_prints_tells_its_deepest_cause_first(tail: str, expected: str) -> None:
    assert failure(1, ResultMessages(), tail) == f"exit code 1: {expected}"


def test_an_exception_without_a_message_comes_behind_one_that_tells() -> None:
    crash = (
        "An error occurred while calling o1.orc.\n: org.apache.spark.SparkException: Python worker "
        "exited unexpectedly (crashed)\n\tat a.B.c(B.java:1)\nCaused by: java.io.EOFException\n"
    )
    assert exception_line("Py4JJavaError", crash, ()) == (
        "SparkException: Python worker exited unexpectedly (crashed); EOFException"
    )
    null = crash.replace("java.io.EOFException", "java.lang.NullPointerException")
    assert exception_line("Py4JJavaError", null, ()).startswith("NullPointerException; Spark")
    alone = "An error occurred while calling o1.save"
    assert exception_line("Py4JError", alone, ()) == f"Py4JError: {alone}"


def test_the_cause_of_each_date_is_told_first() -> None:
    text = (TAILS / "write_raised.txt").read_text(encoding="utf-8").partition("Py4JJavaError: ")[2]

    class Py4JJavaError(Exception):
        """Stands for that of py4j, whose text needs a JVM."""

    error = DatesFailedError({"2024-05-15": Py4JJavaError(text), "2024-05-16": ValueError("x")}, 3)
    line = exception_line("DatesFailedError", str(error), ())
    assert line.startswith(
        "DatesFailedError: 2 of 3 dates did not land, the others did: - 2024-05-15: "
        "SparkNumberFormatException: [CAST_INVALID_INPUT] The value 'x'"
    )
    assert str(error).endswith("\n  - 2024-05-16: ValueError: x")


def test_a_real_sql_error_says_table_and_place() -> None:
    message = failure(1, ResultMessages(), (TAILS / "sql.txt").read_text(encoding="utf-8"))
    assert "AnalysisException: [TABLE_OR_VIEW_NOT_FOUND] The table or view `nowhere`" in message
    assert message.endswith("(job_sql.py:3)")


def test_a_workers_traceback_in_a_reported_java_error_is_reduced_to_its_reason() -> None:
    tail = (TAILS / "task.txt").read_text(encoding="utf-8")
    lines = tail.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(": org.apache.spark"))
    text = "An error occurred while calling z:collectAndServe.\n" + "\n".join(lines[start:])
    message = exception_line("Py4JJavaError", f"py4j.protocol.Py4JJavaError: {text}", ())
    assert message == "ZeroDivisionError: integer division or modulo by zero (job_task.py:3)"


def test_a_long_message_keeps_its_place() -> None:
    stack = ('  File "C:\\jobs\\job.py", line 3, in <module>\n',)
    message = exception_line("ValueError", "x" * 2000, stack)
    assert message.endswith("(job.py:3)")
    assert len(message) < 500


def test_a_stack_without_the_jobs_code_has_no_place() -> None:
    job = '  File "/srv/framework/jobs/etl.py", line 7, in <module>'
    ours = '  File "/srv/framework/jobs/framework/read/sources.py", line 3, in run_landing'
    sparks = '  File "/opt/spark/python/pyspark/sql/session.py", line 9, in sql'
    assert job_location([job, ours, sparks]) == "etl.py:7"
    assert job_location(['  File "<frozen runpy>", line 3, in x', "nonsense"]) is None


def test_an_empty_output_says_nothing() -> None:
    assert last_failure("") is None
    assert last_failure("26/11/24 20:57:45 INFO ShutdownHookManager: Shutdown hook called") is None
    ours = format_line(datetime(2026, 11, 24, tzinfo=timezone.utc), "INFO", "framework", "lands")
    assert last_failure(ours) is None
    assert last_failure(f"the disk is gone\n{ours}") == "the disk is gone"


def test_a_message_that_cannot_be_read_fails_a_job_that_did_not_fail_by_itself() -> None:
    broken = ResultMessages(opened=True, closed=True, broken="its landing cannot be read")
    for lands in (True, False):
        outcome = judge(end(0), broken, lands=lands, timeout_s=60.0)
        assert (outcome.status, outcome.message) == ("failed", "its landing cannot be read")
    outcome = judge(end(3), broken, lands=True, timeout_s=60.0)
    assert outcome.message == "exit code 3"
    assert judge(end(0, "stopped"), broken, lands=True, timeout_s=60.0).status == "canceled"


STARVED = (
    "26/11/29 05:00:18 WARN TaskSchedulerImpl: Initial job has not accepted any resources; check "
    "your cluster UI to ensure that workers are registered and have sufficient resources"
)


def test_a_standalone_master_that_is_away_is_named_and_may_come_back() -> None:
    """The job's own exception only says that its SparkContext was stopped."""
    tail = (TAILS / "no_master.txt").read_text(encoding="utf-8")
    stopped = JobException("Py4JJavaError", "IllegalStateException: Cannot call methods on a s")
    for messages in (ResultMessages(opened=True, closed=True, exception=stopped), LANDED):
        outcome = judge(end(1, tail=tail), messages, lands=True, timeout_s=None)
        assert outcome.message == (
            "no Spark master answered: 127.0.0.1:1 (java.net.ConnectException: Connection "
            "refused); look whether it runs, and whether spark.master names it"
        )
        assert outcome.is_transient
    killed = tail.replace("All masters are unresponsive! Giving up.", "Master removed our app: no")
    outcome = judge(end(1, tail=killed), LANDED, lands=True, timeout_s=None)
    assert outcome.message == "the Spark master ended the application: Master removed our app: no"
    assert not outcome.is_transient


def test_an_executor_without_the_python_is_told_with_the_setting() -> None:
    lost = JobException(
        "Py4JJavaError",
        'Job aborted: java.io.IOException: Cannot run program "python9": error=2, No such file or',
    )
    messages = ResultMessages(opened=True, closed=True, exception=lost)
    outcome = judge(end(1), messages, lands=True, timeout_s=None)
    assert str(outcome.message).startswith(
        "no Python on the node: 'python9' is not there; set spark.pyspark.python to the nodes' own"
    )


@pytest.mark.parametrize(
    "function",
    [
        "'boolean org.apache.hadoop.io.nativeio.NativeIO$Windows.access0(java.lang.String, int)'",
        "'void org.apache.hadoop.io.nativeio.NativeIO$Windows.createDirectoryWithMode0(java.lang."
        "String, int)'",
        # As Java 8 says it.
        "org.apache.hadoop.io.nativeio.NativeIO$Windows.access0(Ljava/lang/String;I)Z",
    ],
)
def test_a_hadoop_dll_of_another_hadoop_is_told_with_its_remedy(function: str) -> None:
    """It can be loaded, so that the check before Spark finds nothing."""
    thrown = f": java.lang.UnsatisfiedLinkError: {function}\n\tat org.apache.X.y(Native Method)\n"
    text = f"An error occurred while calling o57.csv.\n{thrown}"
    told = (
        "hadoop.dll is missing or is not that of Hadoop 3.3: put that of a 64-bit build of Hadoop "
        "3.3 into %HADOOP_HOME%\\bin, and remove another one from C:\\Windows\\System32: "
        "UnsatisfiedLinkError: "
    )
    messages = ResultMessages(
        opened=True, closed=True, exception=JobException("Py4JJavaError", text)
    )
    assert failure(1, messages) == told + function
    # A script of its own reports nothing.
    tail = (
        'Traceback (most recent call last):\n  File "C:\\jobs\\own.py", line 3, in <module>\n'
        f"py4j.protocol.Py4JJavaError: {text}"
    )
    assert failure(1, ResultMessages(), tail, lands=False).startswith(f"exit code 1: {told}")
    # Of another library, nothing of Hadoop's is told.
    other = JobException("Py4JJavaError", f"{text.partition(':')[0]}: UnsatisfiedLinkError: 'x'")
    assert "hadoop.dll" not in other.line


def test_a_job_that_no_worker_took_says_so_when_it_times_out() -> None:
    outcome = judge(end(143, "timeout", tail=f"x\n{STARVED}\n"), LANDED, lands=True, timeout_s=60)
    assert "Spark's last words: Initial job has not accepted any resources" in str(outcome.message)
    assert "raise timeout_minutes" not in str(outcome.message)
    later = judge(end(143, "timeout", tail=f"{STARVED}\nx\n"), LANDED, lands=True, timeout_s=60)
    assert "raise timeout_minutes" in str(later.message)


def test_the_wait_for_a_worker_has_a_limit() -> None:
    # A worker came after the fourth time, and went.
    times = iter((15.0, 30.0, 45.0, 80.0, 95.0, 110.0, 120.0))
    stop = threading.Event()
    wait = WorkerWait(stop, 40, clock=lambda: next(times))
    wait.hear("26/11/29 05:00:18 WARN Other: x")
    for _ in range(6):
        wait.hear(STARVED)
        assert not wait.is_set()
    wait.hear(STARVED)
    assert wait.is_set()
    assert str(wait.failure).startswith(
        "no worker took its tasks for 0.666667 minutes (Initial job has not accepted any resources"
    )
    of_script = WorkerWait(stop, 0, "look at the queue", clock=lambda: 1.0)
    of_script.hear(STARVED)
    assert str(of_script.failure).endswith("so it was ended; look at the queue")
    unlimited = WorkerWait(stop, None)
    unlimited.hear(STARVED)
    assert not unlimited.is_set()
    stop.set()
    assert unlimited.is_set()


def test_a_job_that_no_worker_took_in_time_has_failed_by_that() -> None:
    ended = end(143, "timeout", tail=STARVED)
    application = ApplicationEnd(failure="no worker took its tasks for 5 minutes (…)")
    outcome = judge(ended, LANDED, lands=True, timeout_s=60, application=application)
    assert (outcome.status, outcome.message) == ("failed", application.failure)


NAME_NODE_AWAY = """\
26/11/29 16:35:18 INFO Client: Preparing resources for our AM container
Exception in thread "main" java.net.ConnectException: Call From a/127.0.0.1 to nn:8020 failed on \
connection exception: java.net.ConnectException: Connection refused
\tat org.apache.hadoop.net.NetUtils.wrapWithMessage(NetUtils.java:913)
Caused by: java.net.ConnectException: Connection refused
\t... 33 more
"""


@pytest.mark.parametrize(
    ("application", "is_transient"),
    [(None, True), (Application("application_1_1", "KILLED"), False)],
)
def test_a_submit_that_did_not_reach_the_cluster_may_at_its_next_attempt(
    application: Application | None, is_transient: bool
) -> None:
    """Once it has an application, the end of that tells."""
    submit = ProcessEnd(1, "exited", NAME_NODE_AWAY, 9.0)
    outcome = judge(
        submit,
        ResultMessages(),
        lands=True,
        timeout_s=None,
        application=ApplicationEnd(application),
    )
    assert outcome.status == "failed"
    assert "Connection refused" in str(outcome.message)
    assert outcome.is_transient == is_transient
