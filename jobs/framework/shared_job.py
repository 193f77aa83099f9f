"""The job of the current thread, if it lands in an application that several jobs share.

A job of a process of its own has none, and its variables are those of the process.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_pipes import PipesContext
    from pyspark.sql import SparkSession


@dataclass
class SharedJob:
    """A job beside others in one process.

    Attributes:
        name: Its name in the application, which is that of its group of Spark jobs too.
        variables: Its own variables; the others are those of the process.
        spark: The session of this job alone.
        is_stopped: Set when the job has been asked to end.
        pipes: Its channel to the orchestrator, once it is open.
    """

    name: str
    variables: Mapping[str, str]
    spark: SparkSession
    is_stopped: threading.Event = field(default_factory=threading.Event)
    pipes: PipesContext | None = None


_current: ContextVar[SharedJob | None] = ContextVar("shared_job", default=None)


def shared_job() -> SharedJob | None:
    """Return the job of the current thread, None in a process of one job."""
    return _current.get()


@contextmanager
def running(job: SharedJob) -> Generator[None]:
    """Make a job that of the current thread for a block, and of its Spark jobs too."""
    context = job.spark.sparkContext
    # The group cancels the job's Spark jobs, and the description tells its queries from others'.
    context.setJobGroup(job.name, job.name, interruptOnCancel=True)
    token = _current.set(job)
    try:
        yield
    finally:
        _current.reset(token)


def variable(name: str) -> str | None:
    """Return a variable of the job, None if it is not set."""
    job = _current.get()
    if job is not None and name in job.variables:
        return job.variables[name]
    return os.environ.get(name)
