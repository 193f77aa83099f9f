"""Build the command of the gateway to YARN: its program, Java, and Spark's jars."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from framework.contract.variables import HADOOP_CONF_DIRS
from orch_dagster.spark.deployment import KEYTAB, PRINCIPAL
from orch_dagster.toolchain.errors import SparkError
from orch_dagster.toolchain.find import find_java, find_spark, java_program

SCRIPT = Path(__file__).with_name("gateway_script.py")
_HADOOP = "spark.hadoop."
STAGING = "spark.yarn.stagingDir"
GATEWAY_ENDED = "GatewayEnded"
"""The kind of error of a gateway that was killed; gateway_server.py has it too."""

# Of Java's exceptions, and of the gateway's own.
_AWAY = frozenset(
    {
        "ConnectException", "ConnectTimeoutException", "EOFException", GATEWAY_ENDED,
        "NoRouteToHostException", "RetriableException", "SocketException", "SocketTimeoutException",
        "StandbyException", "TimeoutError",
    }
)  # fmt: skip


# Of a login by a keytab, which fails as well for good.
_OF_LOGIN = frozenset({"KerberosAuthException", "LoginException"})
_KDC_AWAY = re.compile(
    r"Receive timed out|Read timed out|connect timed out|Connection refused|No route to host"
    r"|Network is unreachable|Port Unreachable|Connection reset|Cannot contact any KDC",
    re.IGNORECASE,
)


class YarnError(SparkError):
    """YARN, or Hadoop's file system, did not do what was asked.

    Attributes:
        kind: The class of Java's exception, or of the gateway's own.
    """

    def __init__(self, message: str, *, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind

    @classmethod
    def of(cls, error: Mapping[str, str]) -> YarnError:
        """Return the error with which the gateway answered."""
        kind, message = error.get("kind", ""), error.get("message", "")
        name = kind.rpartition(".")[2]
        return cls(f"{name}: {message}" if message else name, kind=kind)

    @property
    def is_away(self) -> bool:
        """True if nobody answered, so that another request may fare better."""
        name = self.kind.rpartition(".")[2]
        return name in _AWAY or (name in _OF_LOGIN and _KDC_AWAY.search(str(self)) is not None)


def gateway_ended(how: str) -> YarnError:
    """Return the error of a gateway that has ended; the next request starts another one."""
    return YarnError(f"the gateway to YARN ended: {how}", kind=GATEWAY_ENDED)


def hadoop_properties(spark_properties: Mapping[str, str]) -> dict[str, str]:
    """Return Hadoop's properties among Spark's, by their own names."""
    return {
        name.removeprefix(_HADOOP): value
        for name, value in spark_properties.items()
        if name.startswith(_HADOOP)
    }


def login_of(spark_properties: Mapping[str, str]) -> dict[str, str] | None:
    """Return the principal and the keytab by which spark-submit logs in, None if it does not.

    >>> login_of({"spark.kerberos.principal": "etl@R", "spark.yarn.keytab": "local:/etc/k"})
    {'principal': 'etl@R', 'keytab': '/etc/k'}
    >>> login_of({"spark.kerberos.principal": "etl@R"})
    """
    principal, keytab = (
        next((given for name in names if (given := spark_properties.get(name, "").strip())), "")
        for names in (PRINCIPAL, KEYTAB)
    )
    if not (principal and keytab):
        return None
    # Spark takes a URI for a path too.
    return {"principal": principal, "keytab": re.sub(r"^(?:local|file):(?=/)", "", keytab)}


def gateway_command(environ: Mapping[str, str]) -> list[str]:
    """Return the command of the gateway's program, without what it is to do.

    Raises:
        YarnError: If the environment names no configuration of Hadoop.
        SparkError: If Java or Spark is missing.
    """
    folders = [environ[name] for name in HADOOP_CONF_DIRS if environ.get(name, "").strip()]
    if not folders:
        raise YarnError(
            "spark.master is yarn, and neither HADOOP_CONF_DIR nor YARN_CONF_DIR is set: set one "
            "to the folder of the cluster's core-site.xml and yarn-site.xml"
        )
    java, spark = find_java(environ), find_spark(environ)
    jars = [str(spark.home / "jars" / "*"), *_more_jars(environ)]
    class_path = os.pathsep.join([*dict.fromkeys(folders), *jars])
    program = [sys.executable, "-I", str(SCRIPT), "--java", str(java_program(java.home))]
    return [*program, "--class-path", class_path]


def _more_jars(environ: Mapping[str, str]) -> list[str]:
    """Return the class path of a Spark that was built without Hadoop."""
    given = environ.get("SPARK_DIST_CLASSPATH", "").strip()
    return [given] if given else []
