"""What apply takes, no run's plan refuses; what a run refuses, apply says in the same words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from framework.contract.context_params import with_group
from framework.contract.formats import FORMATS
from orch_dagster.registry.context_params import ContextParamsError, parse_context_params
from tests.both_sides import NAME, faults_of_apply, faults_of_run

# None: the date has no row, or one without a window.
WINDOWS: tuple[tuple[str, str] | None, ...] = (
    ("2024-05-15", "2024-05-15"),
    ("2024-05-14", "2024-05-15"),
    ("2024-05-15", "2024-05-16"),
    ("2024-05-01", "2024-05-31"),
    None,
)
BASES = ("/data", "hdfs://nn:8020/data", "/odd[1]")

junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", "\0", "{", "}", "{biz_dt", "true", "no", "1", "-1", " "]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["format", "path", "limit", "x", "options"]), inner)
    ),
    max_leaves=4,
)


def mostly(valid: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A value that can be used, most of the time."""
    return st.integers(0, 24).flatmap(lambda n: junk if n == 0 else valid)


PLAIN = "out out in a.csv .. . [a] x? *.csv a\\b _rejected {{b}} {bizdt} {biz_dt!r} {start_dt}"
DATED = "{biz_dt} {biz_dt} {biz_dt:%Y%m%d} {biz_dt:%Y-%m-%d} {biz_dt:%Y} {biz_dt:%d} {end_dt}"
segments = st.sampled_from([*PLAIN.split(), *DATED.split(), "{end_dt:%Y%m%d}", "", NAME])
roots = st.sampled_from(["", "", "", "/", "/data/", "hdfs://nn:8020/data/", "file:///data/", "C:/"])
odd_paths = st.builds(
    lambda root, parts: root + "/".join(parts), roots, st.lists(segments, min_size=1, max_size=3)
)
GOOD = "out/{biz_dt} out/b/{biz_dt:%Y%m%d} in/{biz_dt}.csv out/{end_dt}/{biz_dt} /data/out/{biz_dt}"
paths = st.sampled_from([*GOOD.split(), "c/{biz_dt}", "d/{start_dt}/{biz_dt}"]) | odd_paths
names = [each.name for each in FORMATS] + ["CSV", "org.apache.kudu.spark.kudu", "com.example.F"]
formats = st.sampled_from(["csv", "orc", "json"]) | st.sampled_from([*names, "prquet", ""])
options = st.dictionaries(
    st.sampled_from(
        ["header", "mode", "nullValue", "inferSchema", "kudu.table", "dbtable", "query"]
    ),
    mostly(st.sampled_from([True, "x", 5, 0.5, ""])),
    max_size=2,
)
sources = st.fixed_dictionaries(
    {"format": mostly(formats), "path": mostly(paths)},
    optional={
        "options": mostly(options),
        "schema": mostly(st.sampled_from(["a INT", "", None])),
        "null_tokens": mostly(st.lists(st.sampled_from(["", "NA", "-"]), max_size=2)),
        "bad_records": mostly(
            st.fixed_dictionaries({}, optional={"limit": st.integers(-1, 3), "path": mostly(paths)})
        ),
        "extra": st.just(1),
    },
)
partitions = st.lists(st.sampled_from(["biz_dt", " biz_dt", "region", ""]), max_size=2)
sinks = st.fixed_dictionaries(
    {"format": mostly(formats), "path": mostly(paths)},
    optional={
        "options": mostly(options),
        "partition_cols": mostly(partitions),
        "mode": mostly(st.sampled_from(["overwrite", "append", "", None])),
        "extras": st.just(1),
    },
)
hqls = ["x.hql", "./x.hql", "../x.hql", "a/../x.hql", "/x.hql", "C:x.hql", "\\x.hql", ""]
contexts = st.fixed_dictionaries(
    {
        "sources": mostly(st.lists(mostly(sources), min_size=1, max_size=2)),
        "sinks": mostly(st.lists(mostly(sinks), min_size=1, max_size=3)),
    },
    optional={
        "entity": mostly(st.sampled_from(["E", " E "])),
        "hql": mostly(st.sampled_from(hqls)),
        "timeout_minutes": mostly(st.sampled_from([1, 0, "5", 1.5])),
        "allow_empty": mostly(st.booleans()),
        "sink": junk,
    },
)


@pytest.fixture(scope="module", autouse=True)
def _hql_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("hql")
    (folder / "x.hql").write_text("SELECT 1", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOB_SQL_DIR", str(folder))
        yield folder


def is_of_the_run(fault: str) -> bool:
    """Whether only a run can know it: the row of its date, or that the script calls run_landing."""
    return "set process_control." in fault or "run_landing needs at least one" in fault


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(contexts, st.sampled_from(BASES), st.sampled_from(WINDOWS))
@example(
    {"sources": [{"format": "csv", "path": "out/{start_dt}/x"}],
     "sinks": [{"format": "orc", "path": "out/{biz_dt}"}]},
    "/data",
    WINDOWS[0],
)  # fmt: skip
def test_what_a_run_refuses_apply_refuses_in_the_same_words(
    context: dict[str, Any], base: str, window: tuple[str, str] | None
) -> None:
    by_run = {
        fault
        for fault in faults_of_run(with_group(context, NAME), base, window)
        if not is_of_the_run(fault)
    }
    assert by_run <= set(faults_of_apply(context, base))


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(contexts, st.sampled_from(BASES), st.sampled_from(WINDOWS))
def test_what_apply_takes_the_bundle_gives_to_a_run_that_takes_it(
    context: dict[str, Any], base: str, window: tuple[str, str] | None
) -> None:
    try:
        taken = parse_context_params(json.dumps(context), NAME, base)
    except ContextParamsError:
        return
    assert [each for each in faults_of_run(taken.to_json(), base, window)
            if not is_of_the_run(each)] == []  # fmt: skip


def test_the_generated_are_taken_often_enough() -> None:
    """Else the properties would hold of nothing."""
    from hypothesis import find

    found = find(
        contexts, lambda each: not faults_of_apply(each, "/data") and len(each["sinks"] or ()) > 1
    )
    assert found["sources"]
