"""A JVM with the Java clients of Hadoop and YARN, of Spark's own jars, without a SparkContext."""

from __future__ import annotations

import collections
import os
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

_SERVER = "org.apache.spark.api.python.PythonGatewayServer"
_JVM_OPTIONS = (
    "-Xmx192m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
)
_JVM_START_S = 60.0
_STDERR_LINES = 20


class GatewayError(Exception):
    """The JVM can't be started."""


class Jvm:
    """A JVM with Hadoop's clients, which dies with this process, as it reads from its pipe."""

    def __init__(self, java: str, class_path: str) -> None:
        self._stderr: collections.deque[str] = collections.deque(maxlen=_STDERR_LINES)
        self._login_lock = threading.Lock()
        self._is_logged_in = False
        self._logins = 0
        self._login_failure: Exception | None = None
        with tempfile.TemporaryDirectory(  # noqa: TID251 - a program of its own
            prefix="orch-yarn-", ignore_cleanup_errors=True
        ) as folder:
            info = Path(folder) / "connection"
            self._process = subprocess.Popen(
                [java, *_JVM_OPTIONS, "-cp", class_path, _SERVER],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={
                    **os.environ,
                    "_PYSPARK_DRIVER_CONN_INFO_PATH": str(info),
                    "PYSPARK_PIN_THREAD": "false",
                },
            )
            threading.Thread(target=self._drain, daemon=True).start()
            port, secret = self._connection(info)
        # Loaded here, as a type checker can't follow what has no types.
        from py4j.java_gateway import (  # pyright: ignore[reportMissingTypeStubs]
            GatewayParameters,
            JavaGateway,
        )

        parameters: Any = GatewayParameters(port=port, auth_token=secret, auto_convert=True)
        gateway: Any = JavaGateway(gateway_parameters=parameters)
        self.root: Any = gateway.jvm

    def has_ended(self, within_s: float = 0.0) -> bool:
        """Return whether it has ended, or does so in time."""
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def log_in(self, conf: Any, principal: str, keytab: str) -> None:
        """Log in by a keytab, as spark-submit does; once done, only where the ticket ends soon.

        Without Kerberos in the configuration, Hadoop takes this for nothing to do.
        """
        users = self.root.org.apache.hadoop.security.UserGroupInformation
        logins = self._logins
        with self._login_lock:
            if not self._is_logged_in:
                if self._login_failure is not None and self._logins > logins:
                    # Of the login that this one has waited for. A KDC that is away takes minutes.
                    raise self._login_failure
                self._first_login(users, conf, principal, keytab)
                return
        users.getLoginUser().checkTGTAndReloginFromKeytab()

    def _first_login(self, users: Any, conf: Any, principal: str, keytab: str) -> None:
        try:
            if not Path(keytab).is_file():
                # Of which Java says that it got no password.
                raise FileNotFoundError(f"spark.kerberos.keytab: {keytab} is not a file here")
            users.setConfiguration(conf)
            users.loginUserFromKeytab(principal, keytab)
            self._is_logged_in = True
        except Exception as error:
            self._login_failure = error
            raise
        finally:
            self._logins += 1

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _drain(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._stderr.append(line.decode(errors="replace").rstrip())

    def _connection(self, info: Path) -> tuple[int, str]:
        until = time.monotonic() + _JVM_START_S
        while not info.exists():
            if self._process.poll() is not None or time.monotonic() > until:
                self._process.kill()
                said = " | ".join(self._stderr)
                raise GatewayError(f"the JVM with Hadoop's clients did not start: {said[-1000:]}")
            threading.Event().wait(0.02)
        data = info.read_bytes()
        port, size = struct.unpack(">ii", data[:8])
        return port, data[8 : 8 + size].decode()
