"""Read what the resource manager reports of an application, and what it means for the job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orch_dagster.spark.yarn.container_size import cores_above_maximum

# What Hadoop calls the states of an application.
_WAITING = frozenset({"NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED"})
NOT_SUBMITTED = (
    "spark-submit has not handed it over yet, as it uploads files, or a name node does not answer"
)
"""The reason of a submit in cluster mode that has no application after a while."""

# What its resource manager does with one before a queue has it.
_NOT_ACCEPTED = {
    "NEW": " has not taken it yet",
    "NEW_SAVING": " writes it into its state store, which has not answered yet",
    "SUBMITTED": " has not put it into its queue yet",
}
_ENDED = frozenset({"FINISHED", "FAILED", "KILLED"})
_SUCCEEDED = "SUCCEEDED"
_NUMBER = re.compile(r"\d+", re.ASCII)
_USER_EXIT = re.compile(r"User application exited with status (-?\d+)")
_CONTAINER_EXIT = re.compile(r"exited with\s+exitCode: (-?\d+)")
_KILLED_BY = re.compile(r"was killed by user (\S+)(?: at (\S+))?")
_KILL_MESSAGE = re.compile(r"with diagnostic message: (.*)", re.S)
_EXCEPTION = re.compile(r"User class threw exception: (.+)")
# What the JVM of a driver on the cluster says that ends by SIGTERM, or by System.exit.
_ENDED_EARLY = "Shutdown hook called before final status was reported"
_EXECUTOR_FAILURES = re.compile(
    r"Max number of executor failures|executor failures all available nodes are excluded"
)
# What a scheduler rejects at once.
_FULL = re.compile(r"already has \d+ applications|application limit reached")
_STAMP = re.compile(r"^\[[^\]]*\d{2}:\d{2}[^\]]*\]\s*")
_MEMORY = re.compile(r"running (?:\d+B )?beyond the '?(physical|virtual)'? memory limit", re.I)
_USAGE = re.compile(r"Current usage: ([\d.]+ \w+ of [\d.]+ \w+) (?:physical|virtual)", re.I)
_NO_PROGRAM = re.compile(r'Cannot run program "([^"]+)"')
# What a shell, or /usr/bin/env, says of a program that is not there.
_NOT_FOUND = re.compile(
    r"(?P<name>[^\s:'‘’]+)['’]?: (?:command not found|No such file or directory)"
)
_PYTHON_SETTING = "spark.pyspark.python"
_UNNAMED_PROGRAM = (
    "a program that it starts with is not on the node; look at "
    f"{_PYTHON_SETTING}, and at JAVA_HOME there"
)
# What is in an application's first container, and the property of its memory.
_IN_CLUSTER_MODE = ("driver", "spark.driver.memory")
_IN_CLIENT_MODE = ("application master", "spark.yarn.am.memory")
_DETAILS = re.compile(r"\s*Details ?: ?.*", re.S)
# Hadoop's own codes of a container that did not end by itself.
_CONTAINER_ENDS = {
    -100: "its node was lost or let go of its container",
    -101: "the disks of its node failed",
    -102: "its container was preempted, as another queue needed its resources",
    -103: "its container used more virtual memory than it may",
    -104: "its container used more memory than it may",
    -105: "its container was killed by the application master",
    -106: "its container was killed by the resource manager",
    -107: "its container was killed, as the application had ended",
    -108: "its container was killed by its node, to make room for another one",
    -109: "its container wrote more logs than it may",
    -1000: "its container could not be set up",
}
# Of these, what another container may be spared.
_BEFALLEN = frozenset({-100, -101, -102, -106, -108})
_SIGKILL_CODE = 137
_SIGTERM_CODE = 143
_NOT_FOUND_CODE = 127


@dataclass(frozen=True)
class Application:
    """An application, as the resource manager reported it.

    Attributes:
        id: Its id, such as application_1716192000000_0001.
        state: NEW, NEW_SAVING, SUBMITTED, ACCEPTED, RUNNING, FINISHED, FAILED or KILLED.
        final_status: What its driver said of its end: SUCCEEDED, FAILED, KILLED or UNDEFINED.
        diagnostics: The text of the resource manager: why it waits, or how it ended.
        name: Its name.
        user: Whose it is.
        queue: Its queue.
        tags: Its tags, in lower case.
        tracking_url: The page of the application, and of its logs once it has ended.
        started_ms: When the resource manager took it, in its milliseconds since 1970.
        containers: How many containers it has now, its driver's or master's own with them, which
            counts as one where it is a part of the driver here; 0 if that is not known.
        staged: Why what its submit staged could not be removed at its end; '' if it was, or if
            nobody tried.
        refusal: Why it could not be killed; '' if nobody was kept from that.
        is_readable: Whether the user who asks may see more than its state.
    """

    id: str
    state: str
    final_status: str = "UNDEFINED"
    diagnostics: str = ""
    name: str = ""
    user: str = ""
    queue: str = ""
    tags: frozenset[str] = field(default_factory=frozenset[str])
    tracking_url: str = ""
    started_ms: int = 0
    containers: int = 0
    staged: str = ""
    refusal: str = ""
    is_readable: bool = True

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Application:
        """Return the application that the gateway describes."""
        known = {name: str(document.get(name) or "") for name in _TEXTS}
        tags = frozenset(map(str, document.get("tags") or ()))
        started_ms, containers = (int(document.get(name) or 0) for name in _NUMBERS)
        is_readable = known["diagnostics"] != _NOT_READABLE
        if not is_readable:
            known["diagnostics"] = ""
        return cls(
            **known,
            tags=tags,
            started_ms=started_ms,
            containers=containers,
            is_readable=is_readable,
        )

    @property
    def order(self) -> tuple[int, ...]:
        """Its place among those of its resource manager, which knows the earlier ones before it."""
        return (self.started_ms, *map(int, _NUMBER.findall(self.id)))

    @property
    def is_over(self) -> bool:
        """True once it has ended, however."""
        return self.state in _ENDED

    @property
    def is_waiting(self) -> bool:
        """True while no container of it has started."""
        return self.state in _WAITING

    @property
    def is_alone(self) -> bool:
        """True while it runs and has no container for executors."""
        return self.state == "RUNNING" and self.containers == 1

    @property
    def has_succeeded(self) -> bool:
        """True if its driver ended without a failure, in cluster mode."""
        return self.state == "FINISHED" and self.final_status == _SUCCEEDED

    @property
    def may_pass(self) -> bool:
        """True if another one may be spared its failure: its node was lost, or its queue full."""
        is_full = self.state == "FAILED" and _FULL.search(self.diagnostics) is not None
        return is_full or (self.state != "KILLED" and self.exit_code in _BEFALLEN)

    @property
    def ran_out_of_executors(self) -> bool:
        """True if its application master gave up, as its executors failed again and again."""
        return bool(_EXECUTOR_FAILURES.search(self.diagnostics))

    @property
    def was_refused_executors(self) -> bool:
        """True if it ended as its executors are above YARN's maximum."""
        return cores_above_maximum(self.diagnostics) is not None

    @property
    def exit_code(self) -> int:
        """The exit code of the driver in cluster mode; 1 for a failure without one."""
        if self.has_succeeded:
            return 0
        if _NO_PROGRAM.search(self.diagnostics):
            return _NOT_FOUND_CODE
        found = _USER_EXIT.search(self.diagnostics) or _CONTAINER_EXIT.search(self.diagnostics)
        return (int(found[1]) if found else 1) or 1


