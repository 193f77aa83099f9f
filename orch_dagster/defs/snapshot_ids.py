"""The ids of the listed jobs' snapshots, kept from load to load.

A code server of thousands of rows spends a sixth of its load on them. A job whose content is as it
was has the id that it had; one such job's id is made anew at each load, and if it is another, so
are all: something that all jobs have, such as Dagster itself, has changed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import dagster as dg

from orch_dagster.defs.dagster_internals.job_content import (
    job_content,
    set_snapshot_id,
    snapshot_id,
)
from orch_dagster.files import os_fault, write_atomically

_LOG = logging.getLogger("orch_dagster")


def give_snapshot_ids(jobs: Sequence[dg.JobDefinition], path: Path) -> None:
    """Give each job the id of its snapshot, from the file if the job is unchanged.

    Args:
        jobs: The listed jobs.
        path: The file of the last load, which is written anew if an id is another.
    """
    kept = _read(path)
    by_size = sorted(jobs, key=lambda job: len(job.graph.node_defs))
    contents = {job.name: job_content(job) or "" for job in by_size}
    checked = next((job for job in by_size if contents[job.name] in kept), None)
    is_usable = checked is not None and snapshot_id(checked) == kept[contents[checked.name]]
    ids: dict[str, str] = {}
    for job in by_size:
        content = contents[job.name]
        if is_usable and job is not checked and content in kept:
            set_snapshot_id(job, kept[content])
        its_id = snapshot_id(job)
        if content:
            ids[content] = its_id
    if ids != kept:
        _write(path, ids)


def _read(path: Path) -> Mapping[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        # Not there yet, or nobody's: it is written again.
        return {}
    if not isinstance(found, dict):
        return {}
    of_file = cast("dict[str, object]", found)
    return {content: known for content, known in of_file.items() if isinstance(known, str)}


def _write(path: Path, ids: Mapping[str, str]) -> None:
    try:
        write_atomically(path, json.dumps(ids))
    except OSError as error:
        _LOG.info("the ids of snapshots are not kept for the next load: %s", os_fault(error))
