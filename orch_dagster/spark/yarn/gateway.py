"""The gateway to YARN and Hadoop's file systems: one small process for an orchestrator's.

It starts with the first job whose master is yarn, and ends with the orchestrator. Its program is
gateway_script.py.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from framework.contract.variables import HADOOP_CONF_DIRS
from orch_dagster.spark.terminal import away_from_terminal
from orch_dagster.spark.yarn.gateway_command import (
    GATEWAY_ENDED,
    STAGING,
    YarnError,
    gateway_command,
    gateway_ended,
    hadoop_properties,
    login_of,
)
from orch_dagster.spark.yarn.report import Application

# The start of the JVM included.
_ANSWER_S = 60.0
_CLOSE_S = 5.0


@dataclass(frozen=True)
class FileEntry:
    """An entry of a folder."""

    name: str
    size_bytes: int
    is_folder: bool
    modified_ms: int


class YarnGateway:
    """The gateway's process, started by the first request; any number of threads may ask.

    Args:
        command: The program and its arguments.
        environ: Its environment.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._command = command
        self._environ = dict(environ)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        # With the process that was asked.
        self._waiting: dict[int, tuple[subprocess.Popen[bytes], Future[Any]]] = {}
        self._guarded: dict[str, dict[str, Any]] = {}
        self._last_id = 0

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> YarnGateway:
        """Return a gateway to the cluster that an environment names; it has not started.

        Raises:
            YarnError: If the environment names no configuration.
            SparkError: If Java or Spark is missing.
        """
        return cls([*gateway_command(environ), "--parent", str(os.getpid())], environ)

    @property
    def is_running(self) -> bool:
        """True once the process has started, until it ends."""
        with self._lock:
            return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process, if it does not run, without waiting for it."""
        with self._lock:
            self._started()

    def ask(
        self,
        call: str,
        arguments: Mapping[str, Any],
        reach: Mapping[str, Any] | None = None,
        timeout_s: float = _ANSWER_S,
    ) -> Any:
        """Make a request and return its answer.

        Args:
            call: What to do.
            arguments: Its arguments.
            reach: The cluster, as YarnClient has it.
            timeout_s: Seconds for the answer.

        Raises:
            YarnError: If it failed, or got no answer in time.
        """
        request = {**_request(call, arguments, reach), "within_s": timeout_s}
        answer: Future[Any] = Future()
        with self._lock:
            process = self._started()
            number = self._last_id + 1
            self._waiting[number] = process, answer
            try:
                self._send(process, request)
            except OSError as error:
                self._waiting.pop(number, None)
                raise gateway_ended(str(error)) from error
        try:
            return answer.result(timeout_s)
        except FutureTimeoutError as error:
            with self._lock:
                self._waiting.pop(number, None)
            raise YarnError(
                f"YARN did not answer ({call}) within {timeout_s:g} s: look at the resource "
                f"manager and the name node of {self._configuration()}",
                kind="TimeoutError",
            ) from error

    def guard(self, tag: str, reach: Mapping[str, Any] | None = None) -> None:
        """Have the applications of a tag ended if this process dies, until they are released.

        Raises:
            YarnError: If the gateway can't be reached.
        """
        request = _request("guard", {"tag": tag}, reach)
        with self._lock:
            self._guarded[tag] = request
        try:
            self.ask("guard", request["arguments"], reach)
        except BaseException:
            # Nothing will be submitted, so that nothing would release it.
            self.release(tag)
            raise

    def release(self, tag: str) -> None:
        """Guard the applications of a tag no more."""
        with self._lock:
            if self._guarded.pop(tag, None) is None or self._process is None:
                return
            # A gateway that has ended guards nothing.
            with contextlib.suppress(OSError):
                self._send(self._process, _request("release", {"tag": tag}))

    def close(self) -> None:
        """End the process; it first ends the applications that it still guards."""
        with self._lock:
            process, self._process = self._process, None
            has_orphans = bool(self._guarded)
        if process is None:
            return
        assert process.stdin is not None
        # It may have ended by itself.
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            if has_orphans:
                return
            process.kill()
            process.wait()

    def _configuration(self) -> str:
        names = [self._environ[name] for name in HADOOP_CONF_DIRS if self._environ.get(name)]
        return names[0] if names else "Hadoop's configuration"

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environ,
                # What it has to end comes after a Ctrl-C.
                **away_from_terminal(),
            )
        except OSError as error:
            raise YarnError(f"the gateway to YARN can't be started: {error}") from error
        self._process = process
        threading.Thread(target=self._read, args=(process,), name="orch-yarn", daemon=True).start()
        # Whoever killed the one before did not end the jobs.
        try:
            for request in self._guarded.values():
                self._send(process, request)
        except OSError as error:
            raise gateway_ended(str(error)) from error
        return process

    def _send(self, process: subprocess.Popen[bytes], request: Mapping[str, Any]) -> None:
        """Send a request; the lock is held."""
        self._last_id += 1
        assert process.stdin is not None
        process.stdin.write(json.dumps({"id": self._last_id, **request}).encode() + b"\n")
        process.stdin.flush()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        """Hand each answer to who waits for it, until the process ends; runs in a thread."""
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    # It was killed while it wrote.
                    break
                answer = json.loads(line)
                with self._lock:
                    asked = self._waiting.pop(answer["id"], None)
                if asked is None:
                    continue
                _, waiting = asked
                if error := answer.get("error"):
                    waiting.set_exception(YarnError.of(error))
                else:
                    waiting.set_result(answer["result"])
        with self._lock:
            # Another process may have been started meanwhile.
            numbers = [number for number, (of, _) in self._waiting.items() if of is process]
            left = [self._waiting.pop(number) for number in numbers]
        for _, waiting in left:
            waiting.set_exception(gateway_ended("before it could answer"))


@dataclass(frozen=True)
class YarnClient:
    """The cluster of a job: YARN and Hadoop's file systems, by its own properties.

    Attributes:
        gateway: The gateway's process.
        properties: Properties of Hadoop on top of its configuration files.
        staging: The job's spark.yarn.stagingDir, if it has one.
        login: The job's principal and keytab, if it has both.
    """

    gateway: YarnGateway
    properties: Mapping[str, str] = field(default_factory=dict[str, str])
    staging: str | None = None
    login: Mapping[str, str] | None = None

    @classmethod
    def of(cls, gateway: YarnGateway, spark_properties: Mapping[str, str]) -> YarnClient:
        """Return the client of a job with these Spark properties."""
        return cls(
            gateway,
            hadoop_properties(spark_properties),
            spark_properties.get(STAGING),
            login_of(spark_properties),
        )

    @property
    def reach(self) -> dict[str, Any]:
        """Return how the gateway's program reaches the cluster."""
        login = dict(self.login) if self.login else None
        return {"properties": dict(self.properties), "staging": self.staging, "login": login}

    def find(self, tag: str) -> list[Application]:
        """Return the applications of a tag, of any state, the newest last."""
        found = [Application.from_json(each) for each in self._ask("find", tag=tag)]
        return sorted(found, key=lambda application: application.order)

    def report(self, application_id: str) -> Application:
        """Return one application."""
        return Application.from_json(self._ask("report", application_id=application_id))

    def end(self, tag: str, why: str, within_s: float) -> list[Application]:
        """Kill the applications of a tag and await their ends; remove what they staged.

        Returns:
            All applications of the tag, also those that could not be ended in time.

        Raises:
            YarnError: If YARN can't be asked, so that it is unknown whether they run.
        """
        arguments = {"tag": tag, "why": why, "within_s": within_s}
        try:
            ended = self._ask("end", within_s + _ANSWER_S, **arguments)
        except YarnError as error:
            if error.kind != GATEWAY_ENDED:
                raise
            # The gateway was killed meanwhile. The next one can end them.
            ended = self._ask("end", within_s + _ANSWER_S, **arguments)
        return [Application.from_json(each) for each in ended]

    def guard(self, tag: str) -> None:
        """Have the applications of a tag ended if this process dies, until `release`."""
        self.gateway.guard(tag, self.reach)

    def release(self, tag: str) -> None:
        """Guard the applications of a tag no more."""
        self.gateway.release(tag)

    def clean_staging(self, application: Application) -> None:
        """Remove what a submit staged for an application."""
        self._ask("clean_staging", application_id=application.id, user=application.user)

    def logs(
        self,
        application_id: str,
        last_bytes: int = 65536,
        log_types: Sequence[str] = ("stdout", "stderr"),
    ) -> str:
        """Return the end of the aggregated logs of an application's first container."""
        return str(
            self._ask(
                "logs",
                application_id=application_id,
                last_bytes=last_bytes,
                log_types=list(log_types),
            )
        )

    def list_files(self, folder: str) -> list[FileEntry]:
        """Return the entries of a folder, by name; none of a folder that is not there."""
        return [FileEntry(**each) for each in self._ask("list_files", folder=folder)]

    def read_file(self, file: str) -> bytes:
        """Return the content of a small file."""
        return base64.b64decode(self._ask("read_file", file=file)["base64"])

    def read_folder(
        self, folder: str, after: str = "", prefix: str = ""
    ) -> list[tuple[str, bytes]]:
        """Return the name and the content of a folder's small files, by name, in one request.

        Args:
            folder: The folder; one that is not there has no files.
            after: The name after which those of the files have to sort.
            prefix: What their names start with.
        """
        found = self._ask("read_folder", folder=folder, after=after, pattern=prefix)
        return [(each["name"], base64.b64decode(each["base64"])) for each in found]

    def delete(self, file: str) -> None:
        """Delete a file, or a folder with all in it, if it is there."""
        self._ask("delete", file=file)

    def qualified(self, file: str) -> str:
        """Return the whole URL of a file or a folder, whether it is there or not."""
        return str(self._ask("qualified", file=file))

    def matches(self, pattern: str) -> int:
        """Return how many files match a pattern of Hadoop's, such as `hdfs://nn/jars/*.jar`."""
        return int(self._ask("matches", pattern=pattern))

    def upload(self, local: Path, target: str, timeout_s: float) -> bool:
        """Copy a file of this machine, readable by all; return whether it was not there before.

        It has another name until it is whole.

        Raises:
            YarnError: If it could not be copied, or not in time.
        """
        return bool(self._ask("upload", timeout_s, local=str(local), target=target))

    def _ask(self, call: str, timeout_s: float = _ANSWER_S, **arguments: Any) -> Any:
        return self.gateway.ask(call, arguments, self.reach, timeout_s)


def _request(
    call: str, arguments: Mapping[str, Any], reach: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    nowhere = {"properties": {}, "staging": None, "login": None}
    return {"call": call, "arguments": dict(arguments), **(reach or nowhere)}
