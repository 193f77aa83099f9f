"""An asset of one's own that reads a control table with Spark, by the resource kudu_spark."""

import dagster as dg

from orch_dagster.defs.kudu_spark import KUDU_SPARK_KEY, KuduSpark, kudu_spark_resource
from orch_dagster.settings import load_settings


@dg.asset(required_resource_keys={KUDU_SPARK_KEY})
def failures_by_job(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Count the failed runs of each job."""
    kudu_spark: KuduSpark = getattr(context.resources, KUDU_SPARK_KEY)
    log = kudu_spark.control_table("execution_log")
    failed = log.where("status LIKE 'Failed: %'").groupBy("job_name").count()
    return dg.MaterializeResult(metadata={row[0]: row[1] for row in failed.collect()})


defs = dg.Definitions(
    assets=[failures_by_job],
    resources={KUDU_SPARK_KEY: kudu_spark_resource(load_settings())},
)
