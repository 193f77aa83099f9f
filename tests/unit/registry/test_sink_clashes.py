"""Sinks of several jobs: both are named where one would replace what the other landed."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import cache
from itertools import combinations
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from framework.contract.business_dates import FIRST_DATE, LAST_DATE
from framework.contract.native_paths import with_native_paths
from framework.contract.paths import as_compared, as_location
from orch_dagster.control.records import JobMaster
from orch_dagster.control.store import ControlStore
from orch_dagster.registry.apply import ApplyError, apply_files
from orch_dagster.registry.dated_folders import DatedFolders
from orch_dagster.registry.jobs import Registry, build_registry
from orch_dagster.registry.one_spelling import spelling
from orch_dagster.settings import Settings
from tests.growth import assert_linear
from tests.links import link

PARTED = ["biz_dt"]
# Before the field of a number without zeros.
BARE = "%#" if sys.platform == "win32" else "%-"
# The data root as it is compared.
ROOT = as_compared(as_location("/data"))


def registry(*sinks: tuple[str, list[str]], base: str = "/data") -> Registry:
    """A job for each sink: its path and partition_cols."""
    rows = [
        JobMaster(
            f"J{number}",
            f"job_{number}",
            json.dumps(
                {
                    "entity": "A",
                    "source_system": "B",
                    "sources": [{"format": "csv", "path": "in.csv"}],
                    "sinks": [{"format": "orc", "path": path, "partition_cols": cols}],
                }
            ),
            "landing.py",
        )
        for number, (path, cols) in enumerate(sinks)
    ]
    return build_registry(rows, [], lambda _: None, base)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("out/t", PARTED), ("out/t", PARTED)),
        (("out/t", PARTED), ("out/./x/../t/", PARTED)),
        (("out/t", PARTED), ("/data/out/t", ["biz_dt", "region"])),
        (("out/t", PARTED), ("file:///data/out/t", PARTED)),
        (("out/t", PARTED), ("out/t/biz_dt={biz_dt}", [])),
        (("out/{biz_dt}", []), ("out/{biz_dt:%F}/deep/er", PARTED)),
        (("out/{biz_dt}/a/b", []), ("out/{biz_dt}", [])),
        (("hdfs://nn/a//t", PARTED), ("hdfs://nn/a/t", PARTED)),
        (("hdfs://nn/t", PARTED), ("HDFS://NN:8020/t", PARTED)),
        (("hdfs://nn/t", PARTED), ("hdfs:///t", PARTED)),
        (("hdfs:/t", PARTED), ("hdfs://nn/t/", PARTED)),
        (("s3://b/t", PARTED), ("s3a://b/t", PARTED)),
        (("hdfs://nn:8020/t", PARTED), ("webhdfs://nn:9870/t", PARTED)),
        (("swebhdfs://nn/t", PARTED), ("hdfs:///t", PARTED)),
        (
            ("wasbs://c@a.blob.core.windows.net/t", PARTED),
            ("abfss://c@A.dfs.core.windows.net/t", PARTED),
        ),
    ],
)
def test_both_jobs_are_quarantined_and_named(
    one: tuple[str, list[str]], other: tuple[str, list[str]]
) -> None:
    found = registry(one, ("elsewhere", PARTED), other)
    assert [*found.jobs] == ["job_1"]
    assert [str(each) for each in found.findings] == [
        f"job_master (job_id=J{a}): context_params: sinks[0].path: one would replace the other: "
        f"{mine!r} of job_{a} and {its!r} of sinks[0] of job_{b} (J{b}); give each job a folder of "
        f"its own"
        for a, mine, b, its in ((0, one[0], 2, other[0]), (2, other[0], 0, one[0]))
    ]
    assert {each.place for each in found.findings} == {"context_params.sinks[0].path"}


@pytest.mark.parametrize(
    ("one", "other", "example"),
    [
        (("out/{biz_dt:%Y}/x{biz_dt:%m%d}", []), ("out/2024/x0515", PARTED), "/2024/x0515"),
        (("out/{biz_dt:%Y%m%d}", []), ("out/{biz_dt:%Y}0101/{biz_dt:%m%d}", []), "/19000101"),
        (("out/{biz_dt:%Y%m%d}", []), ("out/{biz_dt:%Y%d%m}", []), "/19000101"),
        (("out/{biz_dt:%y%m%d%C}", []), ("out/{biz_dt:%Y%m%d}/deep", []), "/19010119"),
        (("out/{start_dt}/{biz_dt}", []), ("out/{biz_dt}/{biz_dt}", []), "/1900-01-01/1900-01-01"),
        (("out/{end_dt}/{biz_dt}", []), ("out/2024-05-31/2024-05-15/x", PARTED), None),
        (("out/{biz_dt:%d%b%Y}", []), ("out/05Jul1999/x", PARTED), "/05Jul1999"),
        ((f"out/{{biz_dt:%A-{BARE}d-%B-%Y}}/x", []), ("out/Friday-2-May-2025/x/y", PARTED), None),
        (("out/{biz_dt:%D}", PARTED), ("out/05/15/24", PARTED), None),
        (("out/{biz_dt:%Y}/../{biz_dt}", []), ("out/2024-05-16/x", PARTED), "/2024-05-16"),
        (("out/t", PARTED), ("out/t/biz_dt=2024-05-15/x", PARTED), "/t/biz_dt=2024-05-15"),
        (("{biz_dt:%Y%m%d}", []), ("20240515/t", PARTED), None),
        (("/{biz_dt:%Y%m%d}", []), ("/20240515/t", PARTED), None),
    ],
)
def test_folders_that_meet_on_some_dates_are_found(
    one: tuple[str, list[str]], other: tuple[str, list[str]], example: str | None
) -> None:
    """Each has its own date: the folder of one day is that of another day of the other's."""
    found = registry(one, ("elsewhere", PARTED), other)
    assert [*found.jobs] == ["job_1"]
    assert len(found.findings) == 2
    for finding, mine, its in zip(found.findings, (one, other), (other, one), strict=True):
        assert f"one would replace the other: {mine[0]!r} of job_" in finding.reason
        assert f"{its[0]!r} of sinks[0] of job_" in finding.reason
        assert ", which meet in '" in finding.reason
        if example:
            folder = with_native_paths(f"{ROOT}/out{as_compared(example)}")
            assert f", which meet in '{folder}'" in finding.reason


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("out/{biz_dt:%Y%m%d}", []), ("out/{biz_dt:%d%m%Y}", [])),
        (("out/{biz_dt:%Y%m%d}", []), ("out/20240230/x", PARTED)),
        (("out/{biz_dt:%Y%m%d}", []), ("out/20990515_x", PARTED)),
        (("out/{biz_dt:%Y}/{biz_dt:%m%d}", []), ("out/2201/0101", PARTED)),
        (("out/{start_dt:%Y}/{biz_dt}", []), ("out/2999/{biz_dt}", [])),
        ((f"out/{{biz_dt:%A-{BARE}d-%B-%Y}}", []), ("out/Friday-2-May-2024", PARTED)),
        (("out/{biz_dt:%d%b%Y}", []), ("out/31Jun1999/x", PARTED)),
        (("out/{biz_dt:%Y%m%d}{biz_dt:%j}", []), ("out/20240515137", PARTED)),
        (("hdfs:///out", PARTED), ("/out", PARTED)),
    ],
)
def test_folders_that_meet_on_no_date_are_taken(
    one: tuple[str, list[str]], other: tuple[str, list[str]]
) -> None:
    assert not registry(one, other).findings


