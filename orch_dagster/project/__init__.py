"""The files of a new project: `orch new`."""
