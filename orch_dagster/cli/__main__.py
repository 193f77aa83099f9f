"""`python -m orch_dagster.cli`."""

from orch_dagster.cli.main import main

main()
