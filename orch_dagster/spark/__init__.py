"""Finding, starting, supervising and judging spark-submit; knows neither Dagster nor pyspark."""
