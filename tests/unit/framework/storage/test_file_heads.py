"""What is known of a file from an earlier look."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

from pyspark.sql import SparkSession

from framework.contract.paths import for_spark
from framework.storage.file_heads import FileHeads, Start, changed_ns


def test_a_file_that_was_delivered_again_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"id,net")
    location = file.as_posix()
    known = {location: Start(b"known", is_whole=True, changed_ns=changed_ns(location))}
    # A local file is read without the session.
    heads = FileHeads(cast("SparkSession", None), {}, known)
    assert heads.read(for_spark(location), 99) == b"known"
    file.write_bytes(b"net,id")
    os.utime(file, ns=(0, 1))
    assert heads.read(for_spark(location), 99) == b"net,id"
