"""Dagit's pages in a real browser: what they say of a home in which some dates have landed.

With ORCH_REFRESH_PICTURES=1 the pictures of the documentation are taken on the way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from subprocess import DEVNULL, Popen
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from orch_dagster.control.connect import open_store
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_MASTER, TABLES
from orch_dagster.sample.rows import CONTEXT_PARAMS, JOB_ID
from orch_dagster.sample.rows import JOB_NAME as JOB
from orch_dagster.settings import REPOSITORY
from tests.dagit_browser import Dagit, dagit
from tests.dagster_dev import Dev, dagster_dev, until
from tests.homes import STORE_URL, Home, copied_home

pytestmark = [pytest.mark.browser, pytest.mark.spark]

CHAIN = "etl_lnd_gels_chain_t_contract"
ASSET = ("gels", "fpms", JOB)
LANDED, CLOSED, FAILED, NEWEST = "2024-05-15", "2024-05-16", "2024-05-17", "2024-05-20"


@dataclass(frozen=True)
class Served:
    """A home that `dagster dev` serves, and a browser on its pages."""

    home: Home
    dev: Dev
    dagit: Dagit
    run_id: str


@pytest.fixture(scope="module")
def served(_sample: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A home in which a run landed two dates, one of them closed since, and failed a third.

    Of the newest open date, after a weekend that nobody opened, there is an extract.
    """
    home = copied_home(_sample, tmp_path_factory.mktemp("dagit") / "landing")
    store = open_store(STORE_URL, home.folder)
    context = json.dumps({**CONTEXT_PARAMS, "owners": ["team:landing"]})
    store.update(JOB_MASTER, [{"job_id": JOB_ID, "context_params": context}])
    store.close()
    home.here("apply", str(REPOSITORY / "examples" / "chain" / "registry.yaml"))
    home.here("open", "gels_fpms", "--from", CLOSED, "--to", NEWEST)
    home.here("sample", "gels_fpms", "--biz-dt", CLOSED, "--biz-dt", NEWEST)
    # On weekdays alone: the page previews the oldest of ten ticks, and none is due at a weekend.
    home.set_params({"spark.master": "local[1]"}, {"schedule.cron": "30 6 * * 1-5"})
    done = home.orch("run", JOB, "--from", LANDED, "--to", FAILED, "--json", check=False)
    (run,) = json.loads(done.stdout)
    home.here("close", "gels_fpms", "--biz-dt", CLOSED, "--force")
    with dagster_dev(home) as dev, dagit(dev) as browser:
        yield Served(home, dev, browser, run["run_id"])


def all_rows(store: ControlStore) -> dict[str, list[dict[str, Any]]]:
    return {table.name: store.read(table) for table in TABLES}


def row_of(page: Locator, key: str) -> Locator:
    """The row of a table of metadata."""
    return page.get_by_role("row").filter(has=page.page.get_by_text(key, exact=True))


def test_the_catalog_counts_the_open_dates_and_finds_a_job_by_its_id(served: Served) -> None:
    page = served.dagit.page
    served.dagit.open("/assets")
    # Of three open dates one has landed, one is missing, one has failed.
    status = page.get_by_text("3 partitions").locator("xpath=ancestor::*[contains(., '1')][1]")
    expect(status).to_contain_text(re.compile(r"1\s*1\s*1\s*0\s*3 partitions"))
    expect(page.get_by_text("2 partitions")).to_have_count(3)
    served.dagit.keep_picture("catalog")

    page.locator(".CodeMirror").click()
    page.keyboard.type(JOB_ID)
    page.get_by_text(f"job_id={JOB_ID}").first.click()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Insurance contracts of FPMS")).to_be_visible()
    expect(page.get_by_text("A, the contracts of the biz_dt")).to_have_count(0)


def test_the_page_of_an_asset_describes_it_and_its_newest_landing(served: Served) -> None:
    page = served.dagit.page
    served.dagit.open_asset(ASSET)
    body = page.locator("body")
    for text in (
        "Insurance contracts of FPMS with their holders",
        "fdm_landing.gels_fpms_t_contract_master",
        f"job_id: {JOB_ID}",
        "entity: GELS",
        "source_system: FPMS",
        "Spark",
        "At 06:30 UTC",
    ):
        expect(body).to_contain_text(text)
    for file in (f"hql/{JOB}.hql", f"jobs/{JOB}.py"):
        expect(page.locator(f'a[href*="{file}"]')).to_be_visible()
    # The owner, the materialization and its checks.
    expect(page.get_by_text("landing", exact=True).first).to_be_visible()
    expect(page.get_by_text(CLOSED, exact=True).first).to_be_visible()
    expect(row_of(body, "dagster/partition_row_count")).to_contain_text("20000")
    served.dagit.keep_picture("asset")

    expect(row_of(body, "size")).to_contain_text(re.compile(r"1\.\d MB"))
    expect(row_of(body, "duration")).to_contain_text(re.compile(r"\d s"))
    keys = [row.split()[0] for row in page.get_by_role("row").all_inner_texts() if row.split()]
    wanted = ["dagster/partition_row_count", "inserted", "size", "duration", "path", "log"]
    assert [key for key in keys if key in wanted] == wanted
    page.get_by_text("[Show Markdown]").click()
    expect(
        page.get_by_role("dialog").or_(page.locator(".bp5-dialog, .bp6-dialog"))
    ).to_contain_text("hivevar:biz_dt")


