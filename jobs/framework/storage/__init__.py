"""File systems, and reading back what a sink holds."""
