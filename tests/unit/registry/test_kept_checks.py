"""Keep what the checks of many rows found, for the next load."""

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_DEPENDENCY, JOB_MASTER, Row
from orch_dagster.registry import kept_checks
from orch_dagster.registry.jobs import JobSpec, Registry
from orch_dagster.registry.kept_checks import KeptSpec, checked_registry
from orch_dagster.registry.location import load_location
from orch_dagster.registry.snapshot import RegistryRows, read_rows
from orch_dagster.settings import Settings


def master(number: int, script: str = "own.py", **context: Any) -> Row:
    whole = {
        "entity": "GELS",
        "source_system": "FPMS" if number % 2 else "CRM",
        "sources": [{"format": "csv", "path": f"in/{number}"}],
        "sinks": [{"format": "orc", "path": f"out/{number}/{{biz_dt}}"}],
        **context,
    }
    return {
        "job_id": f"J{number}",
        "job_name": f"job_{number}",
        "context_params": json.dumps(whole),
        "script_path": script,
        "comments": "Zählung",
    }


def edge(child: int, parent: int) -> Row:
    return {
        "dependent_job_id": f"J{child}",
        "dependent_job_name": f"job_{child}",
        "parent_job_id": f"J{parent}",
        "parent_job_name": f"job_{parent}",
    }


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"jobs_dir": settings.home / "jobs"})


