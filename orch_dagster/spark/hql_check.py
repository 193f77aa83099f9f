"""Analyze the HQL of jobs in one spark-submit, against the schemas of their sources."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from framework.contract.hql_finding import HqlFinding, Unseen
from framework.contract.paths import as_location, for_spark, is_local, resolve
from framework.contract.spark_defaults import LOCAL_IP
from framework.storage.routed import RoutedFileSystem
from orch_dagster.bundle.bundle import ParamBundle
from orch_dagster.bundle.job_environment import job_environment
from orch_dagster.bundle.leftovers import PROPERTIES_SUFFIX
from orch_dagster.errors import OrchError
from orch_dagster.files import make_private, scratch_folder, write_atomically
from orch_dagster.settings import Settings
from orch_dagster.spark.deployment import DEPLOY_MODE, MASTER
from orch_dagster.spark.failure_text import last_failure
from orch_dagster.spark.process import Limits, Surroundings, run_supervised
from orch_dagster.spark.submit import write_command
from orch_dagster.spark.submit_request import SubmitRequest
from orch_dagster.spark.unseen import unseen_of
from orch_dagster.text import clip_utf8
from orch_dagster.toolchain.find import find_java, find_spark, read_spark_defaults
from orch_dagster.toolchain.windows_tools import LOCAL_FILES

_SCRIPT = Path(__file__).with_name("check_script.py")
_PROPERTIES = {
    MASTER: "local[1]",
    DEPLOY_MODE: "client",
    "spark.ui.enabled": "false",
    # Nothing of a check may reach a real catalog.
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.shuffle.partitions": "1",
    # Names beyond the first 25 of a plan count too, as columns that a query asks for.
    "spark.sql.debug.maxToStringFields": "10000",
    # Half of a short process's time: code is compiled quickly, not well. No collector, as a JVM
    # that is given two, such as by JAVA_TOOL_OPTIONS, does not start.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
}


# A class of local files comes by one of these.
_FILE_CLASS = (LOCAL_FILES, "spark.jars", "spark.driver.extraClassPath")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


class HqlCheckError(OrchError):
    """The process that analyzes ended without an answer."""


def check_hql(
    bundles: Sequence[ParamBundle], settings: Settings, environ: Mapping[str, str]
) -> list[HqlFinding]:
    """Analyze the HQL of jobs; no data is read for it but what infers a schema, none written.

    Args:
        bundles: A bundle of each job for a sample date, parents first, redacted.
        settings: The settings.
        environ: The environment that names Java and Spark.

    Raises:
        HqlCheckError: If the process failed.
        SparkError: If Java or Spark is missing.
    """
    make_private(settings.state_dir)
    with scratch_folder(settings.state_dir, "check-") as folder:
        file = folder / "asked.json"
        request = _request(file, settings, environ, file_class(bundles))
        reads_files = sys.platform != "win32" or any(
            finds_files(each, settings.base_dir) for each in bundles
        )
        asked = [
            {
                "document": json.loads(bundle.to_json()),
                "unseen": asdict(_unseen(bundle, settings, request.spark_defaults)),
            }
            for bundle in bundles
        ]
        write_atomically(file, json.dumps(asked))
        end = run_supervised(
            write_command(request, environ, reads_files=reads_files),
            on_line=lambda _: None,
            stop=threading.Event(),
            limits=Limits(settings.timeout_minutes * 60, settings.stop_grace_s),
            surroundings=Surroundings(
                job_environment(environ, settings.job_env),
                file.parent,
                remove=file.with_suffix(PROPERTIES_SUFFIX),
            ),
        )
        answer = file.with_name(f"{file.name}.found")
        if end.exit_code != 0 or not answer.is_file():
            why = last_failure(end.tail) or f"exit code {end.exit_code}"
            raise HqlCheckError(f"not checked, as spark-submit failed: {clip_utf8(why)}")
        return [HqlFinding(**each) for each in json.loads(answer.read_text(encoding="utf-8"))]


def file_class(bundles: Sequence[ParamBundle], platform: str = sys.platform) -> dict[str, str]:
    """Return the properties by which jobs read local files on Windows without hadoop.dll.

    Of jobs with several such classes the first one's are taken, as one process analyzes all.
    """
    given = (bundle.params_of_type("spark") for bundle in bundles)
    own = next((each for each in given if each.get(LOCAL_FILES)), {})
    return {name: own[name] for name in _FILE_CLASS if name in own} if platform == "win32" else {}


def finds_files(bundle: ParamBundle, base_dir: str) -> bool:
    """Return whether a source of a job has local files, on whatever date; Spark looks at them."""
    base = as_location(base_dir)
    found = (
        resolve(base, _PLACEHOLDER.sub("*", source.path))
        for source in bundle.spec.context.sources
        if not source.is_table
    )
    return any(is_local(each) and RoutedFileSystem().matches(each) for each in found)


def _unseen(bundle: ParamBundle, settings: Settings, defaults: Mapping[str, str]) -> Unseen:
    script = bundle.spec.script_path
    file = None if "://" in script else settings.script_file(script)
    return unseen_of({**defaults, **bundle.params_of_type("spark")}, file)


def _request(
    file: Path, settings: Settings, environ: Mapping[str, str], file_class: Mapping[str, str]
) -> SubmitRequest:
    spark = find_spark(environ)
    # Not as a URI: Hadoop takes its %20 for three signs.
    warehouse = for_spark(as_location(str(file.parent / "warehouse")))
    return SubmitRequest(
        spark_home=str(spark.home),
        spark_submit=str(spark.submit),
        java_home=str(find_java(environ).home),
        python=sys.executable,
        script=str(_SCRIPT),
        app_name="orch check",
        run_id="orch-check",
        module_path=tuple(map(str, settings.module_path)),
        params_file=str(file),
        log_file=None,
        base_dir=settings.base_dir,
        sql_path=tuple(map(str, settings.hql_path)),
        properties_file=str(file.with_suffix(PROPERTIES_SUFFIX)),
        spark_properties={**_PROPERTIES, **file_class, "spark.sql.warehouse.dir": warehouse},
        spark_defaults=read_spark_defaults(spark, environ),
        local_ip=environ.get(LOCAL_IP, ""),
    )
