"""What a name given by a person means."""

from __future__ import annotations

import re

import pytest

from orch_dagster.control.group import GroupKey
from orch_dagster.control.records import JobDependency, JobMaster
from orch_dagster.errors import UnknownJobError
from orch_dagster.registry.context_params import parse_context_params
from orch_dagster.registry.jobs import JobSpec, Registry, build_registry
from orch_dagster.registry.names import (
    find_group,
    find_job,
    find_jobs,
    job_ids_named,
    job_to_run,
)
from orch_dagster.registry.similar_names import did_you_mean


def spec(job_id: str, job_name: str) -> JobSpec:
    return JobSpec(job_id, job_name, parse_context_params("{}", job_name), "job.py")


SPECS = [
    spec("J1", "etl_lnd_acme_crm_t_a"),
    spec("J2", "etl_lnd_acme_crm_t_b"),
    # Its id is the name of another job.
    spec("etl_lnd_acme_crm_t_a", "etl_lnd_acme_erp_t_c"),
]
REGISTRY = Registry(
    {each.job_name: each for each in SPECS}, (), {each.job_id: each.job_name for each in SPECS}
)


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("J1", ["J1"]),
        ("j2", ["J2"]),
        ("etl_lnd_acme_crm_t_a", ["J1"]),
        ("ETL_LND_ACME_ERP_T_C", ["etl_lnd_acme_crm_t_a"]),
        ("acme_crm", ["J1", "J2"]),
        ("Acme_ERP", ["etl_lnd_acme_crm_t_a"]),
    ],
)
def test_a_name_is_of_jobs(name: str, ids: list[str]) -> None:
    assert list(find_jobs(REGISTRY, name).job_ids) == ids


def test_the_dagster_job_of_a_name() -> None:
    names = ("Acme_CRM", "J2", "acme_erp", "etl_lnd_acme_erp_t_c")
    runs = [job_to_run(find_jobs(REGISTRY, name), name) for name in names]
    # The only job of a group has a Dagster job beside the group's.
    assert runs == ["acme_crm", "etl_lnd_acme_crm_t_b", "acme_erp", "etl_lnd_acme_erp_t_c"]


def test_a_group_of_several_is_no_job() -> None:
    with pytest.raises(UnknownJobError, match=r"group of 2 jobs; give one: etl_lnd_acme_crm_t_a,"):
        find_job(REGISTRY, "acme_crm")


def test_quarantined_rows_have_names_too() -> None:
    rows = [{"job_id": "J1", "job_name": "etl_lnd_acme_crm_t_a", "context_params": "{"}]
    names = {"J1": "etl_lnd_acme_crm_t_a", "J9": "removed"}
    found = [job_ids_named(each, rows, names) for each in ("acme_crm", "j9", "removed")]
    assert found == [("J1",), ("J9",), ("J9",)]
    with pytest.raises(UnknownJobError, match=r"no job remove: .* did you mean removed\?"):
        job_ids_named("remove", rows, names)


@pytest.mark.parametrize("name", ["J7", "etl_lnd_acme_crm_T_BAD"])
def test_a_quarantined_job_is_told_with_what_is_wrong(name: str) -> None:
    bad = JobMaster("J7", "etl_lnd_acme_crm_t_bad", "{", "job.py")
    good = '{"entity": "ACME", "source_system": "CRM"}'
    dependencies = [JobDependency("J8", "etl_lnd_acme_crm_t_child", "J7")]
    child = JobMaster("J8", "etl_lnd_acme_crm_t_child", good, "job.py")
    registry = build_registry([bad, child], dependencies, lambda _: None)
    with pytest.raises(UnknownJobError) as told:
        find_jobs(registry, name)
    first, *reasons = str(told.value).splitlines()
    assert re.fullmatch(r"job (J7|etl_lnd_acme_crm_t_bad) is quarantined; .*:", first)
    (reason,) = reasons
    assert reason.startswith("  job_master (job_id=J7): context_params: ")
    with pytest.raises(UnknownJobError, match=r"J8 is quarantined; .*:\n  .* waits for J7,"):
        find_jobs(registry, "j8")


def test_an_unknown_group_names_the_nearest() -> None:
    known = {"acme_crm": GroupKey("ACME", "CRM")}
    assert find_group("ACME_CRM", known) == GroupKey("ACME", "CRM")
    with pytest.raises(UnknownJobError, match=r"no group acme_crn: .*did you mean acme_crm\?"):
        find_group("acme_crn", known)


def test_several_names_are_offered() -> None:
    names = [f"etl_lnd_acme_crm_t_{letter}" for letter in "abcd"]
    assert did_you_mean("etl_lnd_acme_crm_t_", names[:2]) == (
        "did you mean etl_lnd_acme_crm_t_b or etl_lnd_acme_crm_t_a?"
    )
    assert did_you_mean("zzz", names) is None
