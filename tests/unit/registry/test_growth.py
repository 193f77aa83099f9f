"""Registries of thousands of jobs, of any shape: time and findings grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from orch_dagster.control.records import JobDependency, JobMaster
from orch_dagster.control.sys_params import property_fault
from orch_dagster.control.tables import JOB_DEPENDENCY, JOB_MASTER, SYS_PARAMS, Row
from orch_dagster.registry.change_text import value_changes
from orch_dagster.registry.changes import RowChange
from orch_dagster.registry.export import to_yaml
from orch_dagster.registry.jobs import MAX_LEVELS, MAX_NAME_CHARACTERS, Registry, build_registry
from orch_dagster.registry.plan import Plan, plan_removal, plan_rows
from orch_dagster.registry.touched import MOST_DOWNSTREAM, touched_jobs
from tests.growth import assert_linear

Shape = Callable[[int], tuple[list[JobMaster], list[JobDependency]]]


def master(number: int, name: str | None = None, context: str = "{}") -> JobMaster:
    return JobMaster(f"J{number}", name or f"etl_lnd_a_b_t{number}", context, "s.py")


def edge(child: int, parent: int) -> JobDependency:
    names = (f"etl_lnd_a_b_t{child}", f"etl_lnd_a_b_t{parent}")
    return JobDependency(f"J{child}", names[0], f"J{parent}", names[1])


def chain(count: int) -> tuple[list[JobMaster], list[JobDependency]]:
    return [master(n) for n in range(count)], [edge(n, n - 1) for n in range(1, count)]


def cycle(count: int) -> tuple[list[JobMaster], list[JobDependency]]:
    return [master(n) for n in range(count)], [edge(n, (n - 1) % count) for n in range(count)]


def behind_one_fault(count: int) -> tuple[list[JobMaster], list[JobDependency]]:
    masters, edges = chain(count)
    return [master(0, context="{"), *masters[1:]], edges


def one_name(count: int) -> tuple[list[JobMaster], list[JobDependency]]:
    return [master(n, "etl_lnd_a_b_t") for n in range(count)], []


def one_group(count: int) -> tuple[list[JobMaster], list[JobDependency]]:
    """Groups whose names differ by case alone."""
    letters = "abcdefghijklmno"

    def entity(n: int) -> str:
        return "".join(c.upper() if n >> k & 1 else c for k, c in enumerate(letters))

    return [master(n, context=f'{{"entity": "{entity(n)}"}}') for n in range(count)], []


def many_parents(count: int) -> tuple[list[JobMaster], list[JobDependency]]:
    root = JobDependency("J0", "etl_lnd_a_b_t0", "")
    return [master(n) for n in range(count)], [root, *(edge(0, n) for n in range(1, count))]


def build(rows: tuple[list[JobMaster], list[JobDependency]]) -> Registry:
    return build_registry(*rows, lambda _: None)


SHAPES = [chain, cycle, behind_one_fault, one_name, one_group, many_parents]


@pytest.mark.parametrize("shape", SHAPES)
def test_time_grows_with_the_number_of_jobs(shape: Shape) -> None:
    def work(size: int) -> Callable[[], object]:
        rows = shape(size)
        return lambda: build(rows)

    assert_linear(work, 300)


@pytest.mark.parametrize("shape", SHAPES)
def test_findings_are_short_whatever_the_number_of_jobs(shape: Shape) -> None:
    findings = build(shape(3_000)).findings
    assert len(findings) <= 3_000
    assert max(len(str(each)) for each in findings) < 700


def test_a_cycle_is_named_by_its_beginning_and_its_end() -> None:
    first, *_ = build(cycle(5_000)).findings
    assert "a cycle: J0 waits for J4999 waits for J4998 " in first.reason
    assert "… (4,990 more) …" in first.reason
    assert first.reason.endswith(" waits for J2 waits for J1 waits for J0; remove one of the rows")


@pytest.mark.parametrize("length", [MAX_NAME_CHARACTERS + 1, 5_000])
def test_a_name_that_no_file_can_have_is_quarantined(length: int) -> None:
    long = "x" * length
    registry = build(([master(1, long), master(2, "-" * length)], []))
    assert [each.job_id for each in registry.findings if each.place == "job_name"] == ["J1", "J2"]
    registry = build(([master(3, context=f'{{"entity": "{long}"}}')], []))
    (finding,) = registry.findings
    assert f"has {length + 2:,} characters, more than {MAX_NAME_CHARACTERS}" in finding.reason
    assert len(str(finding)) < 200


def test_a_chain_longer_than_dagster_can_build_is_quarantined_from_there_on() -> None:
    registry = build(chain(MAX_LEVELS + 2))
    assert len(registry.jobs) == MAX_LEVELS
    assert [(each.job_id, each.is_warning) for each in registry.findings] == [
        (f"J{MAX_LEVELS}", False),
        (f"J{MAX_LEVELS + 1}", False),
    ]
    assert f"a chain of {MAX_LEVELS} jobs" in registry.findings[0].reason


def chain_of_rows(count: int) -> dict[str, Sequence[Row]]:
    masters, edges = chain(count)
    settings: list[Row] = [
        {"param_key": "spark.a", "environment": "DEV", "key_name": each.job_name}
        for each in masters
    ]
    return {
        JOB_MASTER.name: [each.to_row() for each in masters],
        JOB_DEPENDENCY.name: [each.to_row() for each in edges],
        SYS_PARAMS.name: settings,
    }


def planned(count: int) -> Plan:
    return plan_rows({}, chain_of_rows(count))


def test_what_a_plan_touches_grows_with_it() -> None:
    def work(size: int) -> Callable[[], object]:
        plan = planned(size)
        return lambda: touched_jobs(plan)

    assert_linear(work, 300)
    first, *_ = touched_jobs(planned(200))
    assert len(first.downstream) == MOST_DOWNSTREAM
    assert first.has_more_downstream
    assert first.sentence().endswith(f"etl_lnd_a_b_t{MOST_DOWNSTREAM} and more")


@pytest.mark.parametrize("given", [1, None], ids=["one job", "all"])
def test_a_plan_takes_time_by_what_the_store_has(given: int | None) -> None:
    def work(size: int) -> Callable[[], object]:
        stored = chain_of_rows(size)
        rows = {name: each[:given] for name, each in stored.items()}
        return lambda: plan_rows(stored, rows, prune=True, environment="DEV")

    assert_linear(work, 300)


def test_a_job_that_many_wait_for_names_some_of_them() -> None:
    masters = [master(n).to_row() for n in range(5_000)]
    edges = [edge(n, 0).to_row() for n in range(1, 5_000)]
    plan = plan_removal({JOB_MASTER.name: masters, JOB_DEPENDENCY.name: edges}, ["J0"])
    (refusal,) = plan.refusals
    assert "and 4,989 more waits for it" in refusal.reason


@pytest.mark.parametrize("depth", [100, 400, 700, 990, 2_000])
def test_json_of_any_depth_is_shown_and_exported(depth: int) -> None:
    old, new = ('{"x": ' + "[" * depth + each + "]" * depth + "}" for each in "12")
    row: Row = {"job_id": "J1", "job_name": "j", "context_params": old}
    assert value_changes(RowChange(JOB_MASTER, row, {**row, "context_params": new}), ())
    assert "J1" in to_yaml({JOB_MASTER.name: [row]})
    assert property_fault("spark.submit.deployMode", " ") is not None
