"""A Dagster code location made of control tables."""
