"""The message file, read while it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orch_dagster.defs.step.message_file import MessageFile
from orch_dagster.text import Masker


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


def test_secrets_are_in_no_message_that_is_heard_or_handled(tmp_path: Path) -> None:
    path, heard, handler = tmp_path / "messages.jsonl", list[dict[str, Any]](), Handler()
    reader = MessageFile(path, heard.append, Masker(["hunter2"]))
    exception = {"name": "ValueError", "message": "hunter2 was refused", "stack": ["hunter2 (x)"]}
    message = {"method": "closed", "params": {"exception": exception}}
    with reader.read_messages(handler):  # type: ignore[arg-type]
        path.write_text(json.dumps(message) + "\n")
    masked = {"name": "ValueError", "message": "****** was refused", "stack": ["****** (x)"]}
    assert heard == handler.handled == [{"method": "closed", "params": {"exception": masked}}]


def test_progress_is_heard_and_not_kept(tmp_path: Path) -> None:
    """Dagster's handler keeps what it is given until the step ends, which may be a day."""
    path, heard, handler = tmp_path / "messages.jsonl", list[dict[str, Any]](), Handler()
    payloads = [{"kind": "progress", "stages": []}, {"kind": "application"}, "theirs", None]
    messages = [
        {"method": "report_custom_message", "params": {"payload": payload}} for payload in payloads
    ]
    with MessageFile(path, heard.append).read_messages(handler):  # type: ignore[arg-type]
        path.write_text("".join(json.dumps(message) + "\n" for message in messages))
    assert heard == messages
    assert handler.handled == messages[1:]
    assert handler.faults == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_line_that_is_no_message_is_reported(tmp_path: Path) -> None:
    path, handler = tmp_path / "messages.jsonl", Handler()
    with MessageFile(path, lambda _: None).read_messages(handler):  # type: ignore[arg-type]
        path.write_text("not JSON\n")
    assert len(handler.faults) == 1
    assert handler.handled == []
