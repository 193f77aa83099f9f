"""orch log: what ran."""

from __future__ import annotations

import click

from orch_dagster.cli.arguments import BIZ_DT, as_json, connected
from orch_dagster.cli.output import print_json, print_rows
from orch_dagster.control.store import Where
from orch_dagster.control.tables import EXECUTION_LOG, Row, Value
from orch_dagster.settings import load_settings


@click.command()
@click.option("--job", help="Only this job_name.")
@click.option("--biz-dt", type=BIZ_DT, help="Only this business date.")
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(min=1),
    help="The newest so many.",
)
@as_json
def log(job: str | None, biz_dt: str | None, limit: int, is_json: bool) -> None:
    """Show execution_log, newest first."""
    asked: dict[str, Value] = {"job_name": job, "biz_dt": biz_dt}
    where: Where = {name: value for name, value in asked.items() if value is not None}
    with connected(load_settings()) as store:
        # A log of years is long: only the rows that are shown are read whole.
        ages = store.read(EXECUTION_LOG, where, columns=["id", "start_time"])
        newest = [row["id"] for row in sorted(ages, key=_age, reverse=True)[:limit]]
        rows = store.read(EXECUTION_LOG, {"id": newest})
    rows.sort(key=_age, reverse=True)
    if is_json:
        print_json(rows)
        return
    columns = ["start_time", "job_name", "biz_dt", "status", "duration", "spark_app_id", "run_id"]
    print_rows(rows, columns, "Nothing ran.")


def _age(row: Row) -> tuple[int, str, str]:
    """By the creation of the run, which the id begins with, then by the start of the step."""
    row_id = str(row["id"])
    created = row_id.partition("_")[0]
    return int(created) if created.isdigit() else 0, str(row["start_time"] or ""), row_id
