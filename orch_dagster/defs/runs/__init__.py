"""Runs of Dagster's instance: history, liveness, execution_log after the fact."""
