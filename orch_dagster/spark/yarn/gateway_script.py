"""Talks to YARN and to Hadoop's file systems, by the Java clients of Spark's own jars; a program.

    python gateway_script.py --java JAVA --class-path PATH --parent PID
    python gateway_script.py --java JAVA --class-path PATH --end TAG --within SECONDS --request JSON

The first serves: a request is a line of JSON on stdin, {"id": N, "call": NAME, "arguments": {...}},
and its answer one on stdout, {"id": N, "result": ...} or {"id": N, "error": {"kind", "message"}}.
Requests are answered side by side, those of each login and cluster in threads of their own: one
that is away delays nobody who asks another. It ends with its stdin, or with the process that
started it, and first ends the applications of the tags that it guards for that process (`guard`,
`release`).

The second ends the applications of a tag, for a supervisor whose orchestrator is dead. Its exit
code is 0 if all of them have ended.

The resource manager is spoken to as Hadoop's configuration says (HADOOP_CONF_DIR, on the class
path), so that its high availability, Kerberos and TLS hold. There is no SparkContext. A request may
name a principal and its keytab; requests of each such login have a JVM of their own, as Hadoop's
clients have one user in a JVM. The program imports py4j, which comes with pyspark, and nothing of
this package.
"""

from __future__ import annotations

import argparse
import base64
import collections
import contextlib
import json
import os
import select
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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
# From the loss of its connections to that of the process.
_JVM_DEATH_S = 1.0
# Hadoop's own limits are a quarter of an hour and more; the orchestrator asks again.
_LIMITS = {
    "yarn.resourcemanager.connect.max-wait.ms": "10000",
    "yarn.resourcemanager.connect.retry-interval.ms": "1000",
    "yarn.client.application-client-protocol.poll-timeout-ms": "15000",
    "ipc.client.connect.max.retries": "1",
    "ipc.client.connect.retry.interval": "500",
    "ipc.client.connect.timeout": "10000",
    "ipc.client.connect.max.retries.on.timeouts": "2",
    # Without it, who is connected to a server that falls silent waits for it for ever.
    "ipc.client.rpc-timeout.ms": "20000",
}
_OVER = ("FINISHED", "FAILED", "KILLED")
_POLL_S = 0.3
# A request to submit that its dead sender left on its way.
_LATE_SUBMIT_S = 1.0
_PARENT_CHECK_S = 1.0
_THREADS = 8
_STDERR_LINES = 20
# For the end of an application whose orchestrator is dead.
_ORPHAN_S = 120.0
_COPY_BYTES = 1 << 20
# Spark and Hive skip such names.
_UPLOAD = ".upload-"
_UPLOAD_DAYS = 1
_READABLE = "644"


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


