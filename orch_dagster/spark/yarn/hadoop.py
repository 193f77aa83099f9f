"""YARN and Hadoop's file systems, by the clients of a JVM."""

from __future__ import annotations

import base64
import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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
OVER = ("FINISHED", "FAILED", "KILLED")
"""States of an application that has ended."""

_POLL_S = 0.3
# A request to submit that its dead sender left on its way.
_LATE_SUBMIT_S = 1.0
_COPY_BYTES = 1 << 20
# Spark and Hive skip such names.
_UPLOAD = ".upload-"
_UPLOAD_DAYS = 1
_READABLE = "644"


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
            is_over = all(each["state"] in OVER for each in found)
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
            if each["state"] in OVER:
                continue
            try:
                self.kill(each["id"], why)
            except Exception as error:  # noqa: BLE001 - of Java: it keeps no other from its end
                refusals[each["id"]] = in_words(error)
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
            return in_words(error)
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


def described(error: Exception) -> dict[str, str]:
    """Return the class of an error and its text, of Java's own exception if it is one."""
    thrown: Any = getattr(error, "java_exception", None)
    if thrown is None:
        return {"kind": type(error).__name__, "message": str(error)}
    text = str(thrown.getMessage() or "")
    # Hadoop's calls end with a link to its wiki.
    first = text.partition("; For more details see")[0].strip().partition("\n")[0]
    return {"kind": str(thrown.getClass().getName()), "message": first}


def in_words(error: Exception) -> str:
    """Return an error in one line."""
    of_error = described(error)
    return f"{of_error['kind'].rpartition('.')[2]}: {of_error['message']}"
