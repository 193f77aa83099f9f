"""Remove what runs that are found dead left beside their parameters, which may hold secrets."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import dagster as dg
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from orch_dagster.bundle.leftovers import (
    has_leftovers,
    message_folders,
    old_properties,
    remove_all,
    remove_leftovers,
    unread_text,
)
from orch_dagster.defs.runs.dead_applications import Noted, read_marks, read_noted
from orch_dagster.defs.runs.liveness import is_process_gone, names_process, own_tags, read_process
from orch_dagster.owned_folder import remove_abandoned
from orch_dagster.settings import Settings
from orch_dagster.spark.yarn.gateway import YarnClient
from orch_dagster.spark.yarn.shared_gateway import shared_gateway
from orch_dagster.toolchain.errors import SparkError

_BEGUN = [DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
# The folders of `orch recover` and `orch check`.
_OF_COMMANDS = ("recover-", "check-")
# Spark reads its properties when it starts, so an older file is nobody's.
_UNREAD_S = 3600.0


def remove_leftovers_of(
    runs: Iterable[DagsterRun], params_dir: Path, heartbeat_timeout_s: float = math.inf
) -> list[str]:
    """Remove the leftovers of those of these runs whose process is gone, as is_process_gone tells.

    Returns:
        A sentence for each one that can't be removed.
    """
    return [
        sentence
        for run in runs
        if is_process_gone(own_tags(run), heartbeat_timeout_s)
        for sentence in _remove_leftovers(params_dir, run.run_id)
    ]


def _remove_leftovers(params_dir: Path, run_id: str) -> list[str]:
    """Remove the leftovers of a run here, and those of its drivers on Hadoop's file system."""
    failed: list[str] = []
    try:
        named = message_folders(params_dir, run_id)
    except OSError:
        # The other removal says it.
        named = []
    for file in named:
        try:
            folder = file.read_text(encoding="utf-8")
            marks = read_marks(params_dir, run_id)
            # By each cluster of the run: those of its other jobs have no such folder to remove.
            for noted in [*map(read_noted, marks)] or [Noted(None, os.environ, {})]:
                files = YarnClient.of(shared_gateway(noted.environ), noted.properties)
                files.delete(folder)
            file.unlink(missing_ok=True)
        except (SparkError, OSError, ValueError) as error:
            failed.append(f"could not remove the messages of a killed run ({file}): {error}")
    return failed + remove_leftovers(params_dir, run_id)


def remove_leftovers_of_unfinished(instance: DagsterInstance, params_dir: Path) -> list[str]:
    """Remove those of this host's runs that Dagster takes for unfinished; see remove_leftovers_of.

    Nobody may look for dead runs here, as without a daemon no sensor does.
    """
    begun = instance.get_run_records(dg.RunsFilter(statuses=_BEGUN))
    return remove_leftovers_of((record.dagster_run for record in begun), params_dir)


def remove_all_leftovers(instance: DagsterInstance, settings: Settings) -> list[str]:
    """Remove those of every run of this home whose process is gone, also of deleted runs.

    Where nothing names the process of a run, its files of Spark properties are removed after an
    hour, and so are those in the folder of an `orch recover` or `orch check` that no file calls
    owned. The folder of one that was killed goes as a whole.

    Returns:
        A sentence for each one that can't be removed, and for each folder that can't be read.
    """
    params_dir, unknown = settings.params_dir, list[Path]()
    failed: list[str] = []
    for folder in _folders(params_dir):
        try:
            if not has_leftovers(folder):
                continue
        except OSError as error:
            failed.append(unread_text(error))
            continue
        run = instance.get_run_by_id(folder.name)
        tags = own_tags(run) if run else {}
        if not names_process(tags):
            tags = read_process(params_dir, folder.name)
        if tags is None:
            unknown.append(folder)
        elif is_process_gone(tags, settings.heartbeat_timeout_s):
            failed += _remove_leftovers(params_dir, folder.name)
    for prefix in _OF_COMMANDS:
        remove_abandoned(settings.state_dir, prefix)
    of_commands = chain.from_iterable(settings.state_dir.glob(f"{each}*") for each in _OF_COMMANDS)
    before_s = time.time() - _UNREAD_S
    for folder in chain(unknown, of_commands):
        try:
            old = [*old_properties([folder], before_s)]
        except OSError as error:
            failed.append(unread_text(error))
        else:
            failed += remove_all(old)
    return failed


def _folders(params_dir: Path) -> Iterator[Path]:
    try:
        yield from (path for path in params_dir.iterdir() if path.is_dir())
    except FileNotFoundError:
        return
