"""The older name of `orch init --sample`."""

from orch_dagster.cli.main import main

if __name__ == "__main__":
    main(["init", "--sample"])
