"""Which jobs' results have the business keys of their group."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from framework.contract.context_params import ContextParams, Sink, Source
from orch_dagster.control.group import GroupKey
from orch_dagster.registry.jobs import JobSpec
from orch_dagster.registry.keyed_jobs import has_business_keys

KEYS = {GroupKey("GELS", "FPMS"): ("contract_no", "seq")}


def job(**context: Any) -> JobSpec:
    params = ContextParams("GELS", "FPMS", sinks=(Sink("orc", "out"),))
    return JobSpec("J", "job", replace(params, **context), "landing.py")


@pytest.mark.parametrize(
    ("hql", "expected"),
    [
        ("select Contract_No, premium from row1", True),
        ("select premium, r.`seq` from row1 r", True),
        ("select premium, my_seq, sequence from row1", False),
        ("select count(*) as n from row1", False),
        ("select * from row1", True),
        ("select r.* from row1 r", True),
        ("select distinct * from row1", True),
    ],
)
def test_the_hql_names_a_key_or_takes_every_column(hql: str, expected: bool) -> None:
    assert has_business_keys(job(hql="job.hql"), KEYS, hql) == expected


@pytest.mark.parametrize(
    ("schema", "expected"),
    [("CONTRACT_NO STRING, n INT", True), ("holder STRING, n INT", False), (None, True)],
)
def test_without_hql_the_source_s_schema_tells(schema: str | None, expected: bool) -> None:
    sources = (Source("csv", "in", schema=schema),)
    assert has_business_keys(job(sources=sources), KEYS, None) == expected


def test_the_job_s_own_keys_come_first() -> None:
    hql = "select contract_no from row1"
    assert not has_business_keys(job(hql="job.hql", business_keys=()), KEYS, hql)
    assert has_business_keys(job(business_keys=("holder",)), {}, None)
    assert not has_business_keys(job(business_keys=("holder",), sinks=()), {}, None)


def test_what_is_unknown_may_have_them() -> None:
    assert has_business_keys(job(hql="missing.hql"), KEYS, None)
    # A snapshot of an older version has no names.
    older = {GroupKey("GELS", "FPMS"): ()}
    assert has_business_keys(job(sources=(Source("csv", schema="n INT"),)), older, None)
    assert not has_business_keys(job(), {}, None)
