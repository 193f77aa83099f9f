"""The message file, read while it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orch_dagster.defs.pipes import MessageFile


class Handler:
    """What Dagster's own handler is to the reader."""

    def __init__(self) -> None:
        self.handled: list[dict[str, Any]] = []
        self.faults: list[object] = []

    def handle_message(self, message: dict[str, Any]) -> None:
        self.handled.append(message)

    def report_pipes_framework_exception(self, _origin: str, fault: object) -> None:
        self.faults.append(fault)


def test_a_message_that_comes_in_pieces_is_heard_whole(tmp_path: Path) -> None:
    """As a long one does: the writer's buffer is 8 KB, and the reader may look in between."""
    path, heard = tmp_path / "messages.jsonl", list[dict[str, Any]]()
    handler = Handler()
    messages = [{"method": "closed", "params": {"text": "x" * 50_000}} for _ in range(20)]
    with (
        MessageFile(path, heard.append).read_messages(handler),  # type: ignore[arg-type]
        path.open("a", encoding="utf-8", buffering=1) as file,
    ):
        for message in messages:
            line = json.dumps(message) + "\n"
            for start in range(0, len(line), 8192):
                file.write(line[start : start + 8192])
                file.flush()
    assert heard == handler.handled == messages
    assert handler.faults == []
    assert not path.exists()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_line_that_is_no_message_is_reported(tmp_path: Path) -> None:
    path, handler = tmp_path / "messages.jsonl", Handler()
    with MessageFile(path, lambda _: None).read_messages(handler):  # type: ignore[arg-type]
        path.write_text("not JSON\n")
    assert len(handler.faults) == 1
    assert handler.handled == []
