"""Answer the requests of the gateway to YARN, and end what it guards when it is left."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from orch_dagster.spark.yarn.hadoop import Hadoop, described
from orch_dagster.spark.yarn.hadoop_jvm import GatewayError, Jvm

# From the loss of its connections to that of the process.
_JVM_DEATH_S = 1.0
_THREADS = 8
# For the end of an application whose orchestrator is dead.
_ORPHAN_S = 120.0
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
            answer["error"] = _lost_jvm(jvm or self._jvms.get(user), error) or described(error)
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
