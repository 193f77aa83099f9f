"""Write a driver's messages on a file system of Hadoop's."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from framework.driver_elsewhere import hadoop_writer

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


def test_a_folder_that_its_reader_has_removed_is_not_made_again(
    spark: SparkSession, tmp_path: Path
) -> None:
    """A driver that YARN has given up may live on for a while."""
    folder = tmp_path / "messages"
    write = hadoop_writer(folder.as_uri())
    write("1", b"begun")
    assert (folder / "1").read_bytes() == b"begun"
    shutil.rmtree(folder)
    with pytest.raises(OSError, match="was removed by its reader"):
        write("2", b"late")
    assert not folder.exists()
