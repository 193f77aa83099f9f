"""The folder of a driver elsewhere, as the orchestrator reads it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from framework.channel import Channel
from orch_dagster.spark.yarn import messages
from orch_dagster.spark.yarn.messages import FolderReader, MessageFolder
from orch_dagster.toolchain.errors import MessagesUnreadError, SparkError
from tests.local_files import LocalFiles
from tests.waiting import wait_until


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path)


class Read:
    """A reader of the folder `f`, with what it handled and warned of."""

    def __init__(self, files: LocalFiles) -> None:
        self.handled: list[Any] = []
        self.warnings: list[str] = []
        folder = MessageFolder(files, "f")
        self.reader = FolderReader(folder, self.handled.append, self.warnings.append)

    def last(self) -> None:
        """Read as when the job is over."""
        over = threading.Event()
        over.set()
        self.reader.follow(over)


def test_what_a_channel_writes_is_read_in_order_and_removed(files: LocalFiles) -> None:
    read, channel = Read(files), Channel(files.writer("f"))
    assert not read.reader.poll()
    channel.log("a line")
    channel.send({"n": 1})
    channel.report_progress({"progress": 1})
    channel.send({"n": 2})
    assert read.reader.poll()
    log, *others = read.handled
    assert log["params"]["payload"] == {"kind": "job_log", "lines": ["a line"]}
    assert others == [{"n": 1}, {"n": 2}, {"progress": 1}]
    assert files.names("f") == ["progress.json"]
    # The same progress is no news.
    assert not read.reader.poll()
    channel.report_progress({"progress": 2})
    channel.send({"n": 3})
    channel.close()
    read.last()
    assert read.handled[4:] == [{"n": 3}, {"progress": 2}]
    assert read.warnings == []
    assert files.names("f") is None


def test_a_file_that_is_being_written_is_left_alone(files: LocalFiles) -> None:
    read = Read(files)
    files.put("f", ".00000001.jsonl", b'{"n":')
    assert not read.reader.poll()
    files.put("f", "00000001.jsonl", b'{"n": 1}\n')
    assert read.reader.poll()
    assert read.handled == [{"n": 1}]


def test_a_file_that_is_written_again_is_read_once(files: LocalFiles) -> None:
    read = Read(files)
    for _ in range(2):
        files.put("f", "00000001.jsonl", b'{"n": 1}\n')
        read.reader.poll()
    files.put("f", "00000002.jsonl", b'{"n": 2}\n')
    read.last()
    assert read.handled == [{"n": 1}, {"n": 2}]


def test_a_job_that_never_reported_has_no_messages(files: LocalFiles) -> None:
    read = Read(files)
    read.last()
    assert read.handled == read.warnings == []


def test_a_missing_file_is_an_error_and_nothing_after_it_counts(files: LocalFiles) -> None:
    read = Read(files)
    files.put("f", "00000001.jsonl", b'{"n": 1}\n')
    files.put("f", "00000004.jsonl", b'{"n": 4}\n')
    with pytest.raises(MessagesUnreadError, match=r"has 00000004\.jsonl and lacks 00000002"):
        read.last()
    assert read.handled == [{"n": 1}]
    # Kept, for who looks into it.
    assert files.names("f") == ["00000004.jsonl"]


def test_a_file_system_that_is_away_is_waited_for(
    files: LocalFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "_SHORTEST_POLL_S", 0.01)
    read, over = Read(files), threading.Event()
    files.put("f", "00000001.jsonl", b'{"n": 1}\n')
    files.error = SparkError("ConnectException: the name node is away")
    thread = threading.Thread(target=read.reader.follow, args=(over,))
    thread.start()
    wait_until(lambda: read.warnings, "a warning")
    over.set()
    files.error = None
    thread.join(30)
    assert read.handled == [{"n": 1}]
    (warning,) = read.warnings
    assert warning == (
        "the job's messages in f can't be read: ConnectException: the name node is away; it is "
        "tried again"
    )


def test_one_that_stays_away_is_an_error(
    files: LocalFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "_LAST_READ_S", 0.0)
    files.error = SparkError("the name node is away")
    with pytest.raises(MessagesUnreadError, match="in f can't be read: the name node is away"):
        Read(files).last()


def test_a_folder_that_can_not_be_removed_is_named(files: LocalFiles) -> None:
    read = Read(files)
    files.put("f", "00000001.jsonl", b'{"n": 1}\n')
    read.reader.poll()
    files.delete_error = SparkError("permission denied")
    read.last()
    (warning,) = read.warnings
    assert warning.startswith("could not remove f, which has the messages of the job: permission")


def test_files_that_can_not_be_removed_are_read_all_the_same(files: LocalFiles) -> None:
    """The orchestrator's user may only read those of a job with proxy.user."""
    read = Read(files)
    for number in (1, 2, 3):
        files.put("f", f"{number:08}.jsonl", f'{{"n": {number}}}\n'.encode())
    files.delete_error = SparkError("permission denied")
    assert read.reader.poll()
    assert read.handled == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert not read.reader.poll()
