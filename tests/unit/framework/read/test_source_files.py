"""What a look at source files logs; what it refuses is in tests/spark."""

from __future__ import annotations

from pathlib import Path

import pytest

from framework.params import Source
from framework.plan import PlannedSource
from framework.read.source_files import require_sources
from framework.storage.local import LocalFileSystem


def test_a_hidden_file_beside_others_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_bytes(b"1,Ann\n")
    (tmp_path / "_c.csv").write_bytes(b"3,Cy\n")
    (tmp_path / "_SUCCESS").write_bytes(b"")
    folder = tmp_path.as_posix()
    planned = PlannedSource(Source("csv", "in", schema="id INT, name STRING"), folder, "row1")
    require_sources(LocalFileSystem(), [planned], refuses_content=True)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" WARN  [framework.sources] ")[2] for line in lines] == [
        f"{folder}/_c.csv beside {folder} was not read: Spark skips names that begin with _ or .",
    ]
