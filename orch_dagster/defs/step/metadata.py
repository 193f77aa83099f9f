"""Turn what a job reported into Dagster metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from orch_dagster.errors import OrchError

_DRIFT = ("added", "missing", "changed")


def job_metadata(
    application: Mapping[str, Any], spark_log: Path | None
) -> dict[str, dg.MetadataValue[Any]]:
    """Return the application of a job and its output, which all its dates share.

    Args:
        application: The job's report of its Spark application; empty where it made none.
        spark_log: What Spark printed, where Dagster keeps it as a file.
    """
    found: dict[str, dg.MetadataValue[Any]] = {}
    if spark_log:
        found["spark_log"] = dg.MetadataValue.path(str(spark_log))
    if application.get("spark_app_id"):
        found["spark_app_id"] = dg.MetadataValue.text(str(application["spark_app_id"]))
    if application.get("spark_ui"):
        found["spark_ui"] = dg.MetadataValue.url(str(application["spark_ui"]))
    return found


def landing_metadata(landing: Mapping[str, Any]) -> dict[str, dg.MetadataValue[Any]]:
    """Return row count, column schema, paths and duration of one landed date.

    Args:
        landing: The job's report of the date; empty where it made none.

    Raises:
        OrchError: The report is not of the framework's form.
    """
    try:
        return _of_landing(landing) if landing else {}
    except (KeyError, TypeError, ValueError) as error:
        raise OrchError(
            f"the job reported its landing in a form that cannot be read ({error!r}): use the "
            f"framework that belongs to this version"
        ) from error


def _of_landing(landing: Mapping[str, Any]) -> dict[str, dg.MetadataValue[Any]]:
    found: dict[str, dg.MetadataValue[Any]] = {}
    sinks = landing.get("sinks") or []
    found["dagster/row_count"] = dg.MetadataValue.int(int(landing["row_count"]))
    found["dagster/column_schema"] = dg.MetadataValue.table_schema(
        dg.TableSchema(
            [dg.TableColumn(column["name"], column["type"]) for column in landing["columns"]]
        )
    )
    for name in ("rows_read", "rejected_rows"):
        if landing.get(name) is not None:
            found[name] = dg.MetadataValue.int(int(landing[name]))
    if landing.get("rejected_path"):
        found["rejected_path"] = dg.MetadataValue.path(str(landing["rejected_path"]))
    if any((drift := landing.get("drift") or {}).get(how) for how in _DRIFT):
        found["schema_drift"] = dg.MetadataValue.json(dict(drift))
    found["duration_s"] = dg.MetadataValue.float(float(landing["duration_s"]))
    found["size_bytes"] = dg.MetadataValue.int(sum(int(sink["size_bytes"] or 0) for sink in sinks))
    found["files"] = dg.MetadataValue.int(sum(int(sink["files"] or 0) for sink in sinks))
    for number, sink in enumerate(sinks, start=1):
        name = "path" if len(sinks) == 1 else f"path_{number}"
        found[name] = dg.MetadataValue.path(str(sink["path"]))
    return found
