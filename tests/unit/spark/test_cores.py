from __future__ import annotations

from pathlib import Path

import pytest

from orch_dagster.registry.graph import width
from orch_dagster.spark.cores import available_cores, container_quota, local_master
from orch_dagster.spark.spark_log import has_log_config, log_config

CHAIN = {"a": [], "b": ["a"], "c": ["b"]}
DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}
# The widest level has two, but c may run beside b and d.
CROSSED = {"a": [], "b": ["a"], "c": [], "d": ["a"], "e": ["b", "d"]}


@pytest.mark.parametrize(
    ("parents", "expected"),
    [({}, 0), ({"a": []}, 1), (CHAIN, 1), (DIAMOND, 2), (CROSSED, 3),
     ({str(n): [] for n in range(300)}, 300),
     ({str(n): [str(n - 1)] if n else [] for n in range(300)}, 1)],
)  # fmt: skip
def test_the_most_jobs_at_once(parents: dict[str, list[str]], expected: int) -> None:
    assert width(parents) == expected


@pytest.mark.parametrize("jobs", range(1, 9))
@pytest.mark.parametrize("cores", [1, 2, 7, 16])
def test_jobs_side_by_side_have_no_more_cores_than_there_are(jobs: int, cores: int) -> None:
    master = local_master(jobs, cores)
    if jobs == 1:
        assert master == "local[*]"
    else:
        each = int(master.removeprefix("local[").removesuffix("]"))
        # A job needs one, also where there are fewer than jobs.
        assert each == 1 or each * jobs <= cores


@pytest.mark.parametrize(
    ("text", "expected"), [("max 100000\n", None), ("150000 100000\n", 2), ("50000 100000\n", 1)]
)
def test_a_containers_limit(tmp_path: Path, text: str, expected: int | None) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert container_quota(tmp_path / "cpu.max", tmp_path) == expected
    quota = {"max": "-1"}.get(text.split()[0], text.split()[0])
    (tmp_path / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu.cfs_period_us").write_text("100000\n")
    assert container_quota(tmp_path / "none", tmp_path) == expected


def test_without_a_container_there_is_no_limit(tmp_path: Path) -> None:
    assert container_quota(tmp_path / "none", tmp_path) is None
    assert available_cores() >= 1


def test_the_sites_own_log_configuration_holds(tmp_path: Path) -> None:
    assert not has_log_config(tmp_path / "none")
    (tmp_path / "log4j2.properties.template").touch()
    assert not has_log_config(tmp_path)
    (tmp_path / "log4j2.properties").touch()
    assert has_log_config(tmp_path)


def test_the_log_configuration_is_written_once(tmp_path: Path) -> None:
    file = log_config(tmp_path)
    before = file.stat().st_mtime_ns
    assert log_config(tmp_path).stat().st_mtime_ns == before
    file.write_text("rootLogger.level = off\n")
    assert "rootLogger.level = warn" in log_config(tmp_path).read_text()
