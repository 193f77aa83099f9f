"""The message file, read while it is written."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from framework.channel import Channel
from orch_dagster.defs.step.message_file import MessageFile, inert
from orch_dagster.spark.yarn import messages as folder_messages
from orch_dagster.spark.yarn.messages import MessageFolder
from orch_dagster.text import Masker
from orch_dagster.toolchain.errors import SparkError
from tests.local_files import LocalFiles


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


def test_a_driver_elsewhere_reports_by_a_folder_or_by_the_file(tmp_path: Path) -> None:
    """By the file, if its script opens Dagster Pipes itself and its node sees the file."""
    files, heard, handler = LocalFiles(tmp_path), list[dict[str, Any]](), Handler()
    path = tmp_path / "messages.jsonl"
    closing = Event()
    folder = MessageFolder(files, "f")
    reader = MessageFile(path, heard.append, Masker(["hunter2"]), folder, closing=closing)
    log = {"kind": "job_log", "lines": ["it is hunter2"]}
    with reader.read_messages(handler) as params:  # type: ignore[arg-type]
        assert params["hadoop_folder"] == "f"
        path.write_text('{"method": "of the file"}\n')
        channel = Channel(files.writer("f"))
        channel.log("it is hunter2")
        assert not closing.is_set()
        channel.send({"method": "closed"})
        channel.close()
        # While the application has not ended.
        assert closing.wait(20)
    assert {"method": "of the file"} in heard
    masked = {**log, "lines": ["it is ******"]}
    assert [each for each in heard if each != {"method": "of the file"}][-2:] == [
        {
            "__dagster_pipes_version": "0.1",
            "method": "report_custom_message",
            "params": {"payload": masked},
        },
        {"method": "closed"},
    ]
    # Dagster would keep the lines in memory.
    assert {"method": "closed"} in handler.handled
    assert len(handler.handled) == 2
    assert reader.unread is None
    assert files.names("f") is None


@pytest.mark.parametrize("refusal", [None, SparkError("the name node is away")])
def test_the_folder_stays_named_until_it_is_removed(
    tmp_path: Path, refusal: SparkError | None
) -> None:
    files, warnings = LocalFiles(tmp_path), list[str]()
    path = tmp_path / "job.messages.jsonl"
    folder = MessageFolder(files, ".orchMessages-1-0123abcd")
    reader = MessageFile(path, lambda _: None, folder=folder, warn=warnings.append)
    named = tmp_path / "job.0123abcd.messages.folder"
    with reader.read_messages(Handler()):  # type: ignore[arg-type]
        assert named.read_text(encoding="utf-8") == folder.path
        files.delete_error = refusal
    assert named.exists() == (refusal is not None) == bool(warnings)
    assert reader.unread is None


def test_a_warning_that_dagster_can_not_log_makes_no_end_unknown(tmp_path: Path) -> None:
    def warn(_: str) -> None:
        raise OperationalError("INSERT", {}, Exception("disk I/O error"))

    files, handler, heard = LocalFiles(tmp_path), Handler(), list[dict[str, Any]]()
    files.delete_error = SparkError("the name node is away")
    folder = MessageFolder(files, "f")
    reader = MessageFile(tmp_path / "m", heard.append, folder=folder, warn=warn)
    with reader.read_messages(handler):  # type: ignore[arg-type]
        files.put("f", "00000001.jsonl", b'{"method": "closed", "params": {}}\n')
    assert [message["method"] for message in heard] == ["closed"]
    assert (reader.unread, handler.faults) == (None, [])


def test_messages_that_can_not_be_read_are_told_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_messages, "_LAST_READ_S", 0.0)
    files, handler = LocalFiles(tmp_path), Handler()
    reader = MessageFile(tmp_path / "m", lambda _: None, folder=MessageFolder(files, "f"))
    with reader.read_messages(handler):  # type: ignore[arg-type]
        files.put("f", "00000002.jsonl", b"{}\n")
    assert reader.unread is not None
    assert "f has 00000002.jsonl and lacks 00000001.jsonl" in reader.unread
    assert handler.faults == []


def test_secrets_are_in_no_message_that_is_heard_or_handled(tmp_path: Path) -> None:
    path, heard, handler = tmp_path / "messages.jsonl", list[dict[str, Any]](), Handler()
    reader = MessageFile(path, heard.append, Masker(["hunter2"]))
    exception = {"name": "ValueError", "message": "hunter2 was refused", "stack": ["hunter2 (x)"]}
    message = {"method": "closed", "params": {"exception": exception}}
    with reader.read_messages(handler):  # type: ignore[arg-type]
        path.write_text(json.dumps(message) + "\n")
    masked = {"name": "ValueError", "message": "****** was refused", "stack": ["****** (x)"]}
    assert heard == handler.handled == [{"method": "closed", "params": {"exception": masked}}]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (("url", "javascript:alert(1)"), ("text", "javascript:alert(1)")),
        (("url", " JavaScript:alert(1)"), ("text", " JavaScript:alert(1)")),
        (("url", "java\tscript:alert(1)"), ("text", "java\tscript:alert(1)")),
        (("url", "data:text/html,<script>"), ("text", "data:text/html,<script>")),
        (("url", "//host/x"), ("text", "//host/x")),
        (("url", "https://host/x?a=b#c"), ("url", "https://host/x?a=b#c")),
        (("url", "/runs/1"), ("url", "/runs/1")),
        (("url", "http://host/\u202ex"), ("text", r"http://host/\u202ex")),
        (("md", "![](http://h/p.png) **b**"), ("md", "&#33;[](http://h/p.png) **b**")),
        (("md", "<img src=x onerror=y>"), ("md", "&lt;img src=x onerror=y>")),
        (("text", "a\nb\x1b[31m"), ("text", "a\nb\\x1b[31m")),
        (("__infer__", "\x1bc"), ("__infer__", r"\x1bc")),
        (("int", 7), ("int", 7)),
    ],
)
@pytest.mark.parametrize("method", ["report_asset_materialization", "report_asset_check"])
def test_metadata_of_a_script_is_shown_and_does_not_act(
    method: str, given: tuple[str, Any], kept: tuple[str, Any]
) -> None:
    def message(entry: tuple[str, Any]) -> dict[str, Any]:
        metadata = {"it": dict(zip(("type", "raw_value"), entry, strict=True))}
        return {"method": method, "params": {"asset_key": "a", "metadata": metadata}}

    assert inert(message(given)) == message(kept)


def test_lines_that_a_script_sends_do_not_act() -> None:
    for method, name in (("log", "message"), ("log_external_stream", "text")):
        shown = inert({"method": method, "params": {name: "a\n\x1b]0;t\x07", "level": "info"}})
        assert shown["params"] == {name: "a\n\\x1b]0;t\\x07", "level": "info"}


def test_every_message_is_heard_where_dagster_can_log_none(tmp_path: Path) -> None:
    class Broken(Handler):
        def handle_message(self, message: dict[str, Any]) -> None:
            super().handle_message(message)
            raise OperationalError("INSERT", {}, Exception("disk I/O error"))

    path, heard, handler = tmp_path / "messages.jsonl", list[dict[str, Any]](), Broken()
    messages = [{"method": method, "params": {}} for method in ("opened", "closed")]
    with MessageFile(path, heard.append).read_messages(handler):  # type: ignore[arg-type]
        path.write_text("".join(json.dumps(message) + "\n" for message in messages))
    assert heard == handler.handled == messages
    assert handler.faults == []


@pytest.mark.parametrize("params", [None, [], "x", {"metadata": "x"}, {"metadata": {"a": 1}}])
def test_a_message_of_another_form_is_left_to_dagster(params: Any) -> None:
    message = {"method": "report_asset_check", "params": params}
    assert inert(message) == message


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
