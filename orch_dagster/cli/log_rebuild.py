"""orch log rebuild: execution_log from Dagster's event log."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

import click

from orch_dagster.cli.arguments import as_json, loaded
from orch_dagster.cli.instance import opened_instance
from orch_dagster.cli.output import console, print_json
from orch_dagster.control.connect import opened_store
from orch_dagster.settings import load_settings


class _Moment(click.ParamType[datetime]):
    name = "moment"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        try:
            # Python 3.10 does not know the Z that `orch log --json` prints.
            moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        except ValueError:
            self.fail(f"{value!r} is no date or time such as 2024-05-15T06:30:00Z", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


@click.command()
@click.option(
    "--since",
    type=_Moment(),
    help="Only runs created since this date or time, UTC unless it names a zone.",
)
@as_json
def rebuild(since: datetime | None, is_json: bool) -> None:
    """Write the rows of execution_log that are missing or differ from Dagster's event log.

    Runs whose process is gone are failed first. Rows that are right stay as they are.
    """
    from orch_dagster.defs.runs.rebuild import rebuild as rebuild_rows

    settings = load_settings()
    job_ids = loaded(settings).job_ids
    with opened_store(settings) as store, opened_instance(settings) as instance:
        done = rebuild_rows(instance, store, job_ids, since, settings.silence_s)
    if is_json:
        print_json(asdict(done))
        return
    for run_id in done.died:
        console.print(f"failed run {run_id}: its process is gone")
    console.print(f"runs: {done.runs}, rows: {done.rows}, of them written: {done.written}")
