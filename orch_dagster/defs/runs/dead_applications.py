"""The applications on YARN of runs that are found dead: ended before the run is failed.

A run that submits to YARN notes each cluster, by which its jobs may differ, in a hidden tag, and in
a file beside its parameters, as a run that is deleted in Dagster loses its tags. Of other runs
nothing is asked.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from dagster import DagsterInstance, DagsterRun

from framework.contract.variables import HADOOP_CONF_DIRS
from orch_dagster.bundle.bundle import run_folder
from orch_dagster.defs.dagster_internals.run_changes import tag_run
from orch_dagster.files import os_fault, write_atomically
from orch_dagster.spark.yarn.gateway import YarnClient, YarnGateway
from orch_dagster.spark.yarn.gateway_command import login_of
from orch_dagster.spark.yarn.report import still_live, still_staged
from orch_dagster.spark.yarn.shared_gateway import running_gateway
from orch_dagster.spark.yarn.submitted import SubmittedApplication
from orch_dagster.spark.yarn.tags import run_tag
from orch_dagster.toolchain.errors import SparkError

# Dagit shows no tag of this prefix. An older version had one for the last cluster.
_TAG = ".dagster/orch_yarn"
# The dot keeps them apart from the files of jobs, whose names have none.
_FILES = re.compile(r"run\.yarn(_[0-9a-f]+)?\.json$")
# A tick of a sensor has a minute.
_END_WITHIN_S = 20.0


def mark_run(
    instance: DagsterInstance,
    run_id: str,
    params_dir: Path,
    application: SubmittedApplication,
    environ: Mapping[str, str],
) -> None:
    """Note that a run submits to YARN, and to which one, before it does.

    Raises:
        OSError: If the file can't be written.
    """
    names = {name: environ[name] for name in HADOOP_CONF_DIRS if environ.get(name)}
    cluster = {"environ": names, "properties": application.shown_properties}
    digest = hashlib.sha256(json.dumps(cluster, sort_keys=True).encode()).hexdigest()[:12]
    text = json.dumps({"run_id": run_id, **cluster})
    write_atomically(run_folder(params_dir, run_id) / f"run.yarn_{digest}.json", text)
    tag_run(instance, run_id, {f"{_TAG}_{digest}": text})


def marks_in(tags: Mapping[str, str]) -> list[str]:
    """Return what a run noted of its clusters in its tags; none if it submitted nothing to YARN."""
    return [tags[name] for name in sorted(tags) if name == _TAG or name.startswith(f"{_TAG}_")]


def read_marks(params_dir: Path, run_id: str) -> list[str]:
    """Return what a run noted of its clusters in its files; none if it submitted nothing to YARN.

    Raises:
        OSError: If they can't be read.
    """
    try:
        files = sorted(each for each in (params_dir / run_id).iterdir() if _FILES.match(each.name))
    except FileNotFoundError:
        return []
    return [file.read_text(encoding="utf-8") for file in files]


class Noted(NamedTuple):
    """The cluster of a run, as the run noted it.

    Attributes:
        run_id: The run; None in a note of an older version.
        environ: The environment by which the cluster is asked.
        properties: The Spark properties of its file systems.
    """

    run_id: str | None
    environ: Mapping[str, str]
    properties: dict[str, str]


def read_noted(mark: str) -> Noted:
    """Read what a run noted of a cluster.

    Raises:
        ValueError: If the note is damaged.
    """
    try:
        noted = json.loads(mark)
        environ = _environ_of(dict(noted["environ"]))
        return Noted(noted.get("run_id"), environ, dict(noted["properties"]))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"what it noted of its cluster can't be read: {error!r}") from error


def _environ_of(folders: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that names the cluster of a run by its folders of configuration.

    That of this process may name another one, on which nothing of the run would be found. Where the
    folders are not on this machine, it is all there is.
    """
    if folders and all(Path(folder).is_dir() for folder in folders.values()):
        others = {name: value for name, value in os.environ.items() if name not in HADOOP_CONF_DIRS}
        return {**others, **folders}
    return {**folders, **os.environ}


