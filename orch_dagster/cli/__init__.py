"""The orch command: a file for each group of commands."""
