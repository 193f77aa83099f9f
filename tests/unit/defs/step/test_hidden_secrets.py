"""Secrets in a log that their job was not given: hidden in place, and nothing else is changed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from orch_dagster.defs.step import hidden_secrets
from orch_dagster.defs.step.hidden_secrets import hide_secrets
from orch_dagster.text import Masker


def test_a_secret_is_overwritten_where_it_stands(tmp_path: Path) -> None:
    log = tmp_path / "log"
    before = "2024-05-15T00:00:00.000Z INFO [orch] hunter2 of an earlier job\n"
    own = "2024-05-15T00:00:01.000Z INFO [job] é hunter2 aHVudGVyMg== hunter2x\n"
    log.write_text(before + own, encoding="utf-8")
    # A secret may equal a part of each line.
    mask = Masker(["hunter2", "2024-05-15", "****"])
    assert hide_secrets(log, mask, len(before.encode())) == 3
    hidden = own.replace("hunter2", "*******").replace("aHVudGVyM", "*********")
    assert log.read_text(encoding="utf-8") == before + hidden
    assert hide_secrets(log, mask, len(before.encode())) == 0
    assert hide_secrets(log, Masker(), 0) == 0


def test_a_secret_of_digits_is_hidden(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("2024-05-15T00:00:00.000Z INFO [job] 48151623\n", encoding="utf-8")
    assert hide_secrets(log, Masker(["48151623", "2024", "000000"]), 0) == 1
    expected = "2024-05-15T00:00:00.000Z INFO [job] ********\n"
    assert log.read_text(encoding="utf-8") == expected


def test_what_others_append_meanwhile_is_theirs(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("hunter2 ", encoding="utf-8")

    class Appending(Masker):
        def places_in(self, data: bytes) -> list[tuple[int, int]]:
            # Not for ever, as a fault would be.
            if log.stat().st_size < 80:
                with log.open("a") as file:
                    file.write("hunter2 ")
            return super().places_in(data)

    assert hide_secrets(log, Appending(["hunter2"]), 0) == 1
    assert log.read_text(encoding="utf-8") == "******* hunter2 "


@pytest.mark.parametrize("block", [1, 2, 7, 64])
def test_a_secret_across_blocks(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hidden_secrets, "_BLOCK_BYTES", block)
    draw = random.Random(block)
    log = tmp_path / "log"
    for _ in range(50):
        text = "".join(
            draw.choice(["hunter2", "hunter", "päss", "p", "h", " ", "é"]) for _ in range(40)
        )
        log.write_text(text, encoding="utf-8")
        hide_secrets(log, Masker(["hunter2", "päss"]), 0)
        expected = text.replace("hunter2", "*" * 7).replace("päss", "*" * 5)
        assert log.read_text(encoding="utf-8") == expected
