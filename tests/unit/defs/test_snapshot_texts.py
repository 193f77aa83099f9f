"""The texts of snapshots, kept from load to load."""

from __future__ import annotations

import logging
from pathlib import Path

import dagster as dg
import pytest

from orch_dagster.defs.snapshot_texts import SnapshotTexts

TEXT = '{"name": "Ä\r\n"}'


@pytest.fixture
def texts(tmp_path: Path) -> SnapshotTexts:
    kept = SnapshotTexts(tmp_path)
    kept.put("one", TEXT)
    kept.put("other", "{}")
    return kept


def test_a_text_is_that_of_its_id(texts: SnapshotTexts) -> None:
    assert (texts.get("one"), texts.get("other"), texts.get("third")) == (TEXT, "{}", None)


def test_only_the_texts_that_are_needed_stay(texts: SnapshotTexts, tmp_path: Path) -> None:
    (tmp_path / "snapshot_texts" / "left.tmp").touch()
    texts.keep_only(["one", "third"])
    assert [file.name for file in (tmp_path / "snapshot_texts").iterdir()] == ["one.json"]
    SnapshotTexts(tmp_path / "none").keep_only([])


@pytest.mark.parametrize("damage", [b"", b"\xff\n{}", b"{}", b"0\n{}"])
def test_a_damaged_text_is_none(texts: SnapshotTexts, tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "snapshot_texts" / "one.json").write_bytes(damage)
    assert texts.get("one") is None
    texts.put("one", TEXT)
    assert texts.get("one") == TEXT


def test_a_text_that_was_cut_off_is_none(texts: SnapshotTexts, tmp_path: Path) -> None:
    file = tmp_path / "snapshot_texts" / "one.json"
    file.write_bytes(file.read_bytes()[:-1])
    assert texts.get("one") is None


def test_a_text_of_another_dagster_is_none(
    texts: SnapshotTexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dg, "__version__", "1.13.99")
    assert texts.get("one") is None


def test_a_text_that_can_not_be_written_is_told(
    texts: SnapshotTexts, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "snapshot_texts" / "third.json" / "held").mkdir(parents=True)
    with caplog.at_level(logging.INFO, "orch_dagster"):
        texts.put("third", TEXT)
    assert "a snapshot is not kept" in caplog.text
    assert texts.get("third") is None
