"""Bad rows are set aside, each named with its reason; every other job loads."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from dagster._core.definitions.utils import DISALLOWED_NAMES, is_valid_name
from hypothesis import given
from hypothesis import strategies as st

from orch_dagster.control.records import JobDependency, JobMaster
from orch_dagster.registry.jobs import Finding, Registry, build_registry, script_check

CONTEXT = json.dumps({"entity": "GELS", "source_system": "FPMS"})


def master(job_id: str, name: str | None = None, **columns: str | None) -> JobMaster:
    row: dict[str, str | None] = {"context_params": CONTEXT, "script_path": "job.py", **columns}
    return JobMaster(job_id=job_id, job_name=f"job_{job_id}" if name is None else name, **row)  # type: ignore[arg-type]


def edge(
    child: str, parent: str | None, level: int | None = None, **names: str | None
) -> JobDependency:
    row: dict[str, str | None] = {
        "dependent_job_name": f"job_{child}",
        "parent_job_name": f"job_{parent}" if parent else "",
        **names,
    }
    return JobDependency(
        dependent_job_id=child,
        parent_job_id=parent,
        dependency_level=level,
        **row,  # type: ignore[arg-type]
    )


@pytest.fixture
def jobs_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "jobs"
    (folder / "sub").mkdir(parents=True)
    for name in ("job.py", "sub/job.py", "é 1.py"):
        (folder / name).write_text("")
    (tmp_path / "secret.py").write_text("")
    return folder


def anything(_script: str) -> str | None:
    return None


def build(masters: Sequence[JobMaster], dependencies: Sequence[JobDependency] = ()) -> Registry:
    registry = build_registry(masters, dependencies, anything)
    reasons = {each.job_id for each in registry.findings if not each.is_warning}
    assert set(registry.quarantined) <= reasons, "a job that is not valid has its reason"
    return registry


def one_finding(registry: Registry, job_id: str) -> Finding:
    (found,) = [finding for finding in registry.findings if finding.job_id == job_id]
    return found


class TestGoodRows:
    def test_what_only_some_windows_break_is_a_warning_and_the_job_loads(self) -> None:
        """So a job that reads its last state loads, as before there was a check."""
        source = {"format": "orc", "path": "state/biz_dt={start_dt}"}
        sink = {"format": "orc", "path": "state", "partition_cols": ["biz_dt"]}
        context = json.dumps({"sources": [source], "sinks": [sink]})

        registry = build([master("1", "etl_lnd_gels_fpms_t", context_params=context)])

        assert list(registry.jobs) == ["etl_lnd_gels_fpms_t"]
        (found,) = registry.findings
        assert (found.is_warning, found.place) == (True, "context_params.sources[0].path")
        assert found.reason == (
            "context_params: sources[0].path: 'state/biz_dt={start_dt}' lies in 'state', which a "
            "sink replaces: sinks[0]; only on a date whose start_dt and end_dt in process_control "
            "make it so, which its run refuses"
        )

    def test_a_job(self) -> None:
        registry = build([master("1", "etl_lnd_gels_fpms_t", comments="c")])

        (spec,) = registry.jobs.values()
        assert (spec.job_id, spec.job_name, spec.group.name) == (
            "1",
            "etl_lnd_gels_fpms_t",
            "gels_fpms",
        )
        assert (spec.script_path, spec.comments, spec.parents) == ("job.py", "c", ())
        assert spec.has_sinks is False
        assert registry.findings == ()

    def test_parents_come_first_whatever_the_order_of_rows(self) -> None:
        registry = build(
            [master("3"), master("1"), master("2")],
            [edge("1", "2"), edge("2", "3"), edge("1", "3"), edge("3", "")],
        )

        assert list(registry.jobs) == ["job_3", "job_2", "job_1"]
        assert registry.jobs["job_1"].parents == ("2", "3")
        assert [spec.job_name for spec in registry.parents_of(registry.jobs["job_1"])] == [
            "job_2",
            "job_3",
        ]
        assert registry.findings == ()

    def test_groups(self) -> None:
        other = json.dumps({"entity": "Gegm", "source_system": "ABC"})
        registry = build(
            [master("1"), master("2", context_params=other), master("3")], [edge("1", "3")]
        )

        names = {
            name: (group.key, [spec.job_name for spec in group.jobs])
            for name, group in registry.groups.items()
        }
        assert names == {
            "gels_fpms": (("GELS", "FPMS"), ["job_3", "job_1"]),
            "gegm_abc": (("Gegm", "ABC"), ["job_2"]),
        }
        assert registry.groups["gels_fpms"].job_ids == ("3", "1")

    @pytest.mark.parametrize("parent", ["", None])
    def test_an_empty_parent_says_root(self, parent: str | None) -> None:
        registry = build([master("1")], [edge("1", parent, 0)])

        assert registry.jobs["job_1"].parents == ()
        assert registry.findings == ()

    def test_names_of_a_dependency_may_be_left_out(self) -> None:
        rows = [edge("2", "1", dependent_job_name="", parent_job_name=None)]
        registry = build([master("1"), master("2")], rows)

        assert registry.jobs["job_2"].parents == ("1",)
        assert registry.findings == ()

    def test_nothing(self) -> None:
        assert build([]) == Registry({}, (), {})


class TestScripts:
    @pytest.mark.parametrize("path", ["job.py", "sub/job.py", "sub\\job.py", "é 1.py", "./job.py"])
    def test_inside(self, jobs_dir: Path, path: str) -> None:
        assert script_check([jobs_dir], ())(path) is None

    @pytest.mark.parametrize(
        "path",
        [
            "../secret.py",
            "sub/../../secret.py",
            "sub/../job.py",
            "/etc/passwd",
            "..\\secret.py",
            "sub\\..\\..\\secret.py",
            "C:\\secret.py",
            "c:secret.py",
            "C:/secret.py",
            "\\secret.py",
            "\\\\server\\share\\secret.py",
            "//server/share/secret.py",
            "\\\\?\\C:\\secret.py",
        ],
    )
    def test_outside_in_any_spelling(self, jobs_dir: Path, path: str) -> None:
        said = script_check([jobs_dir], ())(path)

        assert said == f"script_path {path} lies outside {jobs_dir}; give it relative to jobs/"

    def test_an_absolute_path_of_the_folder_itself(self, jobs_dir: Path) -> None:
        assert "lies outside" in str(script_check([jobs_dir], ())(str(jobs_dir / "job.py")))

    @pytest.mark.parametrize("path", ["none.py", "sub", ".", "job.py/x", "jo\0b.py", "*.py"])
    def test_no_file(self, jobs_dir: Path, path: str) -> None:
        said = script_check([jobs_dir], ())(path)

        assert said == f"script_path {path} is not a file under {jobs_dir}"

    def test_under_any_of_several_folders(self, jobs_dir: Path, tmp_path: Path) -> None:
        own = tmp_path / "own"
        own.mkdir()
        check = script_check([own, jobs_dir], ())

        assert check("job.py") is None
        assert check("none.py") == f"script_path none.py is not a file under {own} or {jobs_dir}"

    def test_a_name_longer_than_names_can_be(self, jobs_dir: Path) -> None:
        said = str(script_check([jobs_dir], ())("x" * 5_000 + ".py"))
        # Windows knows no such file, in place of no such name.
        assert ("is not a file" if sys.platform == "win32" else "can't be looked up") in said

    @pytest.mark.parametrize(
        "url", ["hdfs://jobs/a.py", "hdfs://jobs/sub/a.py", "s3a://b/x/a.py", "https://h/p/a.py"]
    )
    def test_a_url_under_an_allowed_prefix(self, jobs_dir: Path, url: str) -> None:
        assert script_check([jobs_dir], ("hdfs://jobs/", "s3a://b/x", "https://h/p/"))(url) is None

    @pytest.mark.parametrize(
        "url",
        [
            "hdfs://other/a.py",
            "s3a://b/y.py",
            "s3a://b/xy/a.py",
            "file:///etc/a.py",
            "hdfs://jobs/../other/a.py",
            "HDFS://jobs/a.py",
        ],
    )
    def test_a_url_under_none(self, jobs_dir: Path, url: str) -> None:
        said = script_check([jobs_dir], ("hdfs://jobs/", "s3a://b/x"))(url)

        assert said is not None
        assert "URL outside the allowed prefixes" in said
        assert "ORCH_SCRIPT_URL_PREFIXES" in said

    def test_the_job_is_set_aside(self, jobs_dir: Path) -> None:
        masters = [master("1", script_path="../secret.py"), master("2")]
        registry = build_registry(masters, [], script_check([jobs_dir], ()))

        assert list(registry.jobs) == ["job_2"]
        assert str(one_finding(registry, "1")).startswith(
            "job_master (job_id=1): script_path ../secret.py lies outside"
        )

    @pytest.mark.parametrize("path", [None, ""])
    def test_none_given(self, path: str | None) -> None:
        registry = build([master("1", script_path=path)])

        assert one_finding(registry, "1").reason == "script_path is empty; give a file under jobs/"


class TestNames:
    @pytest.mark.parametrize(
        "name", ["a-b", "a b", "a.b", "a/b", "é", "a\n", "名", " a", "a*", "a%2F"]
    )
    def test_letters_that_dagster_refuses(self, name: str) -> None:
        assert not is_valid_name(name.strip("\n") + ("-" if name.endswith("\n") else ""))
        registry = build([master("1", name), master("2")])

        assert list(registry.jobs) == ["job_2"]
        assert "may hold only letters, digits and underscores" in one_finding(registry, "1").reason

    @pytest.mark.parametrize("name", ["nul", "Aux", "COM1"])
    def test_devices_of_windows(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its parameters would be in params/nul.json, which is no file there."""
        monkeypatch.setattr("orch_dagster.registry.jobs._ON_WINDOWS", True)
        reason = one_finding(build([master("1", name)]), "1").reason
        assert reason == (
            f"job_name {name} means a device on Windows, and files are named after it"
        )
        monkeypatch.setattr("orch_dagster.registry.jobs._ON_WINDOWS", False)
        assert name in build([master("1", name)]).jobs

    @pytest.mark.parametrize("name", sorted(DISALLOWED_NAMES))
    def test_words_that_dagster_keeps(self, name: str) -> None:
        registry = build([master("1", name)])

        assert registry.jobs == {}
        assert one_finding(registry, "1").reason.endswith("is reserved by Dagster")

    @given(st.text(max_size=12) | st.text("aZ0_-. ", max_size=6))
    def test_whatever_is_taken_dagster_takes(self, name: str) -> None:
        for taken in build([master("1", name)]).jobs:
            assert is_valid_name(taken)
            assert taken not in DISALLOWED_NAMES

    @pytest.mark.parametrize("name", [None, ""])
    def test_no_name(self, name: str | None) -> None:
        row = JobMaster("1", name, CONTEXT, "job.py")
        registry = build([row, JobMaster("2", name, CONTEXT, "job.py"), master("3")])

        assert list(registry.jobs) == ["job_3"]
        assert one_finding(registry, "1").reason == "job_name is empty"

    def test_names_that_differ_by_case_only_are_both_set_aside(self) -> None:
        registry = build([master("1", "Load_A"), master("2", "load_a"), master("3", "load_b")])

        assert list(registry.jobs) == ["load_b"]
        assert "load_a (2)" in one_finding(registry, "1").reason
        assert "Load_A (1)" in one_finding(registry, "2").reason

    def test_the_same_name_twice(self) -> None:
        registry = build([master("1", "load"), master("2", "load")])

        assert registry.jobs == {}
        assert [finding.job_id for finding in registry.findings] == ["1", "2"]

    @pytest.mark.parametrize("name", ["gels_fpms", "GELS_FPMS"])
    def test_a_name_equal_to_a_group(self, name: str) -> None:
        other = json.dumps({"entity": "X", "source_system": "Y"})
        registry = build([master("1", name, context_params=other), master("2")])

        assert list(registry.jobs) == ["job_2"]
        assert "is the name of a group's job" in one_finding(registry, "1").reason

    def test_a_name_equal_to_its_own_group(self) -> None:
        assert build([master("1", "gels_fpms")]).jobs == {}

    def test_two_groups_of_one_name(self) -> None:
        first = json.dumps({"entity": "A_B", "source_system": "C"})
        second = json.dumps({"entity": "A", "source_system": "B_C"})
        registry = build(
            [master("1", context_params=first), master("2", context_params=second), master("3")]
        )

        assert list(registry.jobs) == ["job_3"]
        for job_id in ("1", "2"):
            reason = one_finding(registry, job_id).reason
            assert reason.startswith("two groups would have the name a_b_c")

    def test_a_group_that_dagster_refuses(self) -> None:
        bad = json.dumps({"entity": "GE-LS", "source_system": "FPMS"})
        registry = build([master("1", context_params=bad), master("2")])

        assert list(registry.jobs) == ["job_2"]
        assert "group 'ge-ls_fpms'" in one_finding(registry, "1").reason


