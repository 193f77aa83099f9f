"""Many dates of real claims in two applications, and one of them again from a changed extract.

BACKFILL_DATES is how many (60).
"""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from tests.claims import COLUMNS, JOB, README, read_claims, us_date
from tests.commands import commands_of
from tests.homes import Home

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DATES = int(os.environ.get("BACKFILL_DATES", "60"))
KEY = dg.AssetKey(["prism", "claims", JOB])
COMPARED = ["Status", "TotalPayment", "Paid", "Outstanding", "Incurred"]


def understood(claim: dict[str, str]) -> tuple[Any, ...]:
    """A claim's row as it lands."""
    return tuple(of(claim[source]) for source, of in COLUMNS.values())


def open_dates(home: Home, days: list[str]) -> None:
    rows = [
        {
            "entity": "PRISM", "source_system": "CLAIMS", "biz_dt": day,
            "start_dt": day, "end_dt": day, "business_keys": "claim_no",
            "compare_cols": "status,total_payment_amt,paid_amt,outstanding_amt,incurred_amt",
        }
        for day in days
    ]  # fmt: skip
    file = home.folder / "dates.yaml"
    file.write_text(json.dumps({"process_control": rows}))
    home.orch("apply", str(file))


def changes(home: Home, run_id: str) -> dict[str, Any]:
    """What the run's check of that name told."""
    for event in home.events(run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        evaluation = event.asset_check_evaluation_data
        if evaluation.check_name == "changes":
            assert evaluation.passed
            return {name: value.value for name, value in evaluation.metadata.items()}
    raise AssertionError(f"run {run_id} has no result of the check")


@pytest.mark.spark
# Sixty dates, each with its queries: 200 s on two busy cores.
@pytest.mark.timeout(1800)
def test_the_dates_equal_the_file_and_a_changed_extract_is_counted(
    checkout: Home, spark: SparkSession
) -> None:
    # The README's own, but for its run.
    for command in commands_of(README)[:-1]:
        checkout.line(command)
    # Two applications of any number of dates; of sixty as by default.
    checkout.environ["ORCH_DATES_PER_RUN"] = str(DATES // 2 + 1)
    extract = checkout.folder / "data" / "prism" / "prism.csv"
    claims = read_claims(extract)
    reported = [us_date(claim["ReportDate"]).isoformat() for claim in claims]
    days = sorted(set(reported))[:DATES]
    open_dates(checkout, days)

    runs = checkout.json("run", JOB, "--from", days[0], "--to", days[-1])
    rows = [row for run in runs for row in run["execution_log"]]
    assert {row["biz_dt"]: row["status"] for row in rows} == dict.fromkeys(days, "Completed")
    assert len(rows) == DATES
    assert len({row["spark_app_id"] for row in rows}) == 2
    spark.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
    table = str(checkout.folder / "out/fdm_landing/prism_claims_t_claim")
    landed = Counter(tuple(row) for row in spark.read.orc(table).collect())
    assert landed == Counter(
        (*understood(claim), day)
        for claim, day in zip(claims, reported, strict=True)
        if day in set(days)
    )

    # In the last date's new extract, some claims of the date before come again, some of them paid.
    before, last = days[-2:]
    of_before = [claim for claim, day in zip(claims, reported, strict=True) if day == before]
    own = [claim for claim, day in zip(claims, reported, strict=True) if day == last]
    assert len(of_before) >= 3, "dates with too few claims"
    again = [{**claim, "ReportDate": own[0]["ReportDate"]} for claim in of_before[:-1]]
    again[0]["Paid"] = str(float(again[0]["Paid"]) + 1)
    with extract.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*claims[0]])
        writer.writeheader()
        writer.writerows([*own, *again])
    rerun = checkout.json("run", JOB, "--biz-dt", last)

    old = {claim["ClaimNo"]: [claim[name] for name in COMPARED] for claim in of_before}
    new = {claim["ClaimNo"]: [claim[name] for name in COMPARED] for claim in [*own, *again]}
    both = [key for key in new if key in old]
    counted = changes(checkout, rerun["run_id"])
    assert {name: counted[name] for name in ("inserted", "updated", "deleted", "unchanged")} == {
        "inserted": len(set(new) - set(old)),
        "updated": sum(new[key] != old[key] for key in both),
        "deleted": len(set(old) - set(new)),
        "unchanged": sum(new[key] == old[key] for key in both),
    }
    assert counted["previous_biz_dt"] == before
