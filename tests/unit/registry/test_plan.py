"""What a plan changes: inserts, changes, renamings, roots, removals; and how it is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from orch_dagster.control.records import JobDependency, JobMaster
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import (
    EXECUTION_LOG,
    JOB_DEPENDENCY,
    JOB_MASTER,
    PROCESS_CONTROL,
    SYS_PARAMS,
    TABLES,
    Row,
)
from orch_dagster.registry.apply import (
    ApplyError,
    CheckedPlan,
    apply_files,
    plan_files,
    plan_remove,
    plan_rename,
)
from orch_dagster.registry.jobs import build_registry
from orch_dagster.registry.plan import Plan, plan_new_name, plan_removal, plan_rows
from orch_dagster.registry.touched import touched_jobs
from orch_dagster.registry.write import read_tables, write_plan
from orch_dagster.settings import Settings

CRM = {"entity": "ACME", "source_system": "CRM"}
ERP = {"entity": "ACME", "source_system": "ERP"}


def job(job_id: str, name: str = "", context: Mapping[str, str] = CRM) -> dict[str, object]:
    row = {"job_id": job_id, "job_name": name or f"job_{job_id}", "script_path": "landing.py"}
    return {**row, "context_params": dict(context)}


def edge(child: str, parent: str = "", name: str = "", parent_name: str = "") -> Row:
    return {
        "dependent_job_id": child,
        "dependent_job_name": name or f"job_{child}",
        "parent_job_id": parent,
        "parent_job_name": parent_name or (parent and f"job_{parent}"),
        "dependency_level": None,
    }


def setting(key_name: str, key: str = "spark.x", value: str = "1", environment: str = "DEV") -> Row:
    return {
        "param_key": key,
        "environment": environment,
        "key_name": key_name,
        "param_value": value,
        "param_type": "spark",
    }


class Desk:
    """Applies rows as files, and shows what the store has."""

    def __init__(self, folder: Path, store: ControlStore, settings: Settings) -> None:
        self.file = folder / "rows.yaml"
        self.store = store
        self.settings = settings

    def written(self, **tables: Sequence[Mapping[str, Any]]) -> list[Path]:
        self.file.write_text(yaml.safe_dump({name: [*rows] for name, rows in tables.items()}))
        return [self.file]

    def apply(self, *, prune: bool = False, **tables: Sequence[Mapping[str, Any]]) -> list[str]:
        done = apply_files(self.written(**tables), self.store, self.settings, prune=prune)
        return sentences(done)

    def plan(self, *, prune: bool = False, **tables: Sequence[Mapping[str, Any]]) -> CheckedPlan:
        before = self.rows()
        checked = plan_files(self.written(**tables), self.store, self.settings, prune=prune)
        assert self.rows() == before
        return checked

    def problems(self, *, prune: bool = False, **tables: Sequence[Mapping[str, Any]]) -> list[str]:
        before = self.rows()
        with pytest.raises(ApplyError) as caught:
            self.apply(prune=prune, **tables)
        assert self.rows() == before
        return [str(problem) for problem in caught.value.problems]

    def rows(self) -> list[list[Row]]:
        return [self.store.read(table) for table in TABLES]

    def names(self) -> list[object]:
        return [row["job_name"] for row in self.store.read(JOB_MASTER)]

    def edges(self) -> list[tuple[object, ...]]:
        names = [*JOB_DEPENDENCY.keys, "parent_job_name"]
        return [tuple(row[name] for name in names) for row in self.store.read(JOB_DEPENDENCY)]

    def settings_of(self) -> list[tuple[object, ...]]:
        names = ["key_name", "param_key", "param_value"]
        return sorted(tuple(row[n] for n in names) for row in self.store.read(SYS_PARAMS))


def sentences(done: CheckedPlan) -> list[str]:
    return [row.sentence() for change in done.changes for row in change.rows]


@pytest.fixture
def desk(tmp_path: Path, store: ControlStore, settings: Settings) -> Desk:
    return Desk(tmp_path, store, settings)


class TestRoots:
    def test_a_job_given_as_a_root_loses_its_parents(self, desk: Desk) -> None:
        desk.apply(job_master=[job("1"), job("2"), job("3")], job_dependency=[
            edge("3", "1"), edge("3", "2"), edge("2", "1")])  # fmt: skip

        done = desk.apply(job_dependency=[edge("3")])

        assert desk.edges() == [("2", "job_2", "1", "job_1"), ("3", "job_3", "", "")]
        assert done == [
            "change job_dependency (dependent_job_id=3, dependent_job_name=job_3, "
            "parent_job_id=1): parent_job_id, parent_job_name",
            "remove job_dependency (dependent_job_id=3, dependent_job_name=job_3, parent_job_id=2)",
        ]
        assert desk.apply(job_dependency=[edge("3")]) == []

    def test_a_root_row_leaves_no_name_of_the_parent_that_was(self, desk: Desk) -> None:
        desk.apply(job_master=[job("1"), job("2")], job_dependency=[edge("2", "1")])
        desk.apply(job_dependency=[{"dependent_job_id": "2", "dependent_job_name": "job_2"}])
        assert desk.edges() == [("2", "job_2", "", None)]

    def test_a_root_that_is_given_a_parent_is_no_root(self, desk: Desk) -> None:
        desk.apply(job_master=[job("1"), job("2")], job_dependency=[edge("2")])
        desk.apply(job_dependency=[edge("2", "1")])
        assert desk.edges() == [("2", "job_2", "1", "job_1")]

    def test_both_at_once_are_refused_with_the_line(self, desk: Desk) -> None:
        (problem,) = desk.problems(
            job_master=[job("1"), job("2")], job_dependency=[edge("2"), edge("2", "1")]
        )
        assert problem.startswith(f"{desk.file}:")
        assert "given as a root (no parent) and with 1 as parent; keep one of the two" in problem

    def test_a_store_that_has_both_is_warned_of(self) -> None:
        masters = [JobMaster(i, f"job_{i}", '{"entity": "A", "source_system": "B"}', "x.py")
                   for i in "12"]  # fmt: skip
        edges = [JobDependency("2", "job_2", ""), JobDependency("2", "job_2", "1", "job_1")]
        (finding,) = build_registry(masters, edges, lambda _: None).findings
        assert finding.is_warning
        assert "other rows give it a parent, and it waits for 1" in finding.reason

    def test_another_parent_is_one_more_unless_pruned(self, desk: Desk) -> None:
        jobs = [job("1"), job("2"), job("3")]
        desk.apply(job_master=jobs, job_dependency=[edge("3", "1")])
        desk.apply(job_master=jobs, job_dependency=[edge("3", "2")])
        assert [row[2] for row in desk.edges()] == ["1", "2"]
        desk.apply(prune=True, job_master=jobs, job_dependency=[edge("3", "2")])
        assert [row[2] for row in desk.edges()] == ["2"]


class TestNewNames:
    def test_a_job_of_the_files_takes_its_rows_along(self, desk: Desk) -> None:
        jobs = [job("1"), job("2", "old")]
        desk.apply(job_master=jobs, job_dependency=[edge("2", "1", "old")],
                   sys_params=[setting("old"), setting("*", "spark.y")])  # fmt: skip

        done = desk.apply(job_master=[job("1"), job("2", "new")])

        assert desk.names() == ["job_1", "new"]
        assert desk.edges() == [("2", "new", "1", "job_1")]
        assert desk.settings_of() == [("*", "spark.y", "1"), ("new", "spark.x", "1")]
        assert done == [
            "change job_master (job_id=2): job_name",
            "change job_dependency (dependent_job_id=2, dependent_job_name=old, "
            "parent_job_id=1): dependent_job_name",
            "change sys_params (param_key=spark.x, environment=DEV, key_name=old): key_name",
        ]
        assert desk.apply(job_master=[job("1"), job("2", "new")]) == []

    def test_the_rows_that_the_files_give_for_the_new_name_win(self, desk: Desk) -> None:
        desk.apply(job_master=[job("1", "old")], job_dependency=[edge("1", "", "old")],
                   sys_params=[setting("old")])  # fmt: skip
        desk.apply(job_master=[job("1", "new")], job_dependency=[edge("1", "", "new")],
                   sys_params=[setting("new", value="2")])  # fmt: skip
        assert desk.edges() == [("1", "new", "", "")]
        assert desk.settings_of() == [("new", "spark.x", "2")]

    def test_a_setting_that_the_files_give_for_the_old_name_is_refused(self, desk: Desk) -> None:
        desk.apply(job_master=[job("1", "old")], sys_params=[setting("old")])
        (problem,) = desk.problems(job_master=[job("1", "new")], sys_params=[setting("old")])
        assert problem.startswith(f"{desk.file}:")
        assert "key_name old is neither a job_name, a group nor *" in problem

    def test_a_setting_of_nobody_is_a_warning(self, desk: Desk) -> None:
        desk.apply(job_master=[job("1")])
        rows = [setting(name) for name in ("*", "job_1", "acme_crm", "acme_crn")]
        (warning,) = desk.plan(sys_params=rows).warnings
        assert "key_name acme_crn is neither" in str(warning)

    def test_names_that_are_swapped(self, desk: Desk) -> None:
        desk.apply(job_master=[job("1", "a"), job("2", "b")], job_dependency=[
            edge("1", "", "a"), edge("2", "", "b")], sys_params=[
            setting("a", value="of 1"), setting("b", value="of 2")])  # fmt: skip
        desk.apply(job_master=[job("1", "b"), job("2", "a")])
        assert desk.edges() == [("1", "b", "", ""), ("2", "a", "", "")]
        assert desk.settings_of() == [("a", "spark.x", "of 2"), ("b", "spark.x", "of 1")]

    def test_a_command_renames_wherever_the_name_is(self, desk: Desk) -> None:
        desk.apply(job_master=[job("1", "old"), job("2", context=ERP)],
                   job_dependency=[edge("1", "", "old"), edge("2", "1", parent_name="old")],
                   sys_params=[setting("old")])  # fmt: skip
        desk.store.upsert(EXECUTION_LOG, [log_row("1", "Completed")])

        write_plan(plan_rename(desk.store, desk.settings, "1", "old", "new").plan, desk.store)

        assert desk.names() == ["new", "job_2"]
        assert desk.edges() == [("1", "new", "", ""), ("2", "job_2", "1", "new")]
        assert desk.settings_of() == [("new", "spark.x", "1")]
        assert [row["job_id"] for row in desk.store.read(EXECUTION_LOG)] == ["1"]

    @pytest.mark.parametrize(
        ("new", "said"),
        [
            ("job_2", "job_name job_2 is not unique"),
            ("bad name", "may hold only letters"),
            ("acme_crm", "is the name of a group's job"),
        ],
    )
    def test_a_name_that_no_job_can_have(self, desk: Desk, new: str, said: str) -> None:
        desk.apply(job_master=[job("1"), job("2")])
        with pytest.raises(ApplyError, match=said):
            plan_rename(desk.store, desk.settings, "1", "job_1", new)

    def test_a_name_that_moves_the_job_to_another_group(self, desk: Desk) -> None:
        desk.apply(job_master=[job("1", "etl_lnd_acme_crm_t_a", {})])
        with pytest.raises(ApplyError, match="from group acme_crm to acme_erp"):
            plan_rename(
                desk.store, desk.settings, "1", "etl_lnd_acme_crm_t_a", "etl_lnd_acme_erp_t_a"
            )

    def test_other_settings_of_the_new_name_are_refused(self, desk: Desk) -> None:
        desk.apply(job_master=[job("1", "old")], sys_params=[setting("old")])
        desk.store.upsert(SYS_PARAMS, [setting("new", value="2")])
        with pytest.raises(ApplyError, match="there is another row of this key"):
            plan_rename(desk.store, desk.settings, "1", "old", "new")

    @pytest.mark.parametrize("how", ["rename", "files", "remove"])
    def test_a_job_with_an_unfinished_run_keeps_its_name(self, desk: Desk, how: str) -> None:
        desk.apply(job_master=[job("1"), job("2")])
        desk.store.upsert(EXECUTION_LOG, [log_row("1", "Started"), log_row("2", "Completed")])
        ways: dict[str, Callable[[], object]] = {
            "rename": lambda: plan_rename(desk.store, desk.settings, "1", "job_1", "new"),
            "files": lambda: desk.apply(job_master=[job("1", "new")]),
            "remove": lambda: plan_remove(desk.store, desk.settings, ["1"]),
        }
        with pytest.raises(ApplyError, match=r"while the run r-1 lands 2024-05-15"):
            ways[how]()
        plan_rename(desk.store, desk.settings, "2", "job_2", "new")


def log_row(job_id: str, status: str) -> Row:
    return {
        "id": f"{job_id}_{status}",
        "job_id": job_id,
        "run_id": f"r-{job_id}",
        "biz_dt": "2024-05-15",
        "status": status,
    }


class TestPrune:
    @pytest.fixture
    def full(self, desk: Desk) -> Desk:
        desk.apply(
            job_master=[job("1"), job("2"), job("3"), job("9", context=ERP)],
            job_dependency=[edge("1"), edge("2", "1"), edge("3", "1"), edge("9")],
            process_control=[{**CRM, "biz_dt": "2024-05-15"}],
            sys_params=[
                *map(setting, ["*", "acme_crm", "acme_erp", "job_1", "job_2", "job_9"]),
                setting("acme_crm", environment="PROD"),
            ],
        )
        desk.store.upsert(EXECUTION_LOG, [log_row("2", "Completed")])
        return desk

    def test_removes_what_the_files_of_the_group_no_longer_have(self, full: Desk) -> None:
        done = full.apply(
            prune=True,
            job_master=[job("1"), job("3")],
            job_dependency=[edge("1"), edge("3")],
            sys_params=[setting("job_1", value="2")],
        )

        assert full.names() == ["job_1", "job_3", "job_9"]
        assert [row[:3] for row in full.edges()] == [
            ("1", "job_1", ""),
            ("3", "job_3", ""),
            ("9", "job_9", ""),
        ]
        # Rows of *, of other groups and of other environments stay, and so does history.
        names = sorted((r["key_name"], r["environment"]) for r in full.store.read(SYS_PARAMS))
        assert names == [
            ("*", "DEV"),
            ("acme_crm", "PROD"),
            ("acme_erp", "DEV"),
            ("job_1", "DEV"),
            ("job_9", "DEV"),
        ]
        assert len(full.store.read(PROCESS_CONTROL)) == len(full.store.read(EXECUTION_LOG)) == 1
        assert [text for text in done if text.startswith("remove")] == [
            "remove job_master (job_id=2)",
            "remove job_dependency (dependent_job_id=2, dependent_job_name=job_2, parent_job_id=1)",
            "remove sys_params (param_key=spark.x, environment=DEV, key_name=acme_crm)",
            "remove sys_params (param_key=spark.x, environment=DEV, key_name=job_2)",
        ]

    def test_without_it_those_rows_are_shown_and_stay(self, full: Desk) -> None:
        checked = full.plan(job_master=[job("1"), job("3")])
        assert checked.plan.is_empty
        assert [row.key for change in checked.plan.prunable for row in change.rows] == [
            "job_id=2",
            "dependent_job_id=2, dependent_job_name=job_2, parent_job_id=1",
            "param_key=spark.x, environment=DEV, key_name=job_2",
        ]

    def test_a_table_that_no_file_names_is_left_alone_and_that_is_said(self, full: Desk) -> None:
        checked = full.plan(prune=True, job_master=[job("1"), job("2"), job("3")])
        assert checked.plan.is_empty
        assert checked.plan.notes == (
            "job_dependency: rows of these groups that only the store has stay, as no file names "
            "the table: 3; `job_dependency: []` in a file removes them",
            "sys_params: rows of these groups that only the store has stay, as no file names the "
            "table: 3; `sys_params: []` in a file removes them",
        )
        full.apply(prune=True, job_master=[job("1"), job("2"), job("3")], sys_params=[])
        assert [row[0] for row in full.settings_of()] == ["*", "acme_crm", "acme_erp", "job_9"]

    def test_files_without_jobs_remove_nothing(self, full: Desk) -> None:
        assert full.apply(prune=True, process_control=[], sys_params=[], job_dependency=[]) == []

    def test_a_job_that_another_group_waits_for_is_refused_naming_it(self, full: Desk) -> None:
        full.apply(job_dependency=[edge("9", "2")])
        problems = full.problems(prune=True, job_master=[job("1"), job("3")])
        assert (
            "job_master (job_id=2): can't be removed, as job_9 (9) waits for it; remove that row "
            "of job_dependency first, or remove both jobs together" in problems
        )

    def test_a_row_that_the_files_give_is_not_removed_but_a_fault(self, full: Desk) -> None:
        (problem,) = full.problems(
            prune=True, job_master=[job("1"), job("3")], job_dependency=[edge("2", "1")]
        )
        assert problem.startswith(f"{full.file}:")
        assert "dependent_job_id 2 is not in job_master; " in problem

    def test_a_job_under_another_id(self, full: Desk) -> None:
        full.apply(
            prune=True,
            job_master=[job("1"), job("22", "job_2"), job("3")],
            job_dependency=[edge("1"), edge("22", "1", "job_2"), edge("3", "1")],
        )
        assert [row["job_id"] for row in full.store.read(JOB_MASTER)] == ["1", "22", "3", "9"]
        assert ("job_2", "spark.x", "1") in full.settings_of()


class TestRemove:
    def test_takes_the_rows_of_the_jobs_and_no_other(self, desk: Desk) -> None:
        desk.apply(job_master=[job("1"), job("2"), job("3")], job_dependency=[
            edge("2", "1"), edge("3", "2")], sys_params=[setting("job_2"), setting("*")],
        )  # fmt: skip
        with pytest.raises(ApplyError, match=r"job_id=2.*as job_3 \(3\) waits for it"):
            plan_remove(desk.store, desk.settings, ["2"])
        write_plan(plan_remove(desk.store, desk.settings, ["3", "2"]).plan, desk.store)
        assert (desk.names(), desk.edges()) == (["job_1"], [])
        assert [row[0] for row in desk.settings_of()] == ["*"]

    def test_a_row_of_job_dependency_whose_job_is_gone(self, desk: Desk) -> None:
        desk.store.upsert(JOB_DEPENDENCY, [edge("7")])
        write_plan(plan_remove(desk.store, desk.settings, ["7"]).plan, desk.store)
        assert desk.edges() == []


def test_what_a_plan_touches(desk: Desk) -> None:
    days = [{**CRM, "biz_dt": f"2024-05-{day}"} for day in (16, 15)]
    jobs = [job("1"), job("2"), job("3"), job("9", context=ERP)]
    desk.apply(job_master=jobs, process_control=days,
               job_dependency=[edge("2", "1"), edge("3", "2"), edge("9", "3")])  # fmt: skip

    both = ("2024-05-15", "2024-05-16")
    (touched,) = touched_jobs(desk.plan(sys_params=[setting("job_2")]).plan)
    assert (touched.job_name, touched.downstream, touched.open_dates) == (
        "job_2",
        ("job_3", "job_9"),
        both,
    )
    later = touched_jobs(desk.plan(process_control=[{**CRM, "biz_dt": "2024-05-17"}]).plan)
    assert [(each.job_name, each.open_dates) for each in later] == [
        ("job_1", ("2024-05-17",)),
        ("job_2", ("2024-05-17",)),
        ("job_3", ("2024-05-17",)),
    ]
    assert touched_jobs(desk.plan(sys_params=[setting("*")]).plan) == []


class _CutOffError(Exception):
    """The process ends here."""


class _CutStore:
    """A store that is cut off before its n-th write, and otherwise writes row by row."""

    def __init__(self, store: ControlStore, after: int) -> None:
        self._store = store
        self._left = after

    def _write(self, name: str, table: Any, row: Row) -> None:
        if self._left == 0:
            raise _CutOffError
        self._left -= 1
        getattr(self._store, name)(table, [row])

    def upsert(self, table: Any, rows: Sequence[Row]) -> None:
        for row in rows:
            self._write("upsert", table, row)

    def delete(self, table: Any, keys: Sequence[Row]) -> None:
        for key in keys:
            self._write("delete", table, key)

    def replace(self, table: Any, rows: Sequence[Row], removed: Sequence[Row]) -> None:
        self.upsert(table, rows)
        self.delete(table, removed)


def named(row: Row) -> Row:
    """The row with names from which pruning knows the group, as of jobs that are gone."""
    return {
        name: re.sub(r"^(job_\d|first)$", r"etl_lnd_acme_crm_\1", value)
        if name in ("job_name", "dependent_job_name", "parent_job_name", "key_name")
        and isinstance(value, str)
        else value
        for name, value in row.items()
    }


def rows_of(
    masters: Sequence[Row], edges: Sequence[Row], settings: Sequence[Row]
) -> dict[str, list[Row]]:
    tables = {"job_master": masters, "job_dependency": edges, "sys_params": settings}
    return {name: [named(row) for row in rows] for name, rows in tables.items()}


def master(job_id: str, name: str) -> Row:
    context = '{"entity": "ACME", "source_system": "CRM"}'
    row = {"job_id": job_id, "job_name": name, "context_params": context}
    return {**row, "script_path": "landing.py", "comments": None}


BEFORE = rows_of(
    [master(job_id, f"job_{job_id}") for job_id in "1234"],
    [edge("1"), edge("2", "1"), edge("3", "2"), edge("4", "3")],
    [*map(setting, ["job_1", "job_2", "job_4", "acme_crm"])],
)
PRUNED = rows_of(
    [master("1", "first"), master("3", "job_3")],
    [edge("1", "", "first"), edge("3", "1", "", "first")],
    [setting("first", value="2")],
)
PLANS = {
    "rename": lambda rows: plan_new_name(rows, "2", "etl_lnd_acme_crm_job_2", "new"),
    "remove": lambda rows: plan_removal(rows, ["4"]),
    "prune": lambda rows: plan_rows(rows, PRUNED, prune=True, environment="DEV"),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_that_is_cut_off_runs_no_job_otherwise_and_is_finished_by_the_next(
    name: str, store: ControlStore, settings: Settings
) -> None:
    def valid_jobs() -> dict[str, tuple[object, ...]]:
        """Each job that would run, with its parents and settings."""
        rows = read_tables(store)
        registry = build_registry(
            [JobMaster.from_row(row) for row in rows["job_master"]],
            [JobDependency.from_row(row) for row in rows["job_dependency"]],
            lambda _: None,
        )
        return {
            spec.job_id: (
                spec.job_name,
                spec.parents,
                # A setting that moves with a name is there under one of the two.
                {
                    row["param_key"]
                    for row in rows["sys_params"]
                    if row["key_name"] == spec.job_name
                },
            )
            for spec in registry.jobs.values()
        }

    def reset() -> Plan:
        for table in TABLES[:4]:
            store.delete(table, [{k: r[k] for k in table.keys} for r in store.read(table)])
            store.upsert(table, BEFORE.get(table.name, []))
        return PLANS[name](read_tables(store))

    plan = reset()
    before = valid_jobs()
    write_plan(plan, store)
    after, wanted = valid_jobs(), read_tables(store)
    assert before != after

    for cut in _counted():
        plan = reset()
        try:
            write_plan(plan, _CutStore(store, cut))  # type: ignore[arg-type]
        except _CutOffError:
            for job_id, facts in valid_jobs().items():
                assert facts in (before[job_id], after.get(job_id)), (cut, job_id)
            write_plan(PLANS[name](read_tables(store)), store)
            assert read_tables(store) == wanted, cut
        else:
            assert cut > 2
            return


def _counted() -> Iterator[int]:
    yield from range(100)
    pytest.fail("no end of writes")