class TestContextParams:
    @pytest.mark.parametrize("text", [None, "", "{", "[]", "{'a': 1}", "[" * 60_000])
    def test_json_that_cannot_be_used(self, text: str | None) -> None:
        registry = build([master("1", context_params=text), master("2")])

        assert list(registry.jobs) == ["job_2"]
        finding = one_finding(registry, "1")
        assert str(finding).startswith("job_master (job_id=1): context_params: ")

    def test_a_sink_that_would_replace_other_dates_is_a_finding(self) -> None:
        context = {
            "entity": "E",
            "source_system": "S",
            "sources": [{"format": "csv", "path": "x"}],
            "sinks": [{"format": "orc", "path": "out"}],
        }
        registry = build([master("1", context_params=json.dumps(context))])

        assert registry.jobs == {}
        assert "put biz_dt first in partition_cols" in one_finding(registry, "1").reason


class TestDependencies:
    def test_a_cycle_is_spelled_out_for_each_of_its_jobs(self) -> None:
        registry = build(
            [master("1"), master("2"), master("3"), master("4")],
            [edge("1", "2"), edge("2", "3"), edge("3", "1")],
        )

        assert list(registry.jobs) == ["job_4"]
        for job_id in "123":
            finding = one_finding(registry, job_id)
            assert finding.table == "job_dependency"
            assert finding.key == (f"dependent_job_id={job_id}, dependent_job_name=job_{job_id}")
            assert finding.reason == (
                "a cycle: 1 waits for 2 waits for 3 waits for 1; remove one of the rows"
            )

    def test_a_job_that_waits_for_itself(self) -> None:
        registry = build([master("1")], [edge("1", "1")])

        assert "a cycle: 1 waits for 1" in one_finding(registry, "1").reason

    def test_behind_a_cycle(self) -> None:
        rows = [edge("1", "2"), edge("2", "1"), edge("3", "1"), edge("4", "3")]
        registry = build([master(n) for n in "1234"], rows)

        assert registry.jobs == {}
        assert "waits for a cycle" in one_finding(registry, "3").reason
        assert "waits for a cycle" in one_finding(registry, "4").reason

    def test_an_unknown_parent(self) -> None:
        registry = build([master("1"), master("2"), master("3")], [edge("1", "9"), edge("2", "1")])

        assert list(registry.jobs) == ["job_3"]
        assert str(one_finding(registry, "1")) == (
            "job_dependency (dependent_job_id=1, dependent_job_name=job_1, parent_job_id=9): "
            "parent_job_id 9 is not in job_master; apply its row too, or correct the id"
        )
        assert one_finding(registry, "2").reason == (
            "waits for 1, which is quarantined; correct that job first"
        )

    def test_an_unknown_dependent_disturbs_nobody(self) -> None:
        registry = build([master("1")], [edge("9", "1")])

        assert list(registry.jobs) == ["job_1"]
        assert "dependent_job_id 9 is not in job_master" in one_finding(registry, "9").reason

    @pytest.mark.parametrize("role", ["dependent", "parent"])
    def test_a_name_that_is_not_the_ids(self, role: str) -> None:
        row = edge("2", "1", **{f"{role}_job_name": "somebody"})
        registry = build([master("1"), master("2")], [row])

        assert list(registry.jobs) == ["job_1"]
        assert f"{role}_job_name is somebody" in one_finding(registry, "2").reason

    def test_children_and_theirs_of_a_job_set_aside(self) -> None:
        registry = build(
            [master("1", context_params="{"), master("2"), master("3"), master("4")],
            [edge("2", "1"), edge("3", "2"), edge("4", "")],
        )

        assert list(registry.jobs) == ["job_4"]
        assert (
            one_finding(registry, "2").reason
            == "waits for 1, which is quarantined; correct that job first"
        )
        assert (
            one_finding(registry, "3").reason
            == "waits for 2, which is quarantined; correct that job first"
        )

    def test_a_wrong_level_is_a_warning_and_the_job_runs(self) -> None:
        registry = build(
            [master("1"), master("2"), master("3")],
            [edge("1", "", 0), edge("2", "1", 5), edge("3", "2", 2)],
        )

        assert list(registry.jobs) == ["job_1", "job_2", "job_3"]
        (finding,) = registry.findings
        assert finding.is_warning
        assert finding.job_id == "2"
        assert finding.reason == "dependency_level is 5, but the graph gives 1"

    def test_a_level_left_out_is_none(self) -> None:
        assert build([master("1"), master("2")], [edge("2", "1")]).findings == ()