@pytest.mark.parametrize(
    ("table", "inner"),
    [
        (("out", PARTED), ("out/t", PARTED)),
        (("out/t", PARTED), ("out/t/deep", PARTED)),
        (("out/t", ["biz_dt", "region"]), ("out/./t//a/b", PARTED)),
        (("out/t", PARTED), ("out/t/{biz_dt}", [])),
        (("out/t", PARTED), ("file:///data/out/t/x/{biz_dt:%Y%m%d}", [])),
        (("hdfs://nn/t", PARTED), ("HDFS://NN:8020/t/x", PARTED)),
        (("out/{biz_dt:%Y}", PARTED), ("out/{biz_dt:%Y}/x", PARTED)),
    ],
)
def test_a_sink_in_another_s_table_is_named_with_both_and_keeps_none_from_running(
    table: tuple[str, list[str]], inner: tuple[str, list[str]]
) -> None:
    found = registry(table, ("elsewhere", PARTED), inner)
    assert [*found.jobs] == ["job_0", "job_1", "job_2"]
    assert [(each.job_id, each.is_warning, each.is_tolerated) for each in found.findings] == [
        ("J2", True, True),
        ("J0", True, True),
    ]
    assert f"{inner[0]!r} lies in the table {table[0]!r} of sinks[0] of job_0 (J0)" in str(
        found.findings[0]
    )
    assert f"in the table {table[0]!r} lies {inner[0]!r} of sinks[0] of job_2 (J2)" in str(
        found.findings[1]
    )


@pytest.mark.parametrize(
    ("table", "inner"),
    [
        (("out/t", PARTED), ("out/t_deep", PARTED)),
        # Spark skips what begins so.
        (("out/t", PARTED), ("out/t/_archive", PARTED)),
        (("out/t", PARTED), ("out/t/.x/y", PARTED)),
        # No table of its own, so nobody reads its root.
        (("out/t/{biz_dt}", []), ("out/t/x", PARTED)),
    ],
)
def test_a_sink_beside_a_table_is_not(
    table: tuple[str, list[str]], inner: tuple[str, list[str]]
) -> None:
    assert not registry(table, inner).findings


