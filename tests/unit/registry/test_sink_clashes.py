"""Sinks of several jobs: both are named where one would replace what the other landed."""

from __future__ import annotations

import json
import time

import pytest

from orch_dagster.control.records import JobMaster
from orch_dagster.registry.jobs import Registry, build_registry

PARTED = ["biz_dt"]


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
        (("out/{start_dt}/{biz_dt}", []), ("out/{biz_dt}/{biz_dt}", [])),
        (("hdfs://nn/a//t", PARTED), ("hdfs://nn/a/t", PARTED)),
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
    ("one", "other"),
    [
        (("out/t", PARTED), ("out/t2", PARTED)),
        (("out", PARTED), ("out/t", PARTED)),
        (("out/{biz_dt}/a", []), ("out/{biz_dt}/b", [])),
        (("out/a/{biz_dt}", []), ("out/b/{biz_dt}", [])),
        (("hdfs://nn/t", PARTED), ("hdfs://other/t", PARTED)),
    ],
)
def test_folders_of_their_own_are_taken(
    one: tuple[str, list[str]], other: tuple[str, list[str]]
) -> None:
    assert not registry(one, other).findings


def test_thousands_of_jobs_with_one_sink_are_named_in_short() -> None:
    start = time.monotonic()
    found = registry(*[("out/t", PARTED)] * 3_000)
    assert not found.jobs
    assert len(found.findings) == 3_000
    assert "and 2,989 more" in found.findings[0].reason
    assert max(len(str(each)) for each in found.findings) < 1_000
    assert time.monotonic() - start < 20
