"""A Spark of the tests' own, and what the job framework does with it, in as few lines as can be.

The landing tests judge HQL and context_params here; that the framework does the same is judged
where it is tested itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

REPOSITORY = Path(__file__).parents[2]
HQL_DIR = REPOSITORY / "hql"


@contextmanager
def local_spark(scratch: Path) -> Iterator[SparkSession]:
    """A session with the settings that matter to what is read and written."""
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .appName("tests")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
        .config("spark.sql.warehouse.dir", (scratch / "warehouse").as_uri())
        .getOrCreate()
    )
    try:
        yield session
    finally:
        session.stop()


def transform(
    spark: SparkSession, context_params: Mapping[str, Any], root: Path, biz_dt: date
) -> DataFrame:
    """The result of the job's HQL over its sources under the data root."""
    for number, source in enumerate(context_params["sources"], start=1):
        path = root / source["path"].format(biz_dt=biz_dt)
        frame = spark.read.format(source["format"]).options(**source["options"]).load(str(path))
        frame.createOrReplaceTempView(f"row{number}")
    # Spark looks ${hivevar:name} up as the plain key.
    spark.conf.set("biz_dt", biz_dt.isoformat())
    hql = (HQL_DIR / context_params["hql"]).read_text(encoding="utf-8")
    return spark.sql(hql)


def land(
    spark: SparkSession, context_params: Mapping[str, Any], root: Path, biz_dt: date
) -> DataFrame:
    """Write the result to the job's sink and read the sink back."""
    (sink,) = context_params["sinks"]
    path = str(root / sink["path"])
    result = transform(spark, context_params, root, biz_dt)
    result.write.mode("overwrite").partitionBy(*sink["partition_cols"]).format(sink["format"]).save(
        path
    )
    return spark.read.format(sink["format"]).load(path)
