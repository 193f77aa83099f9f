"""What an asset of your own needs to run a script by spark-submit; see docs/how-to."""

from __future__ import annotations

from orch_dagster.defs.step.spark_submit import SparkSubmitClient, SubmitOptions

__all__ = ["SparkSubmitClient", "SubmitOptions"]