_TEXTS = (
    "id", "state", "final_status", "diagnostics", "name", "user", "queue", "tracking_url", "staged",
    "refusal",
)  # fmt: skip
# Where an ACL keeps who asks from the application (yarn.acl.enable).
_NOT_READABLE = "N/A"
_NUMBERS = ("started_ms", "containers")


def waiting_reason(application: Application) -> str:
    """Return why an application has not started, in one line.

    >>> waiting_reason(Application("application_1_1", "ACCEPTED", diagnostics="[Thu May 16 "
    ... "10:00:00 +0000 2024] Application is Activated, waiting for resources to be assigned for "
    ... "AM. Details : AM Partition = <DEFAULT_PARTITION> ; "))
    'Application is Activated, waiting for resources to be assigned for AM'
    """
    if text := _waiting_text(application):
        return text
    queue = f" of queue {application.queue}" if application.queue else ""
    has_done = _NOT_ACCEPTED.get(application.state, f"{queue} has given it no container")
    return f"the resource manager{has_done} ({application.state}){_unread(application)}"


def registering(application: Application) -> str:
    """Return why an application that ran is waiting: its resource manager or its node was lost."""
    text = _waiting_text(application)
    again = f"its application master has to register again ({application.state})"
    return f"{application.id} ran, and {again}" + (f": {text}" if text else "")


def _waiting_text(application: Application) -> str:
    text = _STAMP.sub("", application.diagnostics.strip())
    return " ".join(_DETAILS.sub("", text).split()).rstrip(" .;")


def no_executors(application: Application) -> str:
    """Return why an application that has started does nothing, in one line.

    >>> no_executors(Application("application_1_1", "RUNNING", queue="q", containers=1))
    'queue q has given application_1_1 no container for executors'
    """
    queue = f"queue {application.queue}" if application.queue else "the resource manager"
    return f"{queue} has given {application.id} no container for executors"


