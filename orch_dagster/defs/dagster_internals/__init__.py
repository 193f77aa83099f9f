"""What Dagster has no public way for: a file each, with its reason."""
