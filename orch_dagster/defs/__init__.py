"""The Dagster adapter: one role a file."""