def test_apply_refuses_a_sink_in_another_job_s_table(
    store: ControlStore, settings: Settings, tmp_path: Path
) -> None:
    def rows(job_id: str, path: str) -> Path:
        sink = {"format": "orc", "path": path, "partition_cols": PARTED}
        context = {"sources": [{"format": "csv", "path": "in.csv"}], "sinks": [sink]}
        row = {
            "job_id": job_id,
            "job_name": f"etl_lnd_a_b_{job_id.lower()}",
            "script_path": "landing.py",
            "context_params": context,
        }
        file = tmp_path / f"{job_id}.yaml"
        file.write_text(json.dumps({"job_master": [row]}), encoding="utf-8")
        return file

    apply_files([rows("J1", "out/t")], store, settings)
    with pytest.raises(ApplyError) as refused:
        apply_files([rows("J2", "out/t/deep")], store, settings)
    assert "'out/t/deep' lies in the table 'out/t' of sinks[0] of etl_lnd_a_b_j1 (J1)" in str(
        refused.value
    )


FORMS = ["%Y%m%d", "%Y%d%m", "%d%m%Y", "%Y%j", "%y%m%d%C", f"{BARE}d%B%Y"]
DAYS = [FIRST_DATE + timedelta(n) for n in range((LAST_DATE - FIRST_DATE).days + 1)]


@cache
def one_by_one(form: str) -> frozenset[str]:
    return frozenset(day.strftime(form) for day in DAYS)


@pytest.mark.parametrize(("one", "other"), [*combinations(FORMS, 2)])
def test_forms_meet_where_one_by_one_they_do(one: str, other: str) -> None:
    folders = one_by_one(one) & one_by_one(other)
    found = registry((f"out/{{biz_dt:{one}}}", []), (f"out/{{biz_dt:{other}}}", [])).findings
    assert bool(found) == bool(folders)
    for each in found:
        shown = each.reason.partition(", which meet in '")[2].partition("'")[0]
        expected = {f"{ROOT}/out/{as_compared(folder)}" for folder in folders}
        assert shown in {with_native_paths(each) for each in expected}


def test_folders_of_bad_records_are_replaced_too() -> None:
    source = {
        "format": "csv",
        "path": "in.csv",
        "schema": "id INT",
        "bad_records": {"limit": 1, "path": "out/{biz_dt}/bad"},
    }
    rows = [
        JobMaster(f"J{number}", f"job_{number}", json.dumps(context), "landing.py")
        for number, context in enumerate(
            {"entity": "A", "source_system": "B", "sources": [each], "sinks": [sink]}
            for each, sink in (
                (source, {"format": "orc", "path": "out/a", "partition_cols": PARTED}),
                ({"format": "csv", "path": "in.csv"}, {"format": "orc", "path": "out/{biz_dt}"}),
            )
        )
    ]
    found = build_registry(rows, [], lambda _: None, "/data")
    assert not found.jobs
    assert {each.place for each in found.findings} == {
        "context_params.sources[0].bad_records.path",
        "context_params.sinks[0].path",
    }
    assert "'out/{biz_dt}/bad' of sources[0].bad_records of job_0" in found.findings[1].reason


@pytest.mark.parametrize(
    ("paths", "meet"),
    [
        (["out/{biz_dt:%Y%m%d}", "out/{biz_dt:%Y%d%m}"], True),
        (["out/{start_dt}/{biz_dt}", "out/{end_dt}/{biz_dt}"], False),
    ],
)
def test_two_sinks_of_one_job_are_compared_on_other_dates_than_the_same(
    paths: list[str], meet: bool
) -> None:
    """A window that makes them meet is a warning, and its run refuses the date."""
    context = {
        "entity": "A",
        "source_system": "B",
        "sources": [{"format": "csv", "path": "in.csv"}],
        "sinks": [{"format": "orc", "path": path} for path in paths],
    }
    row = JobMaster("J", "job", json.dumps(context), "landing.py")
    found = build_registry([row], [], lambda _: None, "/data")
    places = {each.place for each in found.findings if not each.is_warning}
    assert places == (
        {"context_params.sinks[0].path", "context_params.sinks[1].path"} if meet else set()
    )


