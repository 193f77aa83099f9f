"""Runs of Dagster's instance: history, liveness, and their rows of execution_log."""
