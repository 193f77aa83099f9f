"""Tags of applications: what they hold, and that YARN takes them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orch_dagster.spark.yarn.tags import (
    attempt_tag,
    date_tags,
    job_tag,
    run_of,
    run_tag,
    shared_dates,
)

RUN = "0b1f6f6e-6f0e-4c1e-9d0e-3f2d1c0b9a88"
DAYS = st.dates(date(1990, 1, 1), date(2040, 1, 1)).map(date.isoformat)


@given(st.sets(DAYS, min_size=1, max_size=40), st.sets(DAYS, max_size=20))
def test_dates_are_found_again(held: set[str], others: set[str]) -> None:
    tags = date_tags(held)
    found = shared_dates(["another", *tags], held | others)
    assert held <= set(found)
    if not any("-" in tag.removeprefix("orch-dates_") for tag in tags):
        assert set(found) == held


def test_two_hundred_days_are_exact() -> None:
    days = [(date(2024, 1, 1) + timedelta(days=2 * n)).isoformat() for n in range(200)]
    between = [(date.fromisoformat(day) + timedelta(days=1)).isoformat() for day in days]
    assert shared_dates(date_tags(days), between) == []


@given(
    st.text(max_size=300),
    st.text(max_size=300),
    st.sets(DAYS, max_size=60),
    st.integers(min_value=1, max_value=99),
)
def test_yarn_takes_every_tag(store: str, job: str, days: set[str], attempt: int) -> None:
    tags = [run_tag(RUN), attempt_tag(RUN, job, attempt), job_tag(store, job), *date_tags(days)]
    # Ten in all, and a job may have some of its own.
    assert len(tags) <= 7
    for tag in tags:
        assert tag.isascii()
        assert tag == tag.lower()
        assert 0 < len(tag) <= 100
        assert not set(tag) & set(", ")


def test_jobs_of_two_stores_and_two_attempts_differ() -> None:
    assert job_tag("a", "job") != job_tag("b", "job")
    assert job_tag("a", "Job") != job_tag("a", "job")
    assert attempt_tag(RUN, "job", 1) != attempt_tag(RUN, "job", 2)
    assert attempt_tag(RUN, "job") != attempt_tag(RUN, "other")


@pytest.mark.parametrize(
    ("tags", "shared"),
    [
        ([], ["2024-05-15"]),
        (["orch-dates_20240515_8"], ["2024-05-15"]),
        (["orch-dates_20240514_8"], []),
        (["orch-dates_20240101-20241231"], ["2024-05-15"]),
        (["orch-dates_20250101-20251231"], []),
        (["orch-dates_of-a-newer-version"], ["2024-05-15"]),
    ],
)
def test_an_application_without_dates_may_land_any(tags: list[str], shared: list[str]) -> None:
    assert shared_dates(tags, ["2024-05-15"]) == shared


def test_the_run_is_read_from_the_tags() -> None:
    of_run = [RUN, attempt_tag(RUN, "j", 2)]
    assert run_of(["mine", *of_run, job_tag("s", "j")], "j") == RUN
    # A user's own tag may look like a run.
    assert run_of([RUN.replace("0", "1"), RUN.replace("0", "f"), *of_run], "j") == RUN
    assert run_of([RUN, attempt_tag(RUN, "another")], "j") is None
    assert run_of(["mine"], "j") is None


@pytest.mark.parametrize("own", range(7))
def test_an_application_has_at_most_ten_tags_whatever_a_user_adds(own: int) -> None:
    days = [(date(1990, 1, 1) + timedelta(days=300 * n)).isoformat() for n in range(4)]
    tags = date_tags(days, 3 + own)
    assert 3 + own + len(tags) <= 10
    assert shared_dates(tags, days) == days