@pytest.mark.parametrize(
    ("root", "ignores_case", "meets"),
    [("/data", True, True), ("/data", False, False), ("hdfs://nn/data", True, False)],
)
def test_names_of_months_are_compared_as_the_folders_are(
    root: str, ignores_case: bool, meets: bool
) -> None:
    """Where a name is one whatever its case, folders are compared in lower case."""
    dated = DatedFolders(ignores_case=ignores_case)

    def fill(dates: Mapping[str, date | None]) -> list[tuple[str, str, str]]:
        return [("place", "path", f"{root}/{dates['biz_dt']:%d%b%Y}")]

    (text,) = [each for _, _, each in dated.of(fill)]
    found = dated.meet(text, f"{root}/05jul1999")
    assert found == (f"{root}/05jul1999" if meets else None)
    if not meets:
        assert dated.meet(text, f"{root}/05Jul1999")


def test_names_that_a_file_system_takes_as_one_are_one() -> None:
    paths = ["/data/Out/T\u00e4", "/data/out/Ta\u0308", "hdfs://nn/T", "hdfs://nn/t"]
    one = spelling(paths, "/data", ignores_case=True)
    assert len({one(path) for path in paths}) == 3
    apart = spelling(paths, "/data", ignores_case=False)
    assert len({apart(path) for path in paths}) == 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("out/t", PARTED), ("out/t2", PARTED)),
        (("out/{biz_dt}/a", []), ("out/{biz_dt}/b", [])),
        (("out/a/{biz_dt}", []), ("out/b/{biz_dt}", [])),
        (("hdfs://nn/t", PARTED), ("hdfs://other/t", PARTED)),
        (("hdfs://nn/t", PARTED), ("hdfs://nn:9000/t", PARTED)),
    ],
)
def test_folders_of_their_own_are_taken(
    one: tuple[str, list[str]], other: tuple[str, list[str]]
) -> None:
    assert not registry(one, other).findings


def test_thousands_of_jobs_with_one_sink_are_named_in_short() -> None:
    start = time.process_time()
    found = registry(*[("out/t", PARTED)] * 3_000)
    assert not found.jobs
    assert len(found.findings) == 3_000
    assert "and 2,989 more" in found.findings[0].reason
    assert max(len(str(each)) for each in found.findings) < 1_000
    assert time.process_time() - start < 20


def _numbered(form: str) -> Callable[[int], tuple[str, list[str]]]:
    columns = [] if "{biz_dt" in form else PARTED
    return lambda number: (form.replace("#", f"{number:08d}"), columns)


@pytest.mark.parametrize(
    "forms",
    [
        ["out/t_#"],
        ["out/{biz_dt}/t_#"],
        ["out/{biz_dt:%Y%m%d}_t_#"],
        ["out/t_#_{biz_dt:%d%b%Y}/x"],
        ["out/#/x", "out/{biz_dt:%Y%m%d}/t_#"],
        ["out/t_#/x", "out/{biz_dt:%A%B%d%Y}/#"],
    ],
)
def test_time_grows_with_the_number_of_sinks(forms: list[str]) -> None:
    of = [_numbered(form) for form in forms]

    def work(size: int) -> Callable[[], object]:
        sinks = [of[number % len(of)](number) for number in range(size)]
        return lambda: registry(*sinks)

    assert not registry(*[of[number % len(of)](number) for number in range(20)]).findings
    assert_linear(work, 400)


def file_of_sinks(folder: Path, *paths: str) -> Path:
    """A file with the jobs a, b and so on, each with a sink."""
    rows = [
        {
            "job_id": name,
            "job_name": f"job_{name}",
            "script_path": "landing.py",
            "context_params": {
                "entity": "A",
                "source_system": "B",
                "sources": [{"format": "csv", "path": "in.csv"}],
                "sinks": [{"format": "orc", "path": path, "partition_cols": PARTED}],
            },
        }
        for name, path in zip("ab", paths, strict=False)
    ]
    file = folder / "jobs.yaml"
    file.write_text(json.dumps({"job_master": rows}))
    return file


def test_apply_follows_links_of_folders(
    tmp_path: Path, store: ControlStore, settings: Settings
) -> None:
    (tmp_path / "real").mkdir()
    link(tmp_path / "link", tmp_path / "real")
    file = file_of_sinks(tmp_path, f"{tmp_path}/real/t", f"{tmp_path}/link/t")
    with pytest.raises(ApplyError) as refused:
        apply_files([file], store, settings)
    assert len(refused.value.problems) == 2
    assert "/link/t' of sinks[0] of job_b (b)" in refused.value.problems[0].text


@pytest.mark.parametrize(
    "error",
    [
        ValueError("_getfinalpathname: path too long for Windows"),
        OSError(22, "The filename, directory name, or volume label syntax is incorrect"),
    ],
)
def test_a_folder_that_windows_does_not_look_at_is_compared_as_it_is_given(
    tmp_path: Path,
    store: ControlStore,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    monkeypatch.setattr("os.path.realpath", MagicMock(side_effect=error))
    applied = apply_files([file_of_sinks(tmp_path, "one", "other")], store, settings)
    assert not applied.warnings