@pytest.fixture
def filled(
    store: ControlStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> ControlStore:
    monkeypatch.setattr(kept_checks, "_WORTH_KEEPING", 1)
    settings.jobs_dir.mkdir()
    (settings.jobs_dir / "own.py").touch()
    store.upsert(
        JOB_MASTER,
        [
            master(1),
            master(2, hql="absent.hql"),
            master(3, script="missing.py"),
            master(4, sinks=[{"format": "orc", "path": ""}]),
            # A warning of a rule that only new rows must keep.
            master(5, sinks=[{"format": "orc", "path": "out/1/below/{biz_dt}"}]),
        ],
    )
    store.upsert(JOB_DEPENDENCY, [edge(1, 2)])
    return store


def rows_of(store: ControlStore, settings: Settings) -> RegistryRows:
    return read_rows(store, settings.env)


def is_kept(registry: Registry) -> bool:
    kept = {isinstance(spec, KeptSpec) for spec in registry.jobs.values()}
    assert len(kept) == 1
    return kept.pop()


def parts(spec: JobSpec) -> tuple[object, ...]:
    facts = (spec.group, spec.hql, spec.source_count, spec.has_sinks, spec.key_names)
    row = (spec.job_id, spec.job_name, spec.script_path, spec.comments, spec.parents)
    return (*row, *facts, spec.context)


def test_the_next_load_finds_the_same_and_checks_nothing(
    filled: ControlStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_location(settings).registry
    assert not is_kept(first)

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("checked again")

    monkeypatch.setattr(kept_checks, "build_registry", refuse)
    second = load_location(settings).registry

    assert is_kept(second)
    assert [*second.jobs] == [*first.jobs]
    assert list(map(parts, second.jobs.values())) == list(map(parts, first.jobs.values()))
    assert second.findings == first.findings
    assert second.quarantined == first.quarantined == {"J3": "job_3", "J4": "job_4"}
    assert second.name_by_id == first.name_by_id
    assert [*second.groups] == [*first.groups] == ["gels_crm", "gels_fpms"]
    assert [spec.job_id for spec in second.parents_of(second.jobs["job_1"])] == ["J2"]


def pickled(spec: JobSpec) -> JobSpec:
    return pickle.loads(pickle.dumps(spec))


@pytest.mark.parametrize("duplicate", [copy.copy, pickled])
def test_a_kept_job_is_a_job_to_its_readers(
    filled: ControlStore, settings: Settings, duplicate: Callable[[JobSpec], JobSpec]
) -> None:
    checked = load_location(settings).registry.jobs["job_1"]
    kept = duplicate(load_location(settings).registry.jobs["job_1"])
    assert isinstance(kept, KeptSpec)
    assert parts(kept) == parts(checked)
    # As a run does to take the secrets out.
    of_other = {"entity": "OTHER", "hql": "own.hql", "sources": ()}
    changed = [replace(each, context=replace(each.context, **of_other)) for each in (kept, checked)]
    assert parts(changed[0]) == parts(changed[1]) != parts(checked)


def test_no_context_is_read_that_nobody_asks_for(
    filled: ControlStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_location(settings)
    parsed: list[str] = []
    whole = kept_checks.parse_context_params

    def parse(text: str | None, job_name: str, data_root: str | None = None) -> object:
        parsed.append(job_name)
        return whole(text, job_name, data_root)

    monkeypatch.setattr(kept_checks, "parse_context_params", parse)
    registry = load_location(settings).registry
    assert parsed == []
    paths = {sink.path for _ in "12" for sink in registry.jobs["job_1"].context.sinks}
    assert paths == {"out/1/{biz_dt}"}
    assert parsed == ["job_1"]


Change = Callable[[ControlStore, Settings], Settings | None]


def a_row(store: ControlStore, settings: Settings) -> None:
    store.upsert(JOB_MASTER, [{**master(1), "comments": None}])


def a_dependency(store: ControlStore, settings: Settings) -> None:
    store.upsert(JOB_DEPENDENCY, [edge(5, 1)])


def a_script_that_came(store: ControlStore, settings: Settings) -> None:
    (settings.jobs_dir / "missing.py").touch()


def a_script_that_went(store: ControlStore, settings: Settings) -> None:
    store.upsert(JOB_MASTER, [master(6, script="other.py")])
    (settings.jobs_dir / "other.py").touch()
    checked_registry(rows_of(store, settings), settings)
    (settings.jobs_dir / "other.py").unlink()


def the_data_root(store: ControlStore, settings: Settings) -> Settings:
    return settings.model_copy(update={"data_root": "elsewhere"})


def a_truncated_file(store: ControlStore, settings: Settings) -> None:
    path = settings.state_dir / "registry_checks.jsonl"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: len(text) // 2], encoding="utf-8")


def an_edited_file(store: ControlStore, settings: Settings) -> None:
    path = settings.state_dir / "registry_checks.jsonl"
    text = path.read_text(encoding="utf-8")
    assert '"source_count": 1' in text
    path.write_text(text.replace('"source_count": 1', '"source_count": 9'), encoding="utf-8")


CHANGES: list[Change] = [
    a_row,
    a_dependency,
    a_script_that_came,
    a_script_that_went,
    the_data_root,
    a_truncated_file,
    an_edited_file,
]


@pytest.mark.parametrize("change", CHANGES)
def test_all_is_checked_anew_after_a_change(
    filled: ControlStore, settings: Settings, change: Change
) -> None:
    assert not is_kept(checked_registry(rows_of(filled, settings), settings))
    changed = change(filled, settings) or settings
    rows = rows_of(filled, settings)

    assert not is_kept(checked_registry(rows, changed))
    assert is_kept(checked_registry(rows, changed))


def test_a_row_that_is_set_aside_is_part_of_the_rows(
    filled: ControlStore, settings: Settings
) -> None:
    rows = rows_of(filled, settings)
    found = checked_registry(rows, settings).findings
    aside = replace(rows, set_aside=[replace(found[0], job_id="J1")])
    registry = checked_registry(aside, settings)
    assert not is_kept(registry)
    assert "J1" not in registry.name_by_id


def test_another_version_of_the_code_checks_anew(
    filled: ControlStore,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package = types.ModuleType("judges")
    package.__path__ = [str(tmp_path / "judges")]
    file = tmp_path / "judges" / "rule.py"
    file.parent.mkdir()
    file.write_text("LIMIT = 1", encoding="utf-8")
    built_ns = file.stat().st_mtime_ns
    monkeypatch.setattr(kept_checks, "_PACKAGES", (package,))
    rows = rows_of(filled, settings)
    assert not is_kept(checked_registry(rows, settings))
    # Of one size and time, as a build that can be repeated makes each version.
    file.write_text("LIMIT = 2", encoding="utf-8")
    os.utime(file, ns=(built_ns, built_ns))
    assert not is_kept(checked_registry(rows, settings))
    assert is_kept(checked_registry(rows, settings))


def test_a_system_of_other_rules_checks_anew(
    filled: ControlStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of(filled, settings)
    checked_registry(rows, settings)
    # Names are equal there whatever their case; a build of Python may be of one name on both.
    monkeypatch.setattr(
        kept_checks, "sys", types.SimpleNamespace(platform="?", version=sys.version)
    )
    assert not is_kept(checked_registry(rows, settings))


def test_a_few_rows_are_checked_at_each_load(
    filled: ControlStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_checks, "_WORTH_KEEPING", 6)
    for _ in "12":
        assert not is_kept(checked_registry(rows_of(filled, settings), settings))
    assert not (settings.state_dir / "registry_checks.jsonl").exists()


def test_a_folder_that_takes_no_file_keeps_nothing(
    filled: ControlStore, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    # In the place of the file is a folder, over which no file is renamed.
    (settings.state_dir / "registry_checks.jsonl" / "full").mkdir(parents=True)
    with caplog.at_level(logging.INFO, "orch_dagster"):
        assert not is_kept(checked_registry(rows_of(filled, settings), settings))
    assert "what the checks of the registry found is not kept: " in caplog.text
