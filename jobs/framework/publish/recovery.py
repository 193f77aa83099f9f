"""Find what cut-off landings left beside the sinks of jobs, and finish or roll back each.

`orch recover` runs this in a process of its own; a landing recovers its own date without it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from string import Formatter
from typing import Any, Literal

from framework.contract import variables
from framework.contract.native_paths import with_native_paths
from framework.contract.paths import (
    base_location,
    is_local,
    is_within,
    join,
    parent,
    path_start,
    resolve,
)
from framework.contract.places import REJECTED
from framework.contract.process_identity import ProcessProbe
from framework.errors import LockedError, PublishError
from framework.plan import BIZ_DT
from framework.publish.journal import FILE, FOLDER, TARGETS, Journal
from framework.publish.lock import OwnerCheck, read
from framework.publish.processes import LockOwner, psutil_probe, this_process
from framework.publish.publication import recover
from framework.publish.swap import remove_empty_parents
from framework.publish.targets import has_date, locks_inside, release_dead
from framework.session import get_spark
from framework.storage.filesystem import FileSystem
from framework.storage.routed import RoutedFileSystem

Outcome = Literal["recovered", "held", "failed", "needs_session"]
"""needs_session: nothing was done, as a sink of the job is not local and Spark was not started."""

_A_DAY = date(2024, 5, 15)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class FileSink:
    """A file sink of a job's context_params; its path may have placeholders."""

    path: str
    partition_cols: tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """A job and its file sinks, in the order of its context_params.

    `rejected` has the paths of bad_records that have one; without, they are beside the first sink.
    """

    job_name: str
    sinks: tuple[FileSink, ...]
    rejected: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Return all paths, which may have placeholders."""
        return (*(sink.path for sink in self.sinks), *self.rejected)

    @property
    def with_journals(self) -> tuple[FileSink, ...]:
        """Return where a landing's journal may lie: beside the first that it replaces."""
        return self.sinks[:1] or self._tables_of_rejected

    @property
    def all_sinks(self) -> tuple[FileSink, ...]:
        """Return the sinks, and the tables of bad records as such."""
        return (*self.sinks, *self._tables_of_rejected)

    @property
    def _tables_of_rejected(self) -> tuple[FileSink, ...]:
        beside = [join(_beside(sink, sink.path), REJECTED) for sink in self.sinks[:1]]
        roots = dict.fromkeys([*beside, *self.rejected])
        return tuple(FileSink(join(root, self.job_name), (BIZ_DT,)) for root in roots)


@dataclass(frozen=True)
class Finding:
    """The outcome for a landing, with a sentence; biz_dt is None if it concerns the whole job."""

    job_name: str
    biz_dt: str | None
    outcome: Outcome
    text: str


