"""The pytest kit for those who write jobs; `orch_dagster.kit` is the path to import it by."""
