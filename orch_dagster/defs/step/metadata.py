"""Turn a job's reports into Dagster metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dagster as dg

from framework.contract.messages import ApplicationReport, Drift, LandingReport
from framework.contract.native_paths import with_native_paths
from framework.contract.system_settings import SMALL, SPARK_PROFILE
from framework.contract.visible import visible
from orch_dagster.spark.driver_profile import gains_from_small
from orch_dagster.text import is_link, readable_duration, readable_size

SPARK_UI = "spark_ui"
DRIVER_LOG = "driver_log"

# In the order in which they are shown.
_NUMBERS_OF_CHECKS = ("inserted", "updated", "deleted", "unchanged", "duplicate_keys")


def job_metadata(
    application: ApplicationReport | None, spark_log: Path | None
) -> dict[str, dg.MetadataValue[Any]]:
    """Return the application of a job and its output, which all its dates share.

    Args:
        application: The job's report of its Spark application, or None.
        spark_log: The file of Spark's output, if Dagster keeps it as one.
    """
    metadata: dict[str, dg.MetadataValue[Any]] = {}
    if spark_log:
        metadata["spark_log"] = dg.MetadataValue.path(str(spark_log))
    if application and application.spark_app_id:
        metadata["spark_app_id"] = dg.MetadataValue.text(application.spark_app_id)
    if application and application.spark_ui and is_link(application.spark_ui):
        metadata[SPARK_UI] = dg.MetadataValue.url(application.spark_ui)
    if application and application.driver_log and is_link(application.driver_log):
        metadata[DRIVER_LOG] = dg.MetadataValue.url(application.driver_log)
    return metadata


def profile_metadata(
    chosen: Mapping[str, str], duration_s: float
) -> dict[str, dg.MetadataValue[Any]]:
    """Return the advice to a short job whose settings choose no profile of its driver.

    Args:
        chosen: The settings of the job.
        duration_s: The seconds that its spark-submit took, of one date on this machine.
    """
    if SPARK_PROFILE.key in chosen or not gains_from_small(duration_s):
        return {}
    advice = (
        f"{SPARK_PROFILE.key}: {SMALL} in sys_params would start this job sooner, which took "
        f"{readable_duration(duration_s)}"
    )
    return {"faster_start": dg.MetadataValue.text(advice)}


def date_metadata(
    landing: LandingReport | None, shared: Mapping[str, dg.MetadataValue[Any]]
) -> dict[str, dg.MetadataValue[Any]]:
    """Return the metadata of one landed date, in the order in which they are shown.

    Args:
        landing: The job's report of the date, or None.
        shared: What all dates of the run share, such as its log.
    """
    return {**_landing_metadata(landing), **shared, **_column_metadata(landing)}


def _landing_metadata(landing: LandingReport | None) -> dict[str, dg.MetadataValue[Any]]:
    """Return the metadata of one landed date: rows, changes, size, duration, location, columns.

    Args:
        landing: The job's report of the date, or None.
    """
    if landing is None:
        return {}
    rows = {"dagster/partition_row_count": landing.row_count, **_changes(landing)}
    read = {"rows_read": landing.rows_read, "rejected_rows": landing.rejected_rows}
    rows |= {name: count for name, count in read.items() if count is not None}
    metadata: dict[str, dg.MetadataValue[Any]] = {
        name: dg.MetadataValue.int(count) for name, count in rows.items()
    }
    if landing.damaged_text:
        metadata["damaged_text"] = dg.MetadataValue.json(dict(landing.damaged_text))
    if landing.text_searched:
        metadata["text_searched"] = dg.MetadataValue.text(visible(landing.text_searched))
    size_bytes = sum(sink.size_bytes or 0 for sink in landing.sinks)
    if any(sink.size_bytes is not None for sink in landing.sinks):
        metadata["size"] = dg.MetadataValue.text(readable_size(size_bytes))
        metadata["files"] = dg.MetadataValue.int(sum(sink.files or 0 for sink in landing.sinks))
    metadata["duration"] = dg.MetadataValue.text(readable_duration(landing.duration_s))
    if landing.sinks:
        metadata["dagster/uri"] = dg.MetadataValue.text(visible(landing.sinks[0].path))
    for number, sink in enumerate(landing.sinks, start=1):
        name = "path" if len(landing.sinks) == 1 else f"path_{number}"
        metadata[name] = dg.MetadataValue.path(with_native_paths(sink.path))
    if landing.rejected_path:
        shown = with_native_paths(landing.rejected_path)
        metadata["rejected_path"] = dg.MetadataValue.path(shown)
    if landing.drift and landing.drift.has_changes:
        metadata["schema_drift"] = dg.MetadataValue.json(_drift(landing.drift))
    return metadata


def _column_metadata(landing: LandingReport | None) -> dict[str, dg.MetadataValue[Any]]:
    """Return the columns of a landed date, and the numbers that Dagit plots."""
    if landing is None:
        return {}
    size_bytes = sum(sink.size_bytes or 0 for sink in landing.sinks)
    columns = [dg.TableColumn(each["name"], each["type"]) for each in landing.columns]
    return {
        "duration_s": dg.MetadataValue.float(round(float(landing.duration_s), 3)),
        "size_bytes": dg.MetadataValue.int(size_bytes),
        "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns)),
    }


def _changes(landing: LandingReport) -> dict[str, int]:
    """Return the numbers of the date's checks: changes, and duplicate keys."""
    numbers: dict[str, int] = {}
    for check in landing.checks:
        for name in _NUMBERS_OF_CHECKS:
            value = check.metadata.get(name)
            if isinstance(value, int):
                numbers[name] = value
    return {name: numbers[name] for name in _NUMBERS_OF_CHECKS if name in numbers}


def _drift(drift: Drift) -> dict[str, Any]:
    return {
        name: value if isinstance(value, str) else list(value)
        for name, value in asdict(drift).items()
    }