@dataclass(frozen=True)
class Recovery:
    """A recovery of jobs, with what they have in common.

    Attributes:
        fs: The file system of their sinks.
        base: The location where relative paths start.
        me: This process.
        look: Inspects the processes of this host.
        biz_dt: The only date to recover; None for all dates.
        gone_hosts: Other hosts whose processes are known to be gone.
    """

    fs: FileSystem
    base: str
    me: LockOwner
    look: ProcessProbe
    biz_dt: str | None = None
    gone_hosts: frozenset[str] = frozenset()

    def findings(self, job: Job) -> Iterator[Finding]:
        """Recover the job's cut-off landings; go on after one that fails."""
        try:
            for sink in job.with_journals:
                for folder, biz_dt in self._left_at(job, sink, self.biz_dt):
                    finding = self._recovered(job, biz_dt, join(folder, FILE))
                    if finding:
                        yield finding
            for sink in job.all_sinks:
                for folder, biz_dt in self._left_at(job, sink, self.biz_dt):
                    if self._has_journal(job, biz_dt):
                        continue
                    # The journal's removal may have survived a cut of power, and this one's not.
                    remove_empty_parents(self.fs, folder)
                    if self.fs.exists(folder):
                        yield _without_journal(job, biz_dt, folder)
            for location in dict.fromkeys(self._locks(job)):
                if finding := self._released(job, location):
                    yield finding
        except OSError as error:
            yield Finding(job.job_name, None, "failed", f"{job.job_name}: {error}; try again")

    def _recovered(self, job: Job, biz_dt: str, journal: str) -> Finding | None:
        title = f"{job.job_name} {biz_dt}"
        try:
            text = self._recovered_text(journal, job)
        except LockedError as error:
            return Finding(job.job_name, biz_dt, "held", f"{title}: {error}")
        except PublishError as error:
            return Finding(job.job_name, biz_dt, "failed", f"{title}: {error}")
        return None if text is None else Finding(job.job_name, biz_dt, "recovered", text)

    def _roots(self, job: Job) -> tuple[str, ...]:
        return (self.base, *(resolve(self.base, _fixed_part(path)) for path in job.paths))

    def _locks(self, job: Job) -> Iterator[str]:
        """Yield the locks of the folders that the job replaces, of whatever job they are.

        So are those of folders around them and, for a date, of folders inside, as its landing
        looks at them too.
        """
        for sink in job.all_sinks:
            target = resolve(self.base, _pattern(sink.path, self.biz_dt))
            if sink.partition_cols[:1] == (BIZ_DT,):
                target = join(target, f"{BIZ_DT}={self.biz_dt or '*'}")
            # Above the data root, the job may have no right to look.
            start = len(self.base) if is_within(target, self.base) else path_start(target)
            folder = target
            while folder == target or "*" in folder or has_date(folder[start:]):
                yield from self._locks_of(folder)
                folder = parent(folder)
            if self.biz_dt:
                for each in _expanded(self.fs, target):
                    yield from locks_inside(self.fs, each)

    def _locks_of(self, target: str) -> Iterator[str]:
        """Yield the locks of a folder, or of those that match a pattern."""
        name = target.rpartition("/")[2]
        for folder in _expanded(self.fs, join(parent(target), FOLDER, TARGETS)):
            for each in self.fs.names(folder):
                if fnmatchcase(each, name):
                    yield join(folder, each, FILE)

    def _released(self, job: Job, location: str) -> Finding | None:
        """Settle the landing that has a lock, and return what was done; None if it was nothing.

        The landing may be of a job that was renamed or removed, or have left nothing but the lock.
        """
        name = parent(location).rpartition("/")[2]
        target = join(location.rpartition(f"/{FOLDER}/")[0], name)
        probe = Journal(TARGETS, name, self.me.with_token(), roots=self._roots(job))
        of_date = self.biz_dt
        try:
            found = read(self.fs, location, probe)
            if found is None:
                remove_empty_parents(self.fs, parent(location))
                return None
            held, landing = found[0], found[0].landing_at(location)
            job_name, biz_dt = landing.split("/")[-3:-1]
            of_date = biz_dt if held.landing else of_date
            if job_name == job.job_name and self.fs.exists(landing):
                # That landing itself was held or failed, and is named already.
                return None
            check = OwnerCheck(self.me, self.look, self.gone_hosts, (job.job_name, biz_dt))
            check.refuse_if_held(location, held)
            text = self._recovered_text(landing, job) if held.landing else None
            if release_dead(self.fs, location, probe, check):
                of = f"of {job_name} {biz_dt}" if held.landing else "that was cut off"
                text = text or f"{target}: a lock {of} was left"
                text += "; the lock is released"
        except LockedError as error:
            return Finding(job.job_name, of_date, "held", f"{job.job_name}: {error}")
        except PublishError as error:
            return Finding(job.job_name, of_date, "failed", f"{job.job_name}: {error}")
        return None if text is None else Finding(job.job_name, of_date, "recovered", text)

    def _recovered_text(self, journal: str, job: Job) -> str | None:
        roots = self._roots(job)
        return recover(self.fs, journal, self.me, self.look, self.gone_hosts, roots)

    def _has_journal(self, job: Job, biz_dt: str) -> bool:
        """Return whether a landing runs, began since, or could not be recovered."""
        return any(
            self.fs.exists(join(folder, FILE))
            for sink in job.with_journals
            for folder, _ in self._left_at(job, sink, biz_dt)
        )

    def _left_at(self, job: Job, sink: FileSink, biz_dt: str | None) -> Iterator[tuple[str, str]]:
        """Yield the folders that landings left beside a sink, each with its date."""
        beside = _beside(sink, resolve(self.base, _pattern(sink.path, biz_dt)))
        for folder in _expanded(self.fs, join(beside, FOLDER, job.job_name)):
            names = [name for name in self.fs.names(folder) if _ISO.fullmatch(name)]
            if not names:
                # A landing died after it removed the folder of its date.
                remove_empty_parents(self.fs, folder, 2)
            for name in names:
                if biz_dt in (None, name):
                    yield join(folder, name), name


