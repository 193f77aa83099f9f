"""What a driver elsewhere sends, by files of a folder."""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
import zlib
from collections.abc import Iterator
from io import StringIO
from typing import Any, cast

import pytest

from framework import channel as channels
from framework import driver_elsewhere, pipes_writer
from framework.channel import Channel
from framework.driver_elsewhere import Copied
from framework.logging import LineHandler, get_logger
from tests.waiting import wait_until

MESSAGE = {"method": "opened", "params": {}}


class Folder:
    """What was written, by name; a failing one has the file all the same, as a server may."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.fails = False

    def write(self, name: str, data: bytes) -> None:
        self.files[name] = data
        if self.fails:
            raise OSError("the name node is in safe mode")

    def messages(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.files[name].decode().splitlines()]

    def lines(self) -> list[str]:
        """All log lines, in order."""
        sent = [each for name in sorted(self.files) for each in self.messages(name)]
        payloads = [each["params"].get("payload") or {} for each in sent]
        return [line for payload in payloads for line in payload.get("lines", ())]


@pytest.fixture
def folder() -> Folder:
    return Folder()


@pytest.fixture
def channel(folder: Folder) -> Iterator[Channel]:
    opened = Channel(folder.write)
    yield opened
    folder.fails = False
    opened.close()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent unless it is asked for."""
    monkeypatch.setattr(channels, "_INTERVAL_S", 3600.0)


@pytest.mark.usefixtures("slow")
def test_messages_and_lines_keep_their_order_in_one_file(folder: Folder, channel: Channel) -> None:
    channel.log("first\n    of two")
    channel.add({"method": "log", "params": {}})
    channel.log("second")
    assert folder.files == {}
    channel.send(MESSAGE)
    assert list(folder.files) == ["00000001.jsonl"]
    first, log, second, sent = folder.messages("00000001.jsonl")
    assert first["params"]["payload"] == {"kind": "job_log", "lines": ["first", "    of two"]}
    assert (log["method"], sent) == ("log", MESSAGE)
    assert second["params"]["payload"]["lines"] == ["second"]
    channel.send(MESSAGE)
    assert folder.messages("00000002.jsonl") == [MESSAGE]


def test_lines_are_sent_without_being_asked_for(folder: Folder, channel: Channel) -> None:
    channel.log("alone")
    wait_until(lambda: folder.files, "a file")
    assert folder.lines() == ["alone"]


@pytest.mark.usefixtures("slow")
def test_of_progress_the_newest_is_sent_in_a_file_of_its_own(
    folder: Folder, channel: Channel
) -> None:
    for stage in (1, 2):
        channel.report_progress({"stage": stage})
    channel.flush()
    channel.flush()
    assert folder.files == {"progress.json": b'{"stage": 2}'}


@pytest.mark.usefixtures("slow")
def test_a_file_whose_write_failed_is_written_again_as_it_was(
    folder: Folder, channel: Channel
) -> None:
    """It may have been read and deleted meanwhile, so what is new goes to the next one."""
    folder.fails = True
    with pytest.raises(OSError, match="safe mode"):
        channel.send({"method": "opened"})
    with pytest.raises(OSError, match="safe mode"):
        channel.send({"method": "closed"})
    assert list(folder.files) == ["00000001.jsonl"]
    folder.fails = False
    channel.flush()
    assert folder.messages("00000001.jsonl") == [{"method": "opened"}]
    assert folder.messages("00000002.jsonl") == [{"method": "closed"}]


def test_the_end_sends_what_waits_and_prints_what_it_can_not_send(
    folder: Folder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "_INTERVAL_S", 3600.0)
    monkeypatch.setattr(sys, "__stderr__", sys.stderr)
    one, other = Channel(folder.write), Channel(folder.write)
    one.log("last")
    one.close()
    assert folder.lines() == ["last"]
    folder.fails = True
    other.log("lost")
    other.close()
    assert "late: the name node is in safe mode" in capsys.readouterr().err


@pytest.mark.usefixtures("slow")
def test_more_lines_than_the_log_takes_are_counted(folder: Folder) -> None:
    channel = Channel(folder.write, max_log_bytes=20)
    for number in range(1000):
        channel.log(f"line {number}")
    channel.close()
    *kept, last = folder.lines()
    assert kept == ["line 0", "line 1", "line 2"]
    assert last.endswith("[orch] 997 more lines are only in the log of the driver's container")


@pytest.mark.usefixtures("slow")
def test_lines_that_nobody_takes_fill_no_memory(
    folder: Folder, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "_MAX_WAITING_BYTES", 100)
    for _ in range(1000):
        channel.log("x" * 49)
    channel.flush()
    assert len(folder.lines()) == 2
    channel.log("again")
    channel.flush()
    assert folder.lines()[-1] == "again"


@pytest.mark.usefixtures("slow")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks on this system")
def test_a_forked_child_sends_nothing_and_does_not_wait(folder: Folder, channel: Channel) -> None:
    with channel._changing:
        child = os.fork()
        if child == 0:
            # Without a thread of its own it would wait for the lock for ever.
            channel.log("of the child")
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0
    channel.flush()
    assert folder.files == {}


def messages_at(**params: str) -> str:
    """The variable as Dagster Pipes writes it."""
    return base64.b64encode(zlib.compress(json.dumps(params).encode())).decode()


