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
from orch_dagster.registry.context_params import (
    ContextParamsError,
    context_warnings,
    parse_context_params,
)
from tests.both_sides import NAME, faults_of_apply, faults_of_run, warnings_of_apply

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


def rarely(
    odd: st.SearchStrategy[Any], usual: st.SearchStrategy[Any], one_in: int
) -> st.SearchStrategy[Any]:
    """The odd one, one time in so many."""
    return st.integers(1, one_in).flatmap(lambda n: odd if n == one_in else usual)


def mostly(valid: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any JSON, one time in forty."""
    return rarely(junk, valid, 40)


def with_odd_key(made: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """With a key that is not known, one time in twenty."""
    return rarely(made.map(lambda each: {**each, "pathh": 1}), made, 20)


PLAIN = "out out in a.csv .. . [a] x? *.csv a\\b _rejected {{b}} {bizdt} {biz_dt!r} {start_dt}"
DATED = "{biz_dt} {biz_dt} {biz_dt:%Y%m%d} {biz_dt:%Y-%m-%d} {biz_dt:%Y} {biz_dt:%d} {end_dt}"
segments = st.sampled_from([*PLAIN.split(), *DATED.split(), "{end_dt:%Y%m%d}", "", NAME])
roots = st.sampled_from(["", "", "", "/", "/data/", "hdfs://nn:8020/data/", "file:///data/", "C:/"])
odd_paths = st.builds(
    lambda root, parts: root + "/".join(parts), roots, st.lists(segments, min_size=1, max_size=3)
)
GOOD = "out/{biz_dt} out/b/{biz_dt:%Y%m%d} in/{biz_dt}.csv out/{end_dt}/{biz_dt} /data/out/{biz_dt}"
paths = rarely(
    odd_paths, st.sampled_from([*GOOD.split(), "c/{biz_dt}", "d/{start_dt}/{biz_dt}"]), 4
)
names = [each.name for each in FORMATS] + ["CSV", "org.apache.kudu.spark.kudu", "com.example.F"]
formats = rarely(
    st.sampled_from([*names, "prquet", ""]), st.sampled_from(["csv", "orc", "json"]), 4
)
options = st.dictionaries(
    st.sampled_from(["header", "mode", "nullValue", "kudu.table", "dbtable", "query"]),
    mostly(st.sampled_from([True, "x", 5, 0.5, ""])),
    max_size=2,
)
sources = with_odd_key(
    st.fixed_dictionaries(
        {
            "format": mostly(formats),
            "path": mostly(paths),
            "options": mostly(rarely(options, st.none(), 3)),
            "schema": mostly(st.sampled_from(["a INT", "a INT", "", None])),
            "null_tokens": mostly(rarely(st.sampled_from([["NA"], ["", "-"]]), st.none(), 5)),
            "columns": rarely(st.sampled_from(["by_name", "by_place", "x", ""]), st.none(), 5),
            "bad_records": rarely(
                st.fixed_dictionaries(
                    {}, optional={"limit": st.integers(-1, 3), "path": mostly(paths)}
                ),
                st.none(),
                5,
            ),
        }
    )
)
partitions = st.lists(st.sampled_from(["biz_dt", " biz_dt", "region", ""]), max_size=2)
sinks = with_odd_key(
    st.fixed_dictionaries(
        {
            "format": mostly(formats),
            "path": mostly(paths),
            "options": mostly(rarely(options, st.none(), 5)),
            "partition_cols": mostly(rarely(partitions, st.sampled_from([None, ["biz_dt"]]), 3)),
            "mode": rarely(st.sampled_from(["overwrite", "append", "x", ""]), st.none(), 5),
        }
    )
)
hqls = ["x.hql", "./x.hql", "../x.hql", "a/../x.hql", "/x.hql", "C:x.hql", "\\x.hql", ""]
contexts = with_odd_key(
    st.fixed_dictionaries(
        {
            "sources": mostly(st.lists(mostly(sources), min_size=1, max_size=2)),
            "sinks": mostly(st.lists(mostly(sinks), min_size=1, max_size=3)),
            "hql": mostly(rarely(st.sampled_from(hqls), st.none(), 4)),
            "timeout_minutes": mostly(rarely(st.sampled_from([1, 0, "5"]), st.none(), 5)),
        },
        optional={"entity": mostly(st.sampled_from(["E", " E "])), "allow_empty": st.booleans()},
    )
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
    by_apply = {*faults_of_apply(context, base), *warnings_of_apply(context, base)}
    assert by_run <= by_apply


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(contexts, st.sampled_from(BASES), st.sampled_from(WINDOWS))
def test_what_apply_takes_the_bundle_gives_to_a_run_that_takes_it(
    context: dict[str, Any], base: str, window: tuple[str, str] | None
) -> None:
    try:
        taken = parse_context_params(json.dumps(context), NAME, base)
    except ContextParamsError:
        return
    by_run = {
        each for each in faults_of_run(taken.to_json(), base, window) if not is_of_the_run(each)
    }
    assert by_run <= set(context_warnings(taken, NAME, base))


def test_a_good_share_of_the_generated_is_taken() -> None:
    """Else the properties would hold of next to nothing."""
    taken: list[bool] = []

    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    @given(contexts)
    def look(context: dict[str, Any]) -> None:
        taken.append(not faults_of_apply(context, "/data") and bool(context["sinks"]))

    look()
    assert 0.1 < sum(taken) / len(taken) < 0.9