def main() -> None:
    """Carry out the request in the file of JOB_PARAMS_FILE, and write the answer beside it.

    The request is {"jobs": [{"job_name", "sinks": [{"path", "partition_cols"}], "rejected": [..]}],
    "biz_dts": [..], "gone_hosts": [..], "with_session": ..}; without dates, all are recovered. The
    answer, in a file of the same name with .found added, is a list of findings.
    """
    file = Path(os.environ[variables.PARAMS_FILE])
    request: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    jobs = [_job(job) for job in request["jobs"]]
    with _file_system(request["with_session"]) as fs:
        recovery = Recovery(
            fs,
            base_location(),
            this_process("orch recover", psutil_probe),
            psutil_probe,
            None,
            frozenset(request["gone_hosts"]),
        )
        findings = [
            finding
            for job in jobs
            for finding in (
                _of_dates(recovery, job, request["biz_dts"])
                if request["with_session"] or _is_local(job, recovery.base)
                else [Finding(job.job_name, None, "needs_session", f"{job.job_name}: no session")]
            )
        ]
    shown = (replace(each, text=with_native_paths(each.text)) for each in findings)
    answer = json.dumps([asdict(finding) for finding in shown])
    file.with_name(f"{file.name}.found").write_text(answer, encoding="utf-8")


def _of_dates(recovery: Recovery, job: Job, biz_dts: Sequence[str]) -> list[Finding]:
    """Recover the job's landings of these dates, or of all; a fault of the whole job comes once."""
    of_each = [replace(recovery, biz_dt=day) for day in biz_dts] or [recovery]
    return [*dict.fromkeys(finding for each in of_each for finding in each.findings(job))]


def _job(request: Mapping[str, Any]) -> Job:
    sinks = (FileSink(sink["path"], tuple(sink["partition_cols"])) for sink in request["sinks"])
    return Job(request["job_name"], tuple(sinks), tuple(request.get("rejected", ())))


def _is_local(job: Job, base: str) -> bool:
    return all(is_local(resolve(base, path)) for path in job.paths)


@contextmanager
def _file_system(with_session: bool) -> Generator[RoutedFileSystem]:
    if not with_session:
        yield RoutedFileSystem()
        return
    spark = get_spark()
    try:
        yield RoutedFileSystem(spark)
    finally:
        spark.stop()


def _without_journal(job: Job, biz_dt: str, folder: str) -> Finding:
    return Finding(
        job.job_name,
        biz_dt,
        "failed",
        f"{job.job_name} {biz_dt}: {folder} has no journal, so its state is unknown. If the date's "
        f"own folder is complete, delete this one; else copy the missing files from it",
    )


def _beside(sink: FileSink, root: str) -> str:
    """Return the folder of the date's folder below a sink's root."""
    return root if sink.partition_cols[:1] == (BIZ_DT,) else parent(root) or "."


def _fixed_part(path: str) -> str:
    """Return the folders of a path before its first placeholder.

    >>> _fixed_part("/land/t_{biz_dt}/x"), _fixed_part("out/t"), _fixed_part("{biz_dt}")
    ('/land', 'out/t', '.')
    """
    head = ""
    for text, name, _, _ in Formatter().parse(path):
        head += text
        if name is not None:
            return head.rpartition("/")[0] or ("/" if head.startswith("/") else ".")
    return head


def _pattern(path: str, biz_dt: str | None) -> str:
    """Return a sink's path with the date, or with `*` in its place if the date is unknown."""
    day = date.fromisoformat(biz_dt) if biz_dt else None
    parts: list[str] = []
    for text, name, form, _ in Formatter().parse(path):
        parts.append(text)
        if name == BIZ_DT and day:
            parts.append(format(day, form) if form else day.isoformat())
        elif name is not None:
            shape = format(_A_DAY, form) if form else _A_DAY.isoformat()
            parts.append(re.sub(r"[^/]+", "*", shape))
    return "".join(parts)


def _expanded(fs: FileSystem, pattern: str) -> Iterator[str]:
    """Yield the locations that match a pattern with `*`; yield one without `*` unchanged."""
    head, star, tail = pattern.partition("*")
    if not star:
        yield pattern
        return
    folder, _, begins = head.rpartition("/")
    ends, _, below = tail.partition("/")
    for name in fs.names(f"{folder}/"):
        if fnmatchcase(name, f"{begins}*{ends}") and "*" not in name:
            yield from _expanded(fs, join(folder, name, below) if below else join(folder, name))