def test_a_driver_is_elsewhere_if_its_messages_go_to_a_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for value, is_elsewhere in (
        (messages_at(hadoop_folder="hdfs://nn/x", path="/p"), True),
        (messages_at(path="/p"), False),
        ("eJyrVkrMTq0=", False),
        ("not base64", False),
    ):
        monkeypatch.setenv("DAGSTER_PIPES_MESSAGES", value)
        assert driver_elsewhere.is_elsewhere() is is_elsewhere
    monkeypatch.delenv("DAGSTER_PIPES_MESSAGES")
    assert not driver_elsewhere.is_elsewhere()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, folder: Folder, channel: Channel) -> Folder:
    """This process is such a driver."""
    monkeypatch.setenv("DAGSTER_PIPES_MESSAGES", messages_at(hadoop_folder="x"))
    monkeypatch.delenv("LOG_FILE", raising=False)
    monkeypatch.setattr(driver_elsewhere, "_opened", channel)
    return folder


@pytest.mark.usefixtures("slow")
def test_lines_of_loggers_are_sent_once_and_without_secrets(
    elsewhere: Folder, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOB_SECRETS", "DB_PASSWORD")
    monkeypatch.setenv("DB_PASSWORD", "hunter2")
    handler, copied = LineHandler(None), cast(Any, Copied(StringIO(), channel, "stderr"))
    monkeypatch.setattr(sys, "stderr", copied)
    # Of the container.
    monkeypatch.setattr(sys, "__stderr__", StringIO())
    logger = get_logger("elsewhere")
    monkeypatch.setattr(logger, "handlers", [handler])
    logger.warning("hunter2 is\nwrong")
    print("a print of hunter2", file=copied)
    channel.flush()
    lines = elsewhere.lines()
    assert [line.partition("Z ")[2] or line for line in lines] == [
        "WARN  [elsewhere] ****** is",
        "    wrong",
        "INFO  [stderr] a print of ******",
    ]
    of_container = sys.__stderr__
    assert isinstance(of_container, StringIO)
    assert of_container.getvalue().splitlines() == lines[:2]


@pytest.mark.usefixtures("slow")
def test_what_is_printed_in_pieces_is_one_line(folder: Folder, channel: Channel) -> None:
    original = StringIO()
    stream: Any = Copied(original, channel, "stdout")
    print("a", "b", file=stream, end="")
    print("c\nd", file=stream)
    stream.write("no end")
    channel.flush()
    assert [line.partition("] ")[2] for line in folder.lines()] == ["a bc", "d"]
    stream.end()
    channel.flush()
    assert folder.lines()[-1].endswith("[stdout] no end")
    assert original.getvalue() == "a bc\nd\nno end"
    assert stream.getvalue() == original.getvalue()


@pytest.mark.usefixtures("slow")
def test_a_line_without_an_end_is_sent_in_parts(
    folder: Folder, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a progress bar of hours, whose states would all be kept, and shown at its end."""
    monkeypatch.setenv("JOB_SECRETS", "DB_PASSWORD")
    monkeypatch.setenv("DB_PASSWORD", "hunter2-hunter2")
    stream: Any = Copied(StringIO(), channel, "stderr")
    state = "\r    7%|#         | 70/1000 hunter2-hunter2"
    for start in range(0, 5000 * len(state), 1000):
        stream.write((state * 5000)[start : start + 1000])
    channel.flush()
    assert len(folder.lines()) > 1000
    stream.end()
    channel.flush()
    texts = [line.partition("] ")[2] for line in folder.lines()]
    whole = "".join(texts)
    assert whole.count("70/1000 ******") == 5000
    assert "hunter2" not in whole


@pytest.mark.usefixtures("slow")
def test_what_the_end_of_a_run_depends_on_is_written_at_once(
    folder: Folder, channel: Channel
) -> None:
    def sent(method: str, **payload: Any) -> int:
        params = {"payload": payload} if payload else {}
        message: Any = {"method": method, "params": params}
        before = len(folder.files)
        pipes_writer.send(channel, message)
        return len(folder.files) - before

    assert sent("opened") == 1
    assert sent("log") == sent("report_asset_check") == 0
    assert sent("report_custom_message", kind="progress", stages=[]) == 0
    assert sent("report_custom_message", kind="checks", biz_dt="2024-05-15") == 0
    assert sent("report_custom_message", kind="landing", biz_dt="2024-05-15") == 2
    assert sent("closed") == 1
    assert sorted(folder.files) == [
        "00000001.jsonl", "00000002.jsonl", "00000003.jsonl", "progress.json"
    ]  # fmt: skip
    of_landing = [each["method"] for each in folder.messages("00000002.jsonl")]
    assert of_landing == ["log", "report_asset_check", *["report_custom_message"] * 2]


def test_threads_lose_nothing(folder: Folder, channel: Channel) -> None:
    def work(number: int) -> None:
        for count in range(200):
            channel.log(f"{number} {count}")
            if count % 50 == 0:
                channel.send(MESSAGE)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    channel.flush()
    lines = folder.lines()
    for number in range(4):
        mine = [line for line in lines if line.startswith(f"{number} ")]
        assert mine == [f"{number} {count}" for count in range(200)]
