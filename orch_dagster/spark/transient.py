"""Tell the transient failures of a job, which are worth another try. Pure."""

from __future__ import annotations

import re

from orch_dagster.spark.failure_text import essence

# An exception that Spark or a client in its JVM threw. What Spark finds wrong with an HQL comes as
# a type of its own, whatever it quotes.
_OF_THE_JVM = frozenset({"Py4JJavaError", "Py4JNetworkError", "UnknownException"})
_LOST_EXECUTOR = re.compile(r"ExecutorLostFailure|Lost executor|executor \S+ exited|Worker lost")
_PORT_IN_USE = re.compile(r"BindException|Address already in use")
_STORE_TIMEOUT = re.compile(
    # With bounds, as a text may repeat the beginning thousands of times without the end.
    r"org\.apache\.kudu\.client\.\w+: .{,4000}(cannot complete before timeout|[Tt]imed out)"
    r"|SQLTransient\w{,100}Exception|SQLTimeoutException|SQLRecoverableException"
    r"|SocketTimeoutException|ConnectException: Connection refused|Connection reset"
    # As Windows says it of a connection that the other side, or this one, has dropped.
    r"|existing connection was forcibly closed|established connection was aborted"
)
_FILE_SYSTEM_AWAY = re.compile(
    r"java\.net\.(ConnectException|NoRouteToHostException|SocketTimeoutException): "
    r"|org\.apache\.hadoop\.(net\.ConnectTimeoutException|ipc\.StandbyException"
    r"|ipc\.RetriableException|hdfs\.server\.namenode\.SafeModeException)\b"
)
# Errors in which the framework passes on what Hadoop's file system threw.
_OF_FILE_SYSTEMS = frozenset({"OSError", "PublishError"})
_CAUSES = {
    "a Spark executor was lost": _LOST_EXECUTOR,
    "a port that Spark needs is in use": _PORT_IN_USE,
    "a store did not answer": _STORE_TIMEOUT,
    "a file system did not answer": _FILE_SYSTEM_AWAY,
}


def transient_cause(name: str, message: str) -> str | None:
    """Return why an exception of a job is transient, None if it is not.

    >>> transient_cause("Py4JJavaError", "java.net.BindException: Address already in use")
    'a port that Spark needs is in use'
    >>> transient_cause("HqlError", "java.net.BindException: Address already in use")

    Args:
        name: The exception's type.
        message: Its text.
    """
    text = essence(message)
    if name in _OF_FILE_SYSTEMS:
        return "a file system did not answer" if _FILE_SYSTEM_AWAY.search(text) else None
    if name not in _OF_THE_JVM:
        return None
    return next((cause for cause, pattern in _CAUSES.items() if pattern.search(text)), None)