def failure_of(application: Application, *, is_cluster: bool = True) -> str | None:
    """Return how an application failed, in one line; None if it did not.

    Args:
        application: Its last report.
        is_cluster: Whether its driver was in its first container, or only its application master.
    """
    if application.has_succeeded:
        return None
    subject, text = application.id, application.diagnostics
    first, memory_of = _IN_CLUSTER_MODE if is_cluster else _IN_CLIENT_MODE
    if application.state == "KILLED":
        return f"{subject} was killed{_by_whom(text)}{_unread(application)}"
    code = application.exit_code
    if code == _NOT_FOUND_CODE:
        found = _NO_PROGRAM.search(text) or _NOT_FOUND.search(text)
        what = _not_there(found[1]) if found else _UNNAMED_PROGRAM
        return f"{subject} failed: {what} (exit code 127)"
    if memory := _MEMORY.search(text):
        usage = _USAGE.search(text)
        used = f" ({usage[1]})" if usage else ""
        return (
            f"{subject} failed: its {first} used more {memory[1].lower()} memory than its "
            f"container has{used}; raise {memory_of} or {memory_of}Overhead"
        )
    if code in _CONTAINER_ENDS:
        return f"{subject} failed: {_CONTAINER_ENDS[code]} (exit code {code}){_detail(text)}"
    if code == _SIGKILL_CODE:
        return (
            f"{subject} failed: its {first} was killed (exit code 137, SIGKILL): the node ran out "
            "of memory, or somebody used kill -9"
        )
    if code == _SIGTERM_CODE:
        return f"{subject} failed: its {first} was terminated from outside (exit code 143, SIGTERM)"
    if not application.is_readable:
        return f"{subject} ended as {_end(application)}{_unread(application)}"
    if reason := cores_above_maximum(text) or _user_exception(text):
        return f"{subject} failed: {reason}"
    if _ENDED_EARLY in text:
        return (
            f"{subject} failed: its {first} was terminated from outside, or ended its JVM itself "
            f"({_ENDED_EARLY})"
        )
    if _USER_EXIT.search(text) or _CONTAINER_EXIT.search(text):
        return f"exit code {code} of the {first} of {subject}"
    return f"{subject} ended as {_end(application)}{_detail(text)}"


def _user_exception(diagnostics: str) -> str | None:
    found = _EXCEPTION.search(diagnostics)
    return found[1].strip() if found else None


def lost(application: Application | None) -> str:
    """Return the sentence on an application that its resource manager has forgotten."""
    subject = application.id if application else "its application"
    return (
        f"unknown how the job ended: the resource manager does not know {subject} any more, as "
        "after a restart without yarn.resourcemanager.recovery.enabled"
    )


def missing_program(text: str) -> str | None:
    """Return which program a node lacks, with the setting that names it, if a text tells of one.

    >>> missing_program('java.io.IOException: Cannot run program "python9": error=2')
    "no Python on the node: 'python9' is not there; set spark.pyspark.python to the nodes' own"
    """
    found = _NO_PROGRAM.search(text)
    return _not_there(found[1]) if found else None


def _not_there(program: str) -> str:
    if "py" in program.rpartition("/")[2]:
        setting = f"set {_PYTHON_SETTING} to the nodes' own"
        return f"no Python on the node: {program!r} is not there; {setting}"
    return f"the node has no {program!r}: have it installed there, or correct the path"


def still_live(application: Application) -> str:
    """Return the sentence on an application that could not be ended."""
    refusal = f" ({application.refusal})" if application.refusal else ""
    return (
        f"{application.id} is still {application.state}: end it by `yarn application -kill "
        f"{application.id}`{refusal}"
    )


def still_staged(application: Application) -> str | None:
    """Return the sentence on what an application has left staged, None if it was removed.

    >>> still_staged(Application("application_1_1", "KILLED", user="eve", staged="no right to"))
    'could not remove .sparkStaging/application_1_1 of user eve (no right to): remove it by hand'
    """
    if not application.staged:
        return None
    owner = f" of user {application.user}" if application.user else ""
    folder = f".sparkStaging/{application.id}{owner}"
    return f"could not remove {folder} ({application.staged}): remove it by hand"


def _unread(application: Application) -> str:
    """Return that nobody may know more of an application who asks, '' if that is not so."""
    if application.is_readable:
        return ""
    return (
        "; why is unknown, as yarn.acl.enable lets the orchestrator see no more: give it the "
        "right by spark.ui.view.acls"
    )


def _end(application: Application) -> str:
    if application.final_status in ("", "UNDEFINED", application.state):
        return application.state
    return f"{application.state} ({application.final_status})"


def _by_whom(diagnostics: str) -> str:
    found = _KILLED_BY.search(diagnostics)
    if not found:
        return _detail(diagnostics)
    host = f" from {found[2].rstrip('.,')}" if found[2] else ""
    message = _KILL_MESSAGE.search(diagnostics)
    why = f": {' '.join(message[1].split())}" if message else ""
    return f" by user {found[1].rstrip('.,')}{host}{why}"


def _detail(diagnostics: str) -> str:
    """Return the first lines of a text of the resource manager, after a colon; '' if none."""
    lines = [_STAMP.sub("", line.strip()) for line in diagnostics.splitlines()]
    text = " ".join(line for line in lines if line and not line.startswith("at "))
    return f": {text[:300]}" if text else ""