class Hadoop:
    """YARN and the file systems of one configuration.

    Args:
        jvm: The packages of the JVM.
        properties: Properties of Hadoop on top of its configuration files.
        staging: The value of spark.yarn.stagingDir, if the job has one.
    """

    def __init__(self, jvm: Any, properties: Mapping[str, str], staging: str | None) -> None:
        self._jvm = jvm
        self._staging = staging
        self.conf = jvm.org.apache.hadoop.yarn.conf.YarnConfiguration()
        for name, value in {**_LIMITS, **properties}.items():
            self.conf.set(name, value)
        self._lock = threading.Lock()
        self._client: Any = None

    @property
    def client(self) -> Any:
        """The client of the resource manager."""
        with self._lock:
            if self._client is None:
                client = self._jvm.org.apache.hadoop.yarn.client.api.YarnClient.createYarnClient()
                client.init(self.conf)
                client.start()
                self._client = client
            return self._client

    def find(self, tag: str) -> list[dict[str, Any]]:
        """Return the applications of a tag, of any state."""
        records = self._jvm.org.apache.hadoop.yarn.api.protocolrecords
        request = records.GetApplicationsRequest.newInstance()
        tags = self._jvm.java.util.HashSet()
        tags.add(tag.lower())
        request.setApplicationTags(tags)
        return [_application(each) for each in self.client.getApplications(request)]

    def report(self, application_id: str) -> dict[str, Any]:
        """Return one application."""
        return _application(self.client.getApplicationReport(self._id(application_id)))

    def kill(self, application_id: str, why: str) -> None:
        """Kill an application; return once it is over."""
        self.client.killApplication(self._id(application_id), why)

    def end(self, tag: str, why: str, within_s: float) -> list[dict[str, Any]]:
        """Kill the applications of a tag and await their ends; remove what they staged.

        Returns:
            All applications of the tag, those that could not be ended in time too, with the
            `refusal` of the last kill; `staged` of one that has ended says why what it staged could
            not be removed, '' if it was.
        """
        until = time.monotonic() + within_s
        has_waited = False
        while True:
            found: list[dict[str, Any]] = []
            refusals: dict[str, str] = {}
            failure: Exception | None = None
            try:
                found = self.find(tag)
                refusals = self._kill_all(found, why)
                if found:
                    found = self.find(tag)
                for each in found:
                    each["refusal"] = refusals.get(each["id"], "")
            except Exception as error:  # noqa: BLE001 - of Java: raised below if it stays
                failure = error
            is_over = all(each["state"] in _OVER for each in found)
            if failure is None and is_over and (found or has_waited):
                for each in found:
                    each["staged"] = self._still_staged(each)
                return found
            if time.monotonic() > until:
                if failure is not None:
                    raise failure
                return found
            has_waited = has_waited or failure is None
            is_quick = (found or failure) and not refusals
            threading.Event().wait(_POLL_S if is_quick else _LATE_SUBMIT_S)

    def _kill_all(self, found: Iterable[Mapping[str, Any]], why: str) -> dict[str, str]:
        """Kill those that have not ended; return why some can't be killed, by their ids."""
        refusals: dict[str, str] = {}
        for each in found:
            if each["state"] in _OVER:
                continue
            try:
                self.kill(each["id"], why)
            except Exception as error:  # noqa: BLE001 - of Java: it keeps no other from its end
                refusals[each["id"]] = _in_words(error)
        return refusals

    def clean_staging(self, application_id: str, user: str) -> None:
        """Remove what a submit staged for an application."""
        home = self._jvm.org.apache.hadoop.fs.FileSystem.get(self.conf).getHomeDirectory()
        if self._staging:
            home = self._path(f"{self._staging.rstrip('/')}/{user}")
        elif user and home.getName() != user:
            home = self._path(f"{home.getParent()}/{user}")
        self.delete(f"{home}/.sparkStaging/{application_id}")

    def _still_staged(self, ended: Mapping[str, Any]) -> str:
        """Remove what an application staged; return why that failed, '' if it did not."""
        try:
            self.clean_staging(ended["id"], ended["user"])
        except Exception as error:  # noqa: BLE001 - of Java: it has ended, which must be told
            return _in_words(error)
        return ""

    def logs(self, application_id: str, last_bytes: int, log_types: Sequence[str]) -> str:
        """Return the end of each aggregated log of an application's first container."""
        report = self.client.getApplicationReport(self._id(application_id))
        attempt = report.getCurrentApplicationAttemptId()
        logs = self._jvm.org.apache.hadoop.yarn.logaggregation
        request = logs.ContainerLogsRequest()
        request.setAppId(report.getApplicationId())
        request.setAppOwner(report.getUser())
        container = self._jvm.org.apache.hadoop.yarn.api.records.ContainerId
        request.setContainerId(str(container.newContainerId(attempt, 1)))
        request.setBytes(-last_bytes)
        types = self._jvm.java.util.HashSet()
        for each in log_types:
            types.add(each)
        request.setLogTypes(types)
        factory = logs.filecontroller.LogAggregationFileControllerFactory(self.conf)
        controller = factory.getFileControllerForRead(report.getApplicationId(), report.getUser())
        output = self._jvm.java.io.ByteArrayOutputStream()
        controller.readAggregatedLogs(request, output)
        return str(output.toString("UTF-8"))

    def list_files(self, folder: str) -> list[dict[str, Any]]:
        """Return the entries of a folder, by name; none of a folder that is not there."""
        path = self._path(folder)
        system = path.getFileSystem(self.conf)
        if not system.exists(path):
            return []
        entries = [
            {
                "name": str(each.getPath().getName()),
                "size_bytes": int(each.getLen()),
                "is_folder": bool(each.isDirectory()),
                "modified_ms": int(each.getModificationTime()),
            }
            for each in system.listStatus(path)
        ]
        return sorted(entries, key=lambda entry: entry["name"])

    def read_file(self, file: str) -> dict[str, str]:
        """Return the content of a small file, in base64."""
        path = self._path(file)
        stream = path.getFileSystem(self.conf).open(path)
        try:
            data: bytes = self._jvm.org.apache.commons.io.IOUtils.toByteArray(stream)
        finally:
            stream.close()
        return {"base64": base64.b64encode(data).decode()}

    def read_folder(self, folder: str, after: str, pattern: str) -> list[dict[str, str]]:
        """Return the files of a folder whose names start so and sort after `after`, by name."""
        names = [each["name"] for each in self.list_files(folder) if not each["is_folder"]]
        wanted = [name for name in names if name > after and name.startswith(pattern)]
        return [{"name": name, **self.read_file(f"{folder}/{name}")} for name in wanted]

    def delete(self, file: str) -> None:
        """Delete a file, or a folder with all in it, if it is there."""
        path = self._path(file)
        path.getFileSystem(self.conf).delete(path, True)

    def qualified(self, file: str) -> str:
        """Return the whole URL of a file or a folder, whether it is there or not."""
        path = self._path(file)
        return str(path.getFileSystem(self.conf).makeQualified(path))

    def matches(self, pattern: str) -> int:
        """Return how many files match a pattern of Hadoop's."""
        path = self._path(pattern)
        # None where the folder is not there.
        found = path.getFileSystem(self.conf).globStatus(path) or ()
        return sum(1 for each in found if each.isFile())

    def upload(self, local: str, target: str) -> bool:
        """Copy a file of this machine, so that all may read it, by another name until it is whole.

        Returns:
            Whether it is new; one of that name stays as it is.
        """
        path = self._path(target)
        system = path.getFileSystem(self.conf)
        system.mkdirs(path.getParent())
        self._clear_uploads(system, path.getParent())
        aside = self._path(f"{path.getParent()}/{_UPLOAD}{path.getName()}.{os.urandom(8).hex()}")
        # Not by Hadoop's own local file system, which on Windows needs tools.
        source = self._jvm.java.io.FileInputStream(local)
        io = self._jvm.org.apache.hadoop.io.IOUtils
        io.copyBytes(source, system.create(aside, True), _COPY_BYTES, True)
        permission = self._jvm.org.apache.hadoop.fs.permission.FsPermission
        system.setPermission(aside, permission(_READABLE))
        if system.rename(aside, path):
            return True
        system.delete(aside, False)
        if not system.exists(path):
            raise OSError(f"{path} can't be given its name")
        return False

    def _clear_uploads(self, system: Any, folder: Any) -> None:
        """Remove what uploads left that were cut off."""
        before_ms = (time.time() - _UPLOAD_DAYS * 86400) * 1000
        for each in system.listStatus(folder):
            is_upload = str(each.getPath().getName()).startswith(_UPLOAD)
            if is_upload and each.getModificationTime() < before_ms:
                system.delete(each.getPath(), False)

    def _path(self, text: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(text)

    def _id(self, application_id: str) -> Any:
        records = self._jvm.org.apache.hadoop.yarn.api.records
        return records.ApplicationId.fromString(application_id)


def _application(report: Any) -> dict[str, Any]:
    # None, or -1, where the user may not see it.
    usage = report.getApplicationResourceUsageReport()
    containers = int(usage.getNumUsedContainers()) if usage is not None else 0
    if containers >= 0 and report.isUnmanagedApp():
        # Its application master is a part of the driver (spark.yarn.unmanagedAM.enabled).
        containers += 1
    return {
        "id": str(report.getApplicationId()),
        "state": str(report.getYarnApplicationState()),
        "final_status": str(report.getFinalApplicationStatus()),
        "diagnostics": str(report.getDiagnostics() or ""),
        "name": str(report.getName() or ""),
        "user": str(report.getUser() or ""),
        "queue": str(report.getQueue() or ""),
        "tags": [str(tag) for tag in report.getApplicationTags() or ()],
        "tracking_url": str(report.getTrackingUrl() or ""),
        "started_ms": int(report.getStartTime()),
        "containers": containers,
    }


_CALLS = (
    "find", "report", "kill", "end", "clean_staging", "logs", "list_files", "read_file",
    "read_folder", "delete", "qualified", "matches", "upload",
)  # fmt: skip
_OF_YARN = ("find", "report", "kill", "end")
# Whose answers are of no use once nobody waits for them; the others have to be done.
_QUESTIONS = (
    "find", "report", "logs", "list_files", "read_file", "read_folder", "qualified", "matches"
)  # fmt: skip


class Server:
    """Answers requests, each in a thread."""

    def __init__(self, java: str, class_path: str) -> None:
        self._java, self._class_path = java, class_path
        # By login, as JSON.
        self._jvms: dict[str, Jvm] = {}
        self._clusters: dict[str, dict[str, Hadoop]] = {}
        # Started before anybody asked, for the first login.
        self._spare: Jvm | None = None
        # By login too: while the JVM of one starts, the requests of the others go on.
        self._jvm_locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._output = threading.Lock()
        self._guarded: dict[str, dict[str, Any]] = {}

    def serve(self, lines: Iterable[bytes]) -> None:
        """Answer requests, a line each; then end what is guarded, and this process."""
        with contextlib.ExitStack() as opened:
            opened.enter_context(ThreadPoolExecutor(1)).submit(self._warm_up)
            pools: dict[tuple[str, bool], ThreadPoolExecutor] = {}
            for line in lines:
                request = json.loads(line)
                if request["call"] in ("guard", "release"):
                    # In the order in which they come.
                    self._guard(request)
                    continue
                # A name node that is silent must not keep applications from being ended either.
                asked = _reach_of(request), request["call"] in _OF_YARN
                if asked not in pools:
                    pools[asked] = opened.enter_context(ThreadPoolExecutor(_THREADS))
                pools[asked].submit(self._answer_in_time, request, time.monotonic())
            self._leave()

    def _leave(self) -> None:
        """End the applications that nobody follows any more, then this process.

        What is still asked has nobody who waits for it.
        """
        # One each, as they may be of several clusters, of which one is away.
        with ThreadPoolExecutor(max(len(self._guarded), 1)) as threads:
            list(threads.map(self._end_orphan, self._guarded.values()))
        os._exit(0)

    def _guard(self, request: dict[str, Any]) -> None:
        tag = request["arguments"]["tag"]
        if request["call"] == "guard":
            self._guarded[tag] = request
        else:
            self._guarded.pop(tag, None)
        self._send({"id": request["id"], "result": None})

    def _end_orphan(self, request: dict[str, Any]) -> None:
        tag = request["arguments"]["tag"]
        # The sensor, or `orch log rebuild`, finds what this can't end.
        with contextlib.suppress(Exception):
            cluster = self._cluster_of(request)
            cluster.end(tag, "its orchestrator is dead", _ORPHAN_S)

    def cluster(
        self,
        properties: Mapping[str, str],
        staging: str | None,
        login: Mapping[str, str] | None = None,
    ) -> Hadoop:
        """Return the cluster of these properties; a call starts the JVM of its login, if none runs.

        Args:
            properties: Properties of Hadoop.
            staging: As for Hadoop.
            login: The `principal` and its `keytab`; None for what the process's user has.
        """
        user = _user(login)
        key = json.dumps([sorted(properties.items()), staging])
        with self._lock:
            jvm_lock = self._jvm_locks.setdefault(user, threading.Lock())
        with jvm_lock:
            if user not in self._jvms or self._jvms[user].has_ended():
                # Who killed it did not end the jobs that are followed by it.
                self._jvms[user], self._clusters[user] = self._fresh_jvm(), {}
            jvm, clusters = self._jvms[user], self._clusters[user]
            if key not in clusters:
                clusters[key] = Hadoop(jvm.root, properties, staging)
            cluster = clusters[key]
        if login:
            # Apart from the lock: a KDC that is away keeps nobody else waiting.
            jvm.log_in(cluster.conf, login["principal"], login["keytab"])
        return cluster

    def _cluster_of(self, request: Mapping[str, Any]) -> Hadoop:
        return self.cluster(request["properties"], request["staging"], request.get("login"))

    def _fresh_jvm(self) -> Jvm:
        with self._lock:
            spare, self._spare = self._spare, None
        if spare is None or spare.has_ended():
            return Jvm(self._java, self._class_path)
        return spare

    def _warm_up(self) -> None:
        # A request meets the same error, and says it.
        with contextlib.suppress(GatewayError, OSError), self._lock:
            if not self._jvm_locks:
                self._spare = Jvm(self._java, self._class_path)

    def _answer_in_time(self, request: dict[str, Any], since_s: float) -> None:
        """Answer a request that has waited for a thread; not a question that was given up."""
        waited_s = time.monotonic() - since_s
        if request["call"] not in _QUESTIONS or waited_s <= request.get("within_s", waited_s):
            self._answer(request)

    def _answer(self, request: dict[str, Any]) -> None:
        answer: dict[str, Any] = {"id": request["id"]}
        user, jvm = _user(request.get("login")), None
        try:
            if request["call"] not in _CALLS:
                raise ValueError(f"unknown call {request['call']!r}")
            cluster = self._cluster_of(request)
            # Another request may start another one meanwhile.
            jvm = self._jvms.get(user)
            answer["result"] = getattr(cluster, request["call"])(**request["arguments"])
        except Exception as error:  # noqa: BLE001 - of Java or py4j: the orchestrator gets it
            answer["error"] = _lost_jvm(jvm or self._jvms.get(user), error) or _described(error)
        self._send(answer)

    def _send(self, answer: dict[str, Any]) -> None:
        # Who asked may be dead, and what it had guarded is to be ended all the same.
        with self._output, contextlib.suppress(OSError):
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


def _user(login: Mapping[str, str] | None) -> str:
    return json.dumps(login, sort_keys=True)


def _reach_of(request: Mapping[str, Any]) -> str:
    """Return by whom, and by which configuration, a request reaches its cluster."""
    parts = (request.get(name) for name in ("login", "properties", "staging"))
    return json.dumps([*parts], sort_keys=True)


def _lost_jvm(jvm: Jvm | None, error: Exception) -> dict[str, str] | None:
    """Return that an error is the death of the JVM, after which py4j says anything, or None."""
    if jvm is None or hasattr(error, "java_exception") or not jvm.has_ended(_JVM_DEATH_S):
        return None
    return {"kind": "GatewayEnded", "message": "the JVM with Hadoop's clients was killed"}


def _described(error: Exception) -> dict[str, str]:
    """Return the class of an error and its text, of Java's own exception if it is one."""
    thrown: Any = getattr(error, "java_exception", None)
    if thrown is None:
        return {"kind": type(error).__name__, "message": str(error)}
    text = str(thrown.getMessage() or "")
    # Hadoop's calls end with a link to its wiki.
    first = text.partition("; For more details see")[0].strip().partition("\n")[0]
    return {"kind": str(thrown.getClass().getName()), "message": first}


def _in_words(error: Exception) -> str:
    """Return an error in one line."""
    of_error = _described(error)
    return f"{of_error['kind'].rpartition('.')[2]}: {of_error['message']}"


def requests_of(parent: int | None, stdin: int) -> Iterator[bytes]:
    """Yield the lines of stdin until it ends, or the process that writes them is dead.

    A fork of that process may hold stdin open. What it wrote before its death is yielded first.
    """
    if parent is None or sys.platform == "win32":
        with open(stdin, "rb", closefd=False) as lines:
            yield from lines
        return
    pending = b""
    while True:
        is_dead = os.getppid() != parent
        readable, _, _ = select.select([stdin], [], [], 0 if is_dead else _PARENT_CHECK_S)
        if not readable and is_dead:
            return
        if not readable:
            continue
        chunk = os.read(stdin, 65536)
        if not chunk:
            return
        *lines, pending = (pending + chunk).split(b"\n")
        yield from lines


def main(arguments: Sequence[str]) -> int:
    """Run as a program; return the exit code."""
    parser = argparse.ArgumentParser(description="Talk to YARN and Hadoop's file systems.")
    parser.add_argument("--java", required=True, help="the java program")
    parser.add_argument("--class-path", required=True, help="Hadoop's configuration, Spark's jars")
    parser.add_argument("--parent", type=int, help="the process with which this one ends")
    parser.add_argument("--end", help="the tag of the applications to end")
    parser.add_argument("--within", type=float, default=60.0, help="seconds for their end")
    parser.add_argument("--request", default="{}", help="JSON: properties, staging, login, why")
    options = parser.parse_args(arguments)
    server = Server(options.java, options.class_path)
    if options.end:
        request = json.loads(options.request)
        cluster = server.cluster(
            request.get("properties") or {}, request.get("staging"), request.get("login")
        )
        why = request.get("why") or "its orchestrator is dead"
        ended = cluster.end(options.end, why, options.within)
        print(json.dumps(ended), flush=True)  # noqa: T201 - its result
        return int(any(each["state"] not in _OVER for each in ended))
    server.serve(requests_of(options.parent, sys.stdin.fileno()))
    return 0


if __name__ == "__main__":
    exit_code = main(sys.argv[1:])
    sys.stdout.flush()
    # Threads of py4j may still wait.
    os._exit(exit_code)
