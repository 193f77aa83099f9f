"""Turn a job's reports into Dagster metadata."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import dagster as dg

from framework.contract.messages import ApplicationReport, Drift, LandingReport
from orch_dagster.text import is_link


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
        metadata["spark_ui"] = dg.MetadataValue.url(application.spark_ui)
    return metadata


def landing_metadata(landing: LandingReport | None) -> dict[str, dg.MetadataValue[Any]]:
    """Return row count, column schema, paths and duration of one landed date.

    Args:
        landing: The job's report of the date, or None.
    """
    if landing is None:
        return {}
    metadata: dict[str, dg.MetadataValue[Any]] = {}
    metadata["dagster/row_count"] = dg.MetadataValue.int(landing.row_count)
    metadata["dagster/column_schema"] = dg.MetadataValue.table_schema(
        dg.TableSchema([dg.TableColumn(each["name"], each["type"]) for each in landing.columns])
    )
    counts = {"rows_read": landing.rows_read, "rejected_rows": landing.rejected_rows}
    for name, count in counts.items():
        if count is not None:
            metadata[name] = dg.MetadataValue.int(count)
    if landing.rejected_path:
        metadata["rejected_path"] = dg.MetadataValue.path(landing.rejected_path)
    if landing.drift and landing.drift.has_changes:
        metadata["schema_drift"] = dg.MetadataValue.json(_drift(landing.drift))
    if landing.damaged_text:
        metadata["damaged_text"] = dg.MetadataValue.json(dict(landing.damaged_text))
    metadata["duration_s"] = dg.MetadataValue.float(float(landing.duration_s))
    metadata["size_bytes"] = dg.MetadataValue.int(
        sum(sink.size_bytes or 0 for sink in landing.sinks)
    )
    metadata["files"] = dg.MetadataValue.int(sum(sink.files or 0 for sink in landing.sinks))
    for number, sink in enumerate(landing.sinks, start=1):
        name = "path" if len(landing.sinks) == 1 else f"path_{number}"
        metadata[name] = dg.MetadataValue.path(sink.path)
    return metadata


def _drift(drift: Drift) -> dict[str, Any]:
    return {
        name: value if isinstance(value, str) else list(value)
        for name, value in asdict(drift).items()
    }
