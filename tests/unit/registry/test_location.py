"""What a code location is made of, with its store up and down."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from framework.contract.native_paths import quoted_path
from orch_dagster.cli.doctor import examine
from orch_dagster.control.store import ControlStore
from orch_dagster.control.tables import JOB_MASTER, PROCESS_CONTROL
from orch_dagster.errors import PermanentStoreError
from orch_dagster.registry.apply import ApplyError, apply_files
from orch_dagster.registry.location import load_location
from orch_dagster.settings import Settings, load_settings

CONTEXT = json.dumps({"entity": "GELS", "source_system": "FPMS"})
GOOD = {"job_id": "J1", "job_name": "one", "context_params": CONTEXT, "script_path": "landing.py"}


@pytest.fixture
def filled(store: ControlStore) -> ControlStore:
    store.upsert(
        JOB_MASTER, [GOOD, {**GOOD, "job_id": "J2", "job_name": "two", "script_path": "x"}]
    )
    source = {"entity": "GELS", "source_system": "FPMS"}
    store.upsert(PROCESS_CONTROL, [{**source, "biz_dt": d} for d in ("2024-05-15", "2023-07-01")])
    return store


def take_away(settings: Settings) -> None:
    """The tables are gone, as with a store that was set up anew."""
    (settings.state_dir / "control.db").rename(settings.state_dir / "gone.db")
    for rest in settings.state_dir.glob("control.db-*"):
        rest.unlink()


def bring_back(settings: Settings) -> None:
    os.replace(settings.state_dir / "gone.db", settings.state_dir / "control.db")  # noqa: PTH105


def test_what_is_loaded(filled: ControlStore, settings: Settings) -> None:
    location = load_location(settings)

    assert list(location.registry.jobs) == ["one"]
    assert location.job_ids == {"one": "J1"}
    # No date is too early for its schedules.
    assert location.first_biz_dt == "1900-01-01"
    assert location.notice is None
    (finding,) = location.registry.findings
    assert str(finding).startswith("job_master (job_id=J2): script_path x is not a file")


def test_apply_load_and_doctor_refuse_in_the_same_words(
    tmp_path: Path, store: ControlStore, settings: Settings
) -> None:
    """One of the sinks is given from the data root on, the other by its whole path."""
    outside = f"{settings.base_dir}/out/{{biz_dt}}/b"
    context = {
        "entity": "GELS",
        "source_system": "FPMS",
        "sources": [{"format": "csv", "path": "in.csv"}],
        "sinks": [{"format": "orc", "path": path} for path in ("out/{biz_dt}", outside)],
    }
    row = {**GOOD, "context_params": json.dumps(context)}
    file = tmp_path / "rows.json"
    file.write_text(json.dumps({"job_master": [row]}), encoding="utf-8")
    with pytest.raises(ApplyError) as caught:
        apply_files([file], store, settings)
    (problem,) = caught.value.problems
    assert problem.text == (
        f"job_master (job_id=J1): context_params: sinks[1].path: one would replace the other: "
        f"{quoted_path(outside)} and 'out/{{biz_dt}}' of sinks[0]"
    )
    store.upsert(JOB_MASTER, [row])
    assert [str(each) for each in load_location(settings).registry.findings] == [problem.text]
    assert problem.text in [each.text for each in examine(settings)]


def test_the_first_date_of_the_setting_wins(
    filled: ControlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCH_FIRST_BIZ_DT", "2020-01-01")
    assert load_location(load_settings()).first_biz_dt == "2020-01-01"


def test_a_store_that_is_down_and_comes_back(filled: ControlStore, settings: Settings) -> None:
    fresh = load_location(settings)
    filled.close()
    take_away(settings)

    kept = load_location(settings)
    assert kept.registry == fresh.registry
    assert kept.first_biz_dt == fresh.first_biz_dt
    assert kept.notice is not None
    assert "control store sqlite:///" in kept.notice
    assert "0 minutes ago; runs fail until the store is back" in kept.notice

    bring_back(settings)
    again = load_location(settings)
    assert (again.notice, again.registry) == (None, fresh.registry)


def test_the_age_of_the_picture_is_told(filled: ControlStore, settings: Settings) -> None:
    load_location(settings)
    filled.close()
    take_away(settings)
    path = settings.state_dir / "registry.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    then = datetime.now(timezone.utc) - timedelta(minutes=90)
    path.write_text(json.dumps({**document, "read_at": then.isoformat()}), encoding="utf-8")

    notice = load_location(settings).notice
    assert notice is not None
    assert f"those of {then:%Y-%m-%d %H:%M:%S} UTC, 90 minutes ago" in notice


def test_a_failed_read_leaves_the_picture(filled: ControlStore, settings: Settings) -> None:
    load_location(settings)
    before = (settings.state_dir / "registry.json").read_bytes()
    filled.close()
    take_away(settings)
    load_location(settings)

    assert (settings.state_dir / "registry.json").read_bytes() == before


def test_each_load_renews_the_picture(filled: ControlStore, settings: Settings) -> None:
    load_location(settings)
    filled.upsert(JOB_MASTER, [{**GOOD, "job_id": "J3", "job_name": "three"}])
    load_location(settings)
    filled.close()
    take_away(settings)

    assert set(load_location(settings).registry.jobs) == {"one", "three"}


@pytest.mark.parametrize(
    ("name", "value"), [("ORCH_CONTROL_URL", "sqlite:///other.db"), ("ORCH_ENV", "UAT")]
)
def test_a_picture_of_another_store_or_environment_is_not_shown(
    filled: ControlStore,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
) -> None:
    load_location(settings)
    filled.close()
    take_away(settings)
    monkeypatch.setenv(name, value)

    with pytest.raises(PermanentStoreError, match="orch init"):
        load_location(load_settings())


def test_a_picture_that_cannot_be_kept_is_told(filled: ControlStore, settings: Settings) -> None:
    (settings.state_dir / "registry.json").mkdir()

    location = load_location(settings)
    assert list(location.registry.jobs) == ["one"]
    assert location.notice is not None
    assert location.notice.startswith("the registry's snapshot can't be written")


def test_a_store_that_could_never_be_read(settings: Settings) -> None:
    with pytest.raises(PermanentStoreError, match="orch init"):
        load_location(settings)
    assert list(settings.home.iterdir()) == []


def test_a_spoiled_picture_is_named(filled: ControlStore, settings: Settings) -> None:
    load_location(settings)
    filled.close()
    take_away(settings)
    (settings.state_dir / "registry.json").write_text("{")

    with pytest.raises(PermanentStoreError, match=r"registry\.json.*delete the file"):
        load_location(settings)


def test_two_homes_never_see_one_another(
    filled: ControlStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_location(settings)
    other = settings.home.parent / "other"
    monkeypatch.setenv("ORCH_HOME", str(other))

    with pytest.raises(PermanentStoreError):
        load_location(load_settings())
    assert not other.exists()
