"""A process that runs one job after another, each through Dagster as `orch run` does.

It is told by its stdin: a line with the run's number and its business date. When a run is over, it
says its number and Dagster's id on stdout.
"""

from __future__ import annotations

import sys

import dagster as dg

from orch_dagster.definitions import job_named
from orch_dagster.defs.partitions import tags_of


def main(job_name: str, number_tag: str) -> None:
    """Run what is asked for until stdin ends."""
    job = dg.build_reconstructable_job(job_named.__module__, job_named.__name__, (job_name,))
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with dg.DagsterInstance.get() as instance:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for line in sys.stdin:
            number, biz_dt = line.split()
            result = dg.execute_job(
                job,
                instance=instance,
                tags={**tags_of((biz_dt,)), number_tag: number},
                run_config=quiet,
                raise_on_error=False,
            )
            sys.stdout.write(f"{number} {result.run_id}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
