"""Run `orch init --sample` under its older name."""

from orch_dagster.cli.main import main

if __name__ == "__main__":
    main(["init", "--sample"])
