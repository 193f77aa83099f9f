"""What Dagit shows of an asset before any run: Dagster's own keys, tags, kinds, owners, sources."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path, PureWindowsPath
from typing import Any

import dagster as dg
import pytest

from framework.contract import paths
from framework.contract.context_params import Sink
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_MASTER
from orch_dagster.defs import assets, definition_metadata
from orch_dagster.defs.repository import ControlTables
from orch_dagster.registry.location import load_location
from orch_dagster.settings import load_settings

KEY = dg.AssetKey(["gels", "fpms", "landed"])
SOURCE = dg.AssetKey(["sources", "data", "gels", "biz_dt", "contract.csv"])
SINK = {"format": "orc", "path": "out/fdm/t_contract", "partition_cols": ["biz_dt"]}
HQL = "select contract_no, '```' as fence from row1"


def job(job_id: str, name: str, **context: Any) -> dict[str, Any]:
    given = {
        "entity": "GELS",
        "source_system": "FPMS",
        "sources": [{"format": "csv", "path": "data/gels/{biz_dt}/contract.csv"}],
        "hql": "contract.hql",
        "sinks": [SINK],
        "owners": ["team:risk", "ana@example.com"],
    }
    return {
        "job_id": job_id,
        "job_name": name,
        "script_path": "landing.py",
        "context_params": json.dumps({**given, **context}),
    }


@pytest.fixture
def load(
    store: ControlStore, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], ControlTables]:
    folder = home / "hql"
    folder.mkdir(exist_ok=True)
    (folder / "contract.hql").write_text(HQL)
    monkeypatch.setenv("ORCH_HQL_DIR", str(folder))
    reader = job(
        "JOB_2",
        "reader",
        sources=[
            {"format": "orc", "path": "out/fdm/t_contract/biz_dt={biz_dt}"},
            {"format": "csv", "path": "data/gels/{biz_dt}/contract.csv"},
        ],
        sinks=[{**SINK, "path": "out/fdm/t_reader"}],
    )
    store.upsert(JOB_MASTER, [job("JOB_1001", "landed"), reader])
    return lambda: ControlTables(lambda: load_location(load_settings()))


def spec_of(tables: ControlTables, key: dg.AssetKey) -> dg.AssetSpec:
    return tables.get_assets_defs_by_key()[key].get_asset_spec(key)


def test_an_asset_says_what_it_is_in_dagsters_own_words(load: Callable[[], ControlTables]) -> None:
    spec = spec_of(load(), KEY)
    assert {"job_id": "JOB_1001", "entity": "GELS", "source_system": "FPMS"}.items() <= (
        spec.tags.items()
    )
    assert spec.kinds == {"spark", "orc", "csv"}
    assert list(spec.owners) == ["team:risk", "ana@example.com"]
    metadata = spec.metadata
    assert metadata["dagster/table_name"] == "fdm.t_contract"
    assert metadata["dagster/storage_kind"] == "orc"
    assert metadata["dagster/uri"].endswith("/out/fdm/t_contract")
    references = metadata["dagster/code_references"].code_references
    assert [(each.label, Path(each.file_path).name) for each in references] == [
        ("HQL", "contract.hql"),
        ("script", "landing.py"),
    ]
    # Nothing in the text ends its block.
    assert metadata["hql_text"].value == f"````sql\n{HQL}\n````"


class _WindowsPath(PureWindowsPath):
    """A path there, which is absolute already."""

    def absolute(self) -> _WindowsPath:
        return self


@pytest.mark.parametrize(
    ("base", "path", "expected"),
    [
        (r"C:\home one", "out/t", "C:/home one/out/t"),
        (r"C:\home one", "D:/land/t/d={biz_dt}", "D:/land/t/d={biz_dt}"),
        ("hdfs://nn/data", "out/t", "hdfs://nn/data/out/t"),
        ("hdfs://nn/data", "/land/t", "hdfs://nn/land/t"),
    ],
)
def test_a_table_has_one_uri_before_and_after_its_landing_on_windows_too(
    monkeypatch: pytest.MonkeyPatch, base: str, path: str, expected: str
) -> None:
    monkeypatch.setattr(paths, "Path", _WindowsPath)
    given = paths.as_location(base)
    assert definition_metadata._of_sink(Sink("orc", path), given)["dagster/uri"] == expected
    # As the landing has it.
    assert paths.resolve(given, path) == expected


def test_the_code_version_changes_with_the_hql(load: Callable[[], ControlTables]) -> None:
    before = spec_of(load(), KEY).code_version
    assert before == spec_of(load(), KEY).code_version
    (load_settings().hql_dir / "contract.hql").write_text(f"{HQL} where true")
    assert spec_of(load(), KEY).code_version != before


def test_sources_are_upstream_and_what_a_job_lands_is_none(
    load: Callable[[], ControlTables],
) -> None:
    tables = load()
    by_key = tables.get_assets_defs_by_key()
    assert set(by_key) == {KEY, dg.AssetKey(["gels", "fpms", "reader"]), SOURCE}
    for name in ("landed", "reader"):
        spec = spec_of(tables, dg.AssetKey(["gels", "fpms", name]))
        assert [dep.asset_key for dep in spec.deps] == [SOURCE]
    assert not by_key[SOURCE].is_executable
    assert spec_of(tables, SOURCE).kinds == {"csv"}
    # The jobs still hold their own assets alone.
    assert set(tables.get_job("gels_fpms").graph.node_names()) == {"landed", "reader"}


def test_many_jobs_load_without_sources_and_hql(
    load: Callable[[], ControlTables], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCH_LISTED_JOBS", "1")
    tables = load()
    assert SOURCE not in tables.get_assets_defs_by_key()
    spec = spec_of(tables, KEY)
    assert "hql_text" not in spec.metadata
    assert not list(spec.deps)
    assert spec.metadata["dagster/storage_kind"] == "orc"

    monkeypatch.setattr(assets, "_LINKED_JOBS", 1)
    assert set(spec_of(load(), KEY).metadata) == {"script", "hql", "sources", "sinks"}
