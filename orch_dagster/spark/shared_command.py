"""Build the command of an application that several jobs share, from the settings of one of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from framework.contract.params_file import WAREHOUSE_SUFFIX
from framework.contract.paths import as_location, for_spark
from orch_dagster.bundle.leftovers import MESSAGES_SUFFIX, PROPERTIES_SUFFIX
from orch_dagster.settings import Settings
from orch_dagster.spark.command import SubmitCommand, with_warehouse
from orch_dagster.spark.job_submit import JobSubmit, job_request
from orch_dagster.spark.submit import write_command
from orch_dagster.spark.submit_request import SubmitRequest

_SCRIPT = Path(__file__).with_name("shared_script.py")
_FAIR = {
    "spark.scheduler.mode": "FAIR",
    "spark.scheduler.allocation.file": for_spark(
        as_location(str(Path(__file__).with_name("fair_scheduler.xml")))
    ),
}


@dataclass(frozen=True)
class SharedFiles:
    """The files of a shared application, named after its stem below ``params/<run_id>/``."""

    stem: Path

    @property
    def properties(self) -> Path:
        """The Spark properties that argv must not have."""
        return self._named(PROPERTIES_SUFFIX)

    @property
    def requests(self) -> Path:
        """The file of the requests to the application."""
        return self._named(".requests" + MESSAGES_SUFFIX)

    @property
    def answers(self) -> Path:
        """The file of its answers on its jobs."""
        return self._named(".answers" + MESSAGES_SUFFIX)

    @property
    def warehouse(self) -> Path:
        """The folder that Spark takes for one of tables, of which there are none."""
        return self._named(WAREHOUSE_SUFFIX).absolute()

    def _named(self, suffix: str) -> Path:
        return self.stem.with_name(self.stem.name + suffix)


def shared_request(
    job: JobSubmit, settings: Settings, environ: Mapping[str, str] = os.environ
) -> SubmitRequest:
    """Return the settings of an application for a job and all that can share it: their key.

    Raises:
        SparkError: As `job_submit.prepare_job` does.
    """
    # Its jobs share all cores.
    request = job_request(replace(job, side_by_side=1), settings, {}, environ)
    properties = request.spark_properties
    if _FAIR.keys().isdisjoint({*request.spark_defaults, *properties}):
        properties = {**_FAIR, **properties}
    return replace(
        request,
        script=str(_SCRIPT),
        app_name=f"{job.bundle.spec.group.name}, shared",
        params_file=None,
        properties_file="",
        spark_properties=properties,
        attempt_tag="",
        tags=(),
    )


def shared_command(
    request: SubmitRequest, files: SharedFiles, environ: Mapping[str, str] = os.environ
) -> SubmitCommand:
    """Build the command of a shared application, and write its properties file.

    Raises:
        SparkError: As `job_submit.prepare_job` does.
    """
    request = replace(
        request,
        properties_file=str(files.properties),
        arguments=(str(files.requests), str(files.answers)),
    )
    return with_warehouse(write_command(request, environ), files.warehouse)