def test_the_plots_show_the_landed_rows_by_business_date(served: Served) -> None:
    page = served.dagit.page
    served.dagit.open_asset(ASSET)
    page.get_by_role("button", name="Plots").click()
    expect(page.get_by_role("button", name="Partitions")).to_be_visible()
    plot = page.locator("canvas").first
    plot.scroll_into_view_if_needed()
    expect(plot).to_be_visible()
    expect(page.get_by_text("dagster/partition_row_count")).to_be_visible()
    served.dagit.keep_picture("plots")


def test_the_partitions_are_the_open_dates(served: Served) -> None:
    page = served.dagit.page
    served.dagit.open_asset(ASSET, "partitions")
    body = page.locator("body")
    for text in ("Failed (1)", "Materialized (1)", "Missing (1)", "3 Partitions Selected"):
        expect(body).to_contain_text(text)
    for closed in (CLOSED, "2024-05-18", "2024-05-19"):
        expect(page.get_by_text(closed)).to_have_count(0)
    page.locator("body").get_by_text(LANDED, exact=True).locator("visible=true").last.click()
    expect(body).to_contain_text("20000")
    served.dagit.keep_picture("partitions")


def test_the_checks_have_an_evaluation_for_each_date(served: Served) -> None:
    page = served.dagit.page
    served.dagit.open_asset(ASSET, "checks")
    expect(page.get_by_text("Succeeded", exact=True)).to_have_count(3)
    expect(page.get_by_text(CLOSED, exact=True)).to_be_visible()
    expect(row_of(page.locator("body"), "previous_biz_dt")).to_contain_text(LANDED)
    served.dagit.keep_picture("checks")
    page.get_by_text("Execution history").click()
    expect(page.get_by_text(f"{LANDED}: no date before", exact=False)).to_be_visible()
    expect(page.get_by_text(re.compile(f"{CLOSED}: inserted \\d+, updated"))).to_be_visible()
    # No job of the chain has run, and nothing of it is red.
    served.dagit.open_asset(("gels", "chain", CHAIN), "checks")
    expect(page.get_by_text("Checks", exact=False).first).to_be_visible()
    expect(page.get_by_text("Failed")).to_have_count(0)


def test_the_page_of_a_run_shows_its_events_and_its_log(served: Served) -> None:
    page = served.dagit.page
    served.dagit.open(f"/runs/{served.run_id}")
    body = page.locator("body")
    expect(body).to_contain_text("RUN_FAILURE")
    expect(body).not_to_contain_text("Yielded output")
    # Dagit says why it can't execute such a run again, if it can't.
    expect(page.get_by_role("button", name=re.compile("Re-execute all"))).to_be_enabled()
    expect(page.get_by_text(re.compile("snapshot|no longer|not found|out of date"))).to_have_count(
        0
    )
    with page.expect_popup() as opened:
        page.get_by_role("link", name=re.compile("logType=stdout")).first.click()
    body = opened.value.locator("body")
    expect(body).to_contain_text(f"[orch] {JOB} started for {LANDED}, {CLOSED}, {FAILED}")
    expect(body).to_contain_text(f"{FAILED} did not land: no such source")
    opened.value.close()


def test_a_preview_of_a_tick_writes_nothing(served: Served) -> None:
    store = open_store(STORE_URL, served.home.folder)
    before = all_rows(store)
    page = served.dagit.page
    served.dagit.open_in_location("schedules/gels_fpms_by_biz_dt")
    page.get_by_text("Preview tick result").first.click()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text(re.compile(r"\d+ run requests?"))).to_be_visible()
    served.dagit.keep_picture("schedule-preview")
    assert all_rows(store) == before
    store.close()


def test_a_run_of_a_command_is_on_the_timeline_while_it_runs(served: Served) -> None:
    page = served.dagit.page
    command = ["orch", "run", CHAIN, "--biz-dt", LANDED]
    going = Popen(
        command, env=served.home.environ, cwd=served.home.folder, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        # Its pages are read once it has begun, as they look again after half a minute only.
        until(lambda: served.home.log_rows(CHAIN) or None, 300, "the row of the run")
        served.dagit.open("/timeline?view=1hr")
        expect(page.get_by_role("link", name=CHAIN)).to_be_visible()
        assert going.poll() is None
        expect(page.get_by_role("link", name=JOB)).to_be_visible()
        served.dagit.keep_picture("timeline")
        served.dagit.open("/jobs")
        # The newest run of each of the two jobs.
        expect(page.get_by_text(re.compile(r"\w ago$"))).to_have_count(2)
    finally:
        going.wait(400)
    assert going.returncode == 0


def test_a_backfill_over_closed_dates_completes(served: Served) -> None:
    page = served.dagit.page
    served.dagit.open_asset(ASSET)
    page.get_by_role("button", name="Materialize…").click()
    page.get_by_role("button", name="Missing", exact=True).click()
    # The newest open date, and no weekend.
    expect(page.get_by_text("1 partition", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Launch 1 run")).to_be_enabled()
    served.home.here("sample", "gels_fpms", "--biz-dt", FAILED)
    page.get_by_role("button", name="All", exact=True).click()
    expect(page.get_by_text("3 partitions", exact=True)).to_be_visible()
    served.dagit.keep_picture("backfill")
    page.get_by_role("button", name="Failed and missing", exact=True).click()
    expect(page.get_by_text("2 partitions", exact=True)).to_be_visible()
    page.get_by_role("button", name="Launch backfill").click()
    expect(page.get_by_role("button", name="Launch backfill")).to_have_count(0)
    served.dagit.open("/runs?view=backfills")
    expect(page.get_by_text("Success", exact=True)).to_be_visible(timeout=400_000)

    served.dagit.open_asset(ASSET, "partitions")
    expect(page.locator("body")).to_contain_text("Materialized (3)")
    expect(page.locator("body")).to_contain_text("Missing (0)")
