"""File systems, and reading back what lies there."""
