"""Dagster's reader of a growing file gives what is there, and ends when it is told to."""

from __future__ import annotations

from pathlib import Path

from orch_dagster.defs.dagster_internals.tail_file import tail_file


def test_it_gives_all_pieces_up_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "messages"
    path.write_text('{"a": 1}\n{"b"')
    calls: list[int] = []

    def is_over() -> bool:
        # Asked only where nothing is left to read, so what comes late is read, too.
        calls.append(1)
        if len(calls) == 1:
            with path.open("a") as file:
                file.write(": 2}\n")
        return len(calls) > 1

    assert list(tail_file(str(path), is_over)) == ['{"a": 1}\n', '{"b"', ": 2}\n"]