def test_all_findings_at_once_and_the_others_load(jobs_dir: Path) -> None:
    registry = build_registry(
        [
            master("a", "bad name", context_params="{", script_path="none.py"),
            master("b", script_path="/x.py"),
            master("c"),
            master("d"),
            master("e"),
            master("f", "Twin"),
            master("g", "tWin"),
            master("h"),
            master("i"),
            master("j"),
        ],
        [edge("d", "e"), edge("e", "d"), edge("h", "nowhere"), edge("c", "b"), edge("i", "", 3)],
        script_check([jobs_dir], ()),
    )

    assert sorted(registry.jobs) == ["job_i", "job_j"]
    by_job = [finding.job_id for finding in registry.findings]
    assert sorted(by_job) == ["a", "a", "a", "b", "c", "d", "e", "f", "g", "h", "i"]
    assert [finding.job_id for finding in registry.findings if finding.is_warning] == ["i"]


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["job", "Job", "", "x y", "j"]))),
    st.lists(st.tuples(st.sampled_from("abcdefz"), st.sampled_from(["", "a", "b", "c", "z"]))),
)
def test_every_row_is_a_job_or_has_a_finding(
    rows: list[tuple[str, str]], edges: list[tuple[str, str]]
) -> None:
    masters = {job_id: master(job_id, name and f"{name}_{job_id}") for job_id, name in rows}
    registry = build(
        list(masters.values()),
        [edge(child, parent, dependent_job_name="", parent_job_name="") for child, parent in edges],
    )

    serious = {finding.job_id for finding in registry.findings if not finding.is_warning}
    loaded = {spec.job_id for spec in registry.jobs.values()}
    assert loaded | (serious & set(masters)) == set(masters)
    assert loaded.isdisjoint(serious)
    for spec in registry.jobs.values():
        assert set(spec.parents) <= loaded
        assert [parent.job_id for parent in registry.parents_of(spec)] == list(spec.parents)
