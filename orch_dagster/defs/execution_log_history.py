"""The asset that keeps the closed days of execution_log, where the control store is in Kudu.

Without postponed annotations: Dagster looks at the types of an asset's function itself.
"""

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import dagster as dg
from dagster import DagsterExecutionInterruptedError

from orch_dagster.control.kudu.address import parse_address
from orch_dagster.control.tables import EXECUTION_LOG
from orch_dagster.defs.day_folders import DayFolders, day_folder
from orch_dagster.defs.kudu_spark import KUDU_SPARK_KEY, KuduSpark, control_table
from orch_dagster.defs.partitions import daily_partitions
from orch_dagster.defs.runs.lookup import how_it_ended
from orch_dagster.defs.step.executor import current_stop
from orch_dagster.errors import OrchError
from orch_dagster.registry.location import Location
from orch_dagster.settings import Settings
from orch_dagster.spark.failure_text import exception_line

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

HISTORY_KEY = dg.AssetKey(["control", "execution_log_history"])

_ABOUT = (
    "The rows of execution_log by the UTC day on which they started, as ORC under ORCH_DATA_ROOT. "
    "A day can be kept once it has ended, and again at any time, which replaces it."
)
_STOP_CHECK_S = 0.2

_T = TypeVar("_T")


def execution_log_history_asset(location: Location) -> dg.AssetsDefinition:
    """Keeps the runs of each day as ORC, where nothing that happens to the table reaches them."""
    settings = location.settings
    # The steps of a job have names of their own; a row's step is named like the row.
    name = "__".join(HISTORY_KEY.path)
    while name in location.registry.jobs:
        name += "_"

    def compute(context: dg.OpExecutionContext, _inputs: Mapping[str, Any]) -> Iterator[object]:
        yield dg.MaterializeResult(metadata=_keep_day(context, settings))

    return dg.AssetsDefinition(
        node_def=dg.OpDefinition(
            compute_fn=compute,
            name=name,
            description=_ABOUT,
            required_resource_keys={KUDU_SPARK_KEY},
            outs={"result": dg.Out(dg.Nothing)},
        ),
        keys_by_input_name={},
        keys_by_output_name={"result": HISTORY_KEY},
        partitions_def=daily_partitions(location.first_biz_dt),
        group_names_by_key={HISTORY_KEY: "control"},
        descriptions_by_key={HISTORY_KEY: _ABOUT},
        tags_by_key={
            HISTORY_KEY: {f"dagster/kind/{kind}": "" for kind in ("spark", "kudu", "orc")}
        },
    )


def _keep_day(
    context: dg.OpExecutionContext, settings: Settings
) -> dict[str, dg.MetadataValue[Any]]:
    """Keep the run's day.

    Raises:
        dagster.Failure: With the one sentence to read.
        DagsterExecutionInterruptedError: The run was asked to stop.
    """
    day = _ended_day(context.partition_key)
    resource: KuduSpark = getattr(context.resources, KUDU_SPARK_KEY)
    location = f"{settings.base_dir.rstrip('/')}/{'/'.join(HISTORY_KEY.path)}"

    def stage() -> tuple[DayFolders, int, int]:
        spark = resource.spark_session
        folders = DayFolders(spark, _for_hadoop(location))
        folders.restore(day, lambda run_id: _is_over(context.instance, run_id))
        return folders, *folders.stage(rows_of_day(spark, settings, day), day, context.run_id)

    store = parse_address(settings.control_url).text
    with _failing(f"{day} of {store} was not kept, and what was kept of it before still is"):
        folders, rows, files = _until_stopped(stage, resource, settings.stop_grace_s)
    with _failing(f"{day} was read, and may or may not be in its place; materialize it again"):
        folders.publish(day, context.run_id)
    return {
        "dagster/row_count": dg.MetadataValue.int(rows),
        "path": dg.MetadataValue.path(f"{location}/{day_folder(day)}"),
        "files": dg.MetadataValue.int(files),
    }


@contextmanager
def _failing(what: str) -> Generator[None]:
    """Turn what Spark, Kudu and we refuse into the one sentence that a run's page shows."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (OrchError, OSError, Py4JError, PySparkException) as error:
        why = exception_line(type(error).__name__, str(error), ())
        raise dg.Failure(f"{what}: {why}") from error


def _ended_day(partition: str) -> date:
    day, now = date.fromisoformat(partition), datetime.now(timezone.utc)
    if day < now.date():
        return day
    raise dg.Failure(
        f"{day} has not ended in UTC, where it is {now:%Y-%m-%d %H:%M}: keep its runs from "
        f"{day + timedelta(days=1)} on",
        allow_retries=False,
    )


def rows_of_day(spark: "SparkSession", settings: Settings, day: date) -> "DataFrame":
    """The rows of execution_log that started on that day in UTC, oldest first."""
    from pyspark.sql import functions

    address = parse_address(settings.control_url)
    security = {
        "kudu.requireAuthentication": str(address.require_authentication).lower(),
        "kudu.encryptionPolicy": address.encryption_policy,
        "kudu.saslProtocolName": address.sasl_protocol_name,
    }
    table = control_table(spark, ",".join(address.masters), EXECUTION_LOG.name, security)
    start = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
    started = functions.col("start_time")
    on_day = (started >= functions.lit(start)) & (
        started < functions.lit(start + timedelta(days=1))
    )
    return table.where(on_day).coalesce(1).sortWithinPartitions("start_time", *EXECUTION_LOG.keys)


def _is_over(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is None or how_it_ended(run) is not None


def _for_hadoop(location: str) -> str:
    """A URL as it is; a path with its scheme, as Hadoop's default need not be this machine."""
    path = Path(location)
    return f"file:///{path.as_posix().lstrip('/')}" if path.is_absolute() else location


def _until_stopped(work: Callable[[], _T], resource: KuduSpark, grace_s: float) -> _T:
    """Do the work in a thread of its own, as a call into the JVM may wait long for an absent Kudu.

    Raises:
        DagsterExecutionInterruptedError: The run was asked to stop. Work that has not ended in
            time then ends with the process.
    """
    stop = current_stop()
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            future.set_exception(error)

    threading.Thread(target=run, name=f"Spark of {EXECUTION_LOG.name}", daemon=True).start()
    while not stop.is_set():
        if wait([future], _STOP_CHECK_S).done:
            return future.result()
    resource.cancel()
    wait([future], grace_s)
    raise DagsterExecutionInterruptedError("the run was asked to stop")
