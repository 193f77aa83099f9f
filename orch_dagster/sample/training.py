"""Build the landing of the sample from which the class-data archive of a driver is made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from orch_dagster.bundle.fetch import fetch_bundle
from orch_dagster.bundle.secrets import Secrets
from orch_dagster.control.connect import opened_store
from orch_dagster.control.tables import JOB_MASTER, SYS_PARAMS, TABLE_BY_NAME, Row
from orch_dagster.files import write_atomically
from orch_dagster.registry.location import load_location
from orch_dagster.sample.rows import (
    BIZ_DT,
    CONTEXT_PARAMS,
    ENTITY,
    JOB_NAME,
    SOURCE_SYSTEM,
    sample_rows,
)
from orch_dagster.sample.sources import extract_writer
from orch_dagster.settings import Settings
from orch_dagster.shipped import SHIPPED
from orch_dagster.spark.command import SubmitCommand
from orch_dagster.spark.job_submit import JobSubmit, prepare_job


def training_landing(
    settings: Settings, home: Path, java_options: str, environ: Mapping[str, str]
) -> SubmitCommand:
    """Set up the sample in a home of its own, and build the command that lands it there.

    It lands in two formats, so that most of the classes that landings load are in the archive.

    Args:
        settings: Those of the home that the archive is for.
        home: An empty folder.
        java_options: More options of the driver's JVM.
        environ: The environment that names Java and Spark.
    """
    own = {
        "home": home,
        "data_root": "",
        "control_url": "sqlite:///.orch/control.db",
        "jobs_dir": SHIPPED / "jobs",
        "hql_dir": SHIPPED / "hql",
    }
    settings = settings.model_copy(update=own)
    biz_dt = BIZ_DT.isoformat()
    properties = {"spark.master": "local[2]", "spark.driver.extraJavaOptions": java_options}
    with opened_store(settings) as store:
        store.ensure_tables()
        for name, rows in sample_rows().items():
            store.insert_ignore(TABLE_BY_NAME[name], rows)
        store.upsert(JOB_MASTER, [_in_two_formats()])
        store.insert_ignore(
            SYS_PARAMS,
            [
                {
                    "param_key": key,
                    "environment": settings.env,
                    "key_name": "*",
                    "param_value": value,
                    "param_type": "spark",
                }
                for key, value in properties.items()
            ],
        )
        extract_writer(ENTITY, SOURCE_SYSTEM)(home, BIZ_DT)
        spec = load_location(settings).registry.jobs[JOB_NAME]
        bundle = fetch_bundle(
            store, spec, run_id="accelerate", wanted=[biz_dt], environment=settings.env
        )
    params = home / "params.json"
    write_atomically(params, bundle.to_json())
    job = JobSubmit(bundle, Secrets(), params, home / "submit.properties", home / "landing.log")
    return prepare_job(job, settings, pipes_env={}, environ=environ)


def _in_two_formats() -> Row:
    job = sample_rows()[JOB_MASTER.name][0]
    first = CONTEXT_PARAMS["sinks"][0]
    second = {**first, "format": "parquet", "path": f"{first['path']}_parquet"}
    return {**job, "context_params": json.dumps({**CONTEXT_PARAMS, "sinks": [first, second]})}