class Left(NamedTuple):
    """An application that goes on, is still staged, or may go on.

    Attributes:
        text: A sentence on it.
        is_live: Whether it is known to go on.
    """

    text: str
    is_live: bool = False


@dataclass
class ApplicationEnder:
    """Ends the applications of dead runs, one after another; it starts nothing for other runs.

    A gateway of the process that runs already is used, and stays; others are its own.
    """

    # By cluster. One that can't be asked is not asked again: each time takes a minute.
    _faults: dict[str, str] = field(default_factory=dict[str, str])
    _gateways: dict[str, YarnGateway] = field(default_factory=dict[str, YarnGateway])

    def __enter__(self) -> ApplicationEnder:
        return self

    def __exit__(self, *_: object) -> None:
        for gateway in self._gateways.values():
            gateway.close()

    def end(self, run_id: str, marks: Iterable[str]) -> str | None:
        """End the applications of a run; return what of them is left, or is unknown.

        Args:
            run_id: The run.
            marks: What the run noted of its clusters.
        """
        texts = [left.text for left in self.end_each(run_id, marks)]
        return "; ".join(dict.fromkeys(texts)) or None

    def end_each(self, run_id: str, marks: Iterable[str]) -> list[Left]:
        """End the applications of a run, as `end` does; return each that is left, or unknown."""
        return [left for mark in marks for left in self._end_on(run_id, mark)]

    def end_cut_off(self, run: DagsterRun) -> str | None:
        """End those of a run that was ended in Dagster by force, while a step of it was running.

        Nobody may follow them any more, and they must not land after the end of their run.

        Returns:
            A sentence on what could not be ended, None if all was.
        """
        left = self.end(run.run_id, marks_in(run.tags))
        return f"run {run.run_id} was ended by force, and {left}" if left else None

    def end_deleted(self, run_id: str, params_dir: Path) -> str | None:
        """End those of a run that Dagster does not have any more, as `end` does, by its files."""
        try:
            return self.end(run_id, read_marks(params_dir, run_id))
        except OSError as error:
            return unknown_end(f"what it noted of its cluster can't be read: {os_fault(error)}")

    def _end_on(self, run_id: str, mark: str) -> list[Left]:
        try:
            noted = read_noted(mark)
        except ValueError as error:
            return [Left(unknown_end(str(error)))]
        # Dagster gives a run that executes another one again the tags of that one.
        if noted.run_id not in (None, run_id):
            return []
        folders = json.dumps([noted.environ.get(name) for name in HADOOP_CONF_DIRS])
        # By which its resource manager is found.
        of_yarn = {k: v for k, v in noted.properties.items() if k.startswith("spark.hadoop.yarn.")}
        cluster = json.dumps([folders, of_yarn, login_of(noted.properties)], sort_keys=True)
        if fault := self._faults.get(cluster):
            return [Left(unknown_end(fault))]
        try:
            client = YarnClient.of(self._gateway(folders, noted.environ), noted.properties)
            ended = client.end(run_tag(run_id), "its orchestrator died", _END_WITHIN_S)
        except SparkError as error:
            self._faults[cluster] = str(error)
            return [Left(unknown_end(str(error)))]
        live = [Left(still_live(each), is_live=True) for each in ended if not each.is_over]
        staged = [still_staged(each) for each in ended if each.is_over]
        return live + [Left(text) for text in staged if text]

    def _gateway(self, key: str, environ: Mapping[str, str]) -> YarnGateway:
        if (running := running_gateway(environ)) is not None:
            return running
        if key not in self._gateways:
            self._gateways[key] = YarnGateway.of(environ)
        return self._gateways[key]


def unknown_end(why: str) -> str:
    """Return the sentence on what may have been left of a run."""
    return f"it is unknown whether an application of it still runs on YARN ({why})"


def with_unended(message: str, unended: str | None) -> str:
    """Return why a run failed, with what could not be ended of it."""
    return f"{message}; {unended}" if unended else message
